"""Work folders that the ledger does not know: documents to take up again, and leftovers to clear away.

A crash between the rename and the ledger's commit leaves such a folder, and so does a ledger that is gone. Two
daemons may share an inbox, so a folder whose record names another owner is never touched.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from docferry.config.models import InboxConfig
from docferry.intake.claiming import remove_work_folder, work_path
from docferry.intake.record import RECORD, RECORD_LIMIT_BYTES, Record, parse
from docferry.intake.root import Home, Root
from docferry.intake.values import DONE_SUFFIX, SIDECAR_SUFFIX, Claimed, identity_of, split

_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{16}")  # the alphabet of models.new_id
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Another daemon may be between making its folder and moving the original in: leave fresh ones alone.
_ABANDONED_AFTER_NS = 3600 * 10**9


def recover(config: InboxConfig, known_ids: Collection[str], *, owner: str = "", now: float) -> list[Claimed]:
    """The documents in work folders that the ledger does not know. InboxOffline as ``Home.open``."""
    with Home(str(config.path), None).open() as root:
        unknown = [id for id in work_folders(root) if id not in known_ids]
        return list(adopt(root, config.name, unknown, owner=owner, now=now))


def work_folders(root: Root) -> list[str]:
    """The ids of all work folders, oldest first."""
    with os.scandir(root.work_fd) as entries:
        return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and _ID.fullmatch(e.name))


def adopt(root: Root, inbox: str, ids: Iterable[str], *, owner: str, now: float) -> Iterator[Claimed]:
    """The documents in these work folders, which the ledger does not know."""
    for id in ids:
        found = _look(root, id)
        if found.record is not None and found.record.owner != owner:
            continue
        if found.original is None:
            _clear_away(root, found, owns=found.record is not None)
            continue
        path = found.record.path if found.record is not None else found.original
        seen_at = found.record.seen_at if found.record is not None else now
        with suppress(FileNotFoundError):
            status = os.stat(f"{id}/{found.original}", dir_fd=root.work_fd, follow_symlinks=False)
            _bring_sidecar(root, id, path)
            yield Claimed(
                id=id,
                inbox=inbox,
                path=path,
                work_path=work_path(root, id, found.original),
                identity=identity_of(status),
                seen_at=seen_at,
                claimed_at=now,
                problem=found.record.problem if found.record is not None else None,
            )


@dataclass(frozen=True, slots=True)
class _Found:
    """What a work folder holds. ``others`` counts what is neither record nor original."""

    id: str
    record: Record | None
    original: str | None
    others: int
    changed_at_ns: int


def _look(root: Root, id: str) -> _Found:
    fd = os.open(id, _OPEN_FOLDER, dir_fd=root.work_fd)
    try:
        record = _read_record(fd, id)
        with os.scandir(fd) as entries:
            names = sorted(entry.name for entry in entries if entry.name != RECORD)
            files = [name for name in names if _is_file(fd, name)]
        changed_at_ns = os.fstat(fd).st_ctime_ns
    finally:
        os.close(fd)
    wanted = split(record.path)[1] if record is not None else _likely_original(files)
    original = wanted if wanted in files else None
    return _Found(id, record, original, len(names) - (original is not None), changed_at_ns)


def _likely_original(files: list[str]) -> str | None:
    """The original in a folder whose record was lost to power failure: such a folder has no answers in it yet."""
    named = [name for name in files if not name.startswith(".") and not name.endswith((SIDECAR_SUFFIX, DONE_SUFFIX))]
    return next(iter(named or files), None)


def _is_file(fd: int, name: str) -> bool:
    with suppress(FileNotFoundError):
        return stat.S_ISREG(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    return False


def _read_record(folder_fd: int, id: str) -> Record | None:
    try:
        fd = os.open(RECORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    except OSError:
        return None  # none was written, or it is no file: the folder's content is what counts
    try:
        return parse(os.read(fd, RECORD_LIMIT_BYTES)).get(id)
    finally:
        os.close(fd)


def _clear_away(root: Root, found: _Found, *, owns: bool) -> None:
    """Removes a folder whose original never arrived; anything else in it keeps it alive."""
    age_ns = (root.filesystem_now_ns() or 0) - found.changed_at_ns
    if found.others or (not owns and age_ns < _ABANDONED_AFTER_NS):
        return
    remove_work_folder(root, found.id)


def _bring_sidecar(root: Root, id: str, path: str) -> None:
    """Moves the sidecar after its document, where a crash came between the two."""
    folder, name = split(path)
    sidecar = name + SIDECAR_SUFFIX
    with suppress(OSError), root.open_folder(folder) as folder_fd:
        if _is_file(folder_fd, sidecar) and not _is_file(folder_fd, name):
            os.rename(sidecar, f"{id}/{sidecar}", src_dir_fd=folder_fd, dst_dir_fd=root.work_fd)
