"""Delivery: a document's results appear in the outbox whole, with the receipt last, however often it is repeated."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from docferry.durable import Item, Written, clear_set, write_set
from docferry.errors import OutboxError
from docferry.failpoints import failpoint
from docferry.folders import Folder, NotRegular, chunks_of, open_file, sha256_of, translated
from docferry.models import Json, display
from docferry.outbox.names import first_free, numbered
from docferry.outbox.receipt import RECEIPT_SUFFIX, to_bytes
from docferry.outbox.root import Root
from docferry.providers.base import Output

# What we may put beside a base name: a foreign file under one of these means that the base is taken.
SUFFIXES = (
    RECEIPT_SUFFIX,
    ".md",
    ".html",
    ".json",
    ".csv",
    ".1.csv",
    ".chunks.json",
    ".split.json",
    ".schema.json",
    ".tables.json",
    ".class.json",
    ".raw.json",
)

_RECEIPT_MAX_BYTES = 16 << 20
_FLUSHERS = 8


class NameTaken(OutboxError):
    """A file that is not ours has one of the names: reserve another base and deliver again."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file as it lies in the outbox."""

    path: Path
    sha256: str
    size_bytes: int
    format: str  # the output's format, or "receipt"


class Outbox:
    """Where the results of an inbox go. Its methods block on the disk and may be called from several threads."""

    def __init__(self, root: Path, *, mode: int | None = None, group: str | int | None = None) -> None:
        self.root = Root(root, mode=mode, group=group)
        self._flushers = ThreadPoolExecutor(_FLUSHERS, thread_name_prefix="outbox-flush")

    def prepare(self, *, new: bool = True) -> None:
        """Creates the outbox, or with ``new=False`` asserts that it is the one used before (see ``Root``)."""
        self.root.prepare(new=new)

    def check(self) -> None:
        """Raises OutboxUnavailable while the outbox is offline."""
        with self.root.open():
            pass

    def reserve(self, base: str, taken: Callable[[str], bool], suffixes: Sequence[str] = ()) -> str:
        """``base`` or ``base~2``, ``base~3`` …: a name for which neither ``taken`` nor the disk knows a result.

        ``base`` has passed through ``safe_path``. Commit the answer before delivering under it.
        """
        folders, name = _split(base)
        prefix = base[: len(base) - len(name)]
        with self.root.folder(folders) as folder:

            def is_taken(number: int) -> bool:
                candidate = numbered(name, number)
                return taken(prefix + candidate) or any(
                    folder.exists(candidate + suffix) for suffix in (*SUFFIXES, *suffixes)
                )

            return prefix + numbered(name, first_free(is_taken))

    def deliver(
        self, base: str, outputs: Sequence[Output], receipt: Mapping[str, Json], *, replace: bool = False
    ) -> list[Delivered]:
        """Writes the outputs, then the receipt with their names, hashes and sizes; returns all of them, receipt last.

        Repeating it after a crash at any point gives the same files. What the same document delivered under this
        base before is replaced (a deliberate re-run); another's file is NameTaken, unless ``replace``.
        """
        folders, name = _split(base)
        _refuse_bad_suffixes(outputs)
        token = _token(receipt, base)
        with self.root.folder(folders) as folder, translated(folder.path / name, "deliver"):
            delivered = _delivered_before(folder, name, outputs, receipt)
            if delivered is None:
                replace = self._make_way(folder, name, outputs, receipt, token, replace=replace)
                delivered = self._write(folder, name, outputs, receipt, token, replace=replace)
            else:
                clear_set(folder, len(outputs), token)
                folder.sync()  # the crash may have come between the receipt's rename and this
            _remove_replaced(folder, name, token, keep={file.path.name for file in delivered})
        return delivered

    def _make_way(
        self,
        folder: Folder,
        name: str,
        outputs: Sequence[Output],
        receipt: Mapping[str, Json],
        token: str,
        *,
        replace: bool,
    ) -> bool:
        """Takes an older receipt out of sight before its set is touched: a receipt never describes a mixed set.

        NameTaken where files that are not ours have the base: what is in the outbox under one name is one set.
        """
        existing = _read_receipt(folder, name + RECEIPT_SUFFIX)
        if existing is not None and existing.get("document") == receipt["document"]:
            replace = True
        if folder.exists(_replaced_name(token)):
            return True  # an interrupted replacement of ours
        if folder.exists(name + RECEIPT_SUFFIX):
            if not replace:
                raise _name_taken(folder, name + RECEIPT_SUFFIX)
            with translated(folder.path / name):
                os.rename(name + RECEIPT_SUFFIX, _replaced_name(token), src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
            folder.sync()
            failpoint("outbox.old-receipt-hidden")
        elif not replace:
            _refuse_mixed_set(folder, name, outputs)
        return replace

    def _write(
        self,
        folder: Folder,
        name: str,
        outputs: Sequence[Output],
        receipt: Mapping[str, Json],
        token: str,
        *,
        replace: bool,
    ) -> list[Delivered]:
        items = [Item(name + output.suffix, output.content) for output in outputs]

        def seal(written: Sequence[Written]) -> Item:
            entries = [
                {"name": display(item.name), "format": output.format, "sha256": file.sha256, "bytes": file.size_bytes}
                for item, output, file in zip(items, outputs, written, strict=True)
            ]
            return Item(name + RECEIPT_SUFFIX, to_bytes({**receipt, "outputs": entries}))

        try:
            written = write_set(
                folder,
                items,
                seal,
                overwrite=replace,
                mode=self.root.mode,
                group=self.root.group,
                token=token,
                flushers=self._flushers,
            )
        except FileExistsError as error:
            raise _name_taken(folder, str(error.filename or name)) from error
        names = [*(item.name for item in items), name + RECEIPT_SUFFIX]
        formats = [*(output.format for output in outputs), "receipt"]
        return [
            Delivered(folder.path / file, content.sha256, content.size_bytes, format_)
            for file, content, format_ in zip(names, written, formats, strict=True)
        ]


def _split(base: str) -> tuple[list[str], str]:
    *folders, name = base.split("/")
    if name in ("", ".", ".."):
        raise OutboxError(f"not a name for results: {display(base)!r}")
    return folders, name


def _refuse_bad_suffixes(outputs: Sequence[Output]) -> None:
    suffixes = [output.suffix for output in outputs]
    for suffix in suffixes:
        if not suffix.startswith(".") or "/" in suffix or "\0" in suffix or suffix == RECEIPT_SUFFIX:
            raise OutboxError(f"not a suffix for a result: {display(suffix)!r}")
    if len(set(suffixes)) < len(suffixes):
        raise OutboxError(f"two results of one document with the same suffix: {', '.join(suffixes)}")


def _refuse_mixed_set(folder: Folder, name: str, outputs: Sequence[Output]) -> None:
    """What has our suffixes is ours, from an interrupted try, or is met when it is written; others are foreign."""
    ours = {output.suffix for output in outputs}
    for suffix in SUFFIXES:
        if suffix not in ours and folder.exists(name + suffix):
            raise _name_taken(folder, name + suffix)


def _token(receipt: Mapping[str, Json], base: str) -> str:
    """The same for every try of one document's delivery, and for nobody else: names its temporary files."""
    return hashlib.sha256(f"{receipt['document']}/{base}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _replaced_name(token: str) -> str:
    return f".docferry-{token}.replaced"


def _name_taken(folder: Folder, name: str) -> NameTaken:
    where = display(os.fspath(folder.path / name))
    return NameTaken(f"{where} exists already and is not ours", hint="it is kept; results get another name")


def _delivered_before(
    folder: Folder, name: str, outputs: Sequence[Output], receipt: Mapping[str, Json]
) -> list[Delivered] | None:
    """What an earlier try of this very run has put there, if it is whole."""
    existing = _read_receipt(folder, name + RECEIPT_SUFFIX)
    if existing is None or any(existing.get(key) != receipt.get(key) for key in ("document", "run")):
        return None
    entries = existing.get("outputs")
    if not isinstance(entries, list) or len(entries) != len(outputs):
        return None
    delivered = []
    for output, entry in zip(outputs, entries, strict=True):
        file = name + output.suffix
        if not isinstance(entry, dict) or entry.get("name") != display(file):
            return None
        digest = sha256_of(folder, file)
        if digest is None or digest != entry.get("sha256"):
            return None
        delivered.append(Delivered(folder.path / file, digest, _size(folder, file), output.format))
    file = name + RECEIPT_SUFFIX
    delivered.append(Delivered(folder.path / file, sha256_of(folder, file) or "", _size(folder, file), "receipt"))
    return delivered


def _size(folder: Folder, name: str) -> int:
    with translated(folder.path / name, "read"):
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_size


def _read_receipt(folder: Folder, name: str) -> dict[str, Json] | None:
    """A receipt that lies in the outbox; None when there is none, or what lies there is not one of ours."""
    try:
        with open_file(folder, name) as descriptor:
            if os.fstat(descriptor).st_size > _RECEIPT_MAX_BYTES:
                return None
            content = json.loads(b"".join(chunks_of(descriptor)))
    except (FileNotFoundError, NotRegular, PermissionError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _remove_replaced(folder: Folder, name: str, token: str, *, keep: set[str]) -> None:
    """Removes what the replaced set had and the new one has not, if nobody has changed it; then its receipt."""
    old = _read_receipt(folder, _replaced_name(token))
    if old is None and not folder.exists(_replaced_name(token)):
        return
    entries = old.get("outputs") if old else None
    for entry in entries if isinstance(entries, list) else ():
        file = entry.get("name") if isinstance(entry, dict) else None
        # The old receipt lay where others can write: it may only name files of this set, as they were delivered.
        if not isinstance(file, str) or not file.startswith(name + ".") or "/" in file or file in keep:
            continue
        if sha256_of(folder, file) == entry.get("sha256"):
            folder.remove(file)
    failpoint("outbox.stale-removed")
    folder.remove(_replaced_name(token))
    folder.sync()
