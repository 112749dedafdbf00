"""Files that are on disk whole, or not there at all: the only way docferry writes what must survive.

A file is written under a hidden name in the folder it belongs to, brought to the disk, renamed, and the folder
is brought to the disk. Every step may be cut off by kill -9 or power loss; repeating the call then gives the
same end. All work goes through an open folder (``Folder``), so that nothing lands elsewhere when a share is
unmounted meanwhile. The calls block: the event loop's code runs them in threads.

Errors: ``OutboxUnavailable`` where the folder is in trouble (full, read-only, offline, not permitted),
``OutboxError`` where this one name or file cannot be written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from docferry.errors import OutboxUnavailable
from docferry.failpoints import failpoint
from docferry.folders import Folder, chunks_of, is_there, open_source, rename_new, sha256_of, translated
from docferry.models import display

TEMPORARY_PREFIX = ".docferry-"
TEMPORARY_SUFFIX = ".tmp"

FEW_FILES = 0
"""So many are flushed one after the other: the first flush takes most of the others along, and a thread costs more."""

Content = bytes | Path | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Written:
    """What is on disk now."""

    sha256: str
    size_bytes: int


class _Temporary:
    """A file under a hidden name, on its way to its real one."""

    def __init__(self, folder: Folder, token: str | None, mode: int | None) -> None:
        self.folder = folder
        self.name = temporary_name(token)
        self.published = False
        self._mode = mode
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        with translated(folder.path, "write to"):
            self._fd = self._open()
        failpoint("durable.temporary-created")

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        permissions = 0o666 if self._mode is None else 0o600  # without a wish, the umask decides
        try:
            return os.open(self.name, flags, permissions, dir_fd=self.folder.fd)
        except FileExistsError:
            # A token belongs to one writer, so this is what a crash of ours left behind.
            os.unlink(self.name, dir_fd=self.folder.fd)
            return os.open(self.name, flags, permissions, dir_fd=self.folder.fd)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.size_bytes += len(data)
        rest = memoryview(data)
        with translated(self.folder.path, "write to"):
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def flush(self, group: int | None) -> None:
        """Brings content, mode and group to the disk and closes the file."""
        failpoint("durable.before-fsync")
        with translated(self.folder.path, "write to"):
            try:
                self._set_owner_and_mode(group)
                os.fsync(self._fd)
            finally:
                descriptor, self._fd = self._fd, -1
                os.close(descriptor)
        failpoint("durable.after-fsync")

    def _set_owner_and_mode(self, group: int | None) -> None:
        if group is not None and os.fstat(self._fd).st_gid != group:
            try:
                os.fchown(self._fd, -1, group)
            except PermissionError as error:
                where = display(os.fspath(self.folder.path))
                hint = "docferry's user must be a member of that group"
                raise OutboxUnavailable(f"cannot give files in {where} to group {group}", hint=hint) from error
        if self._mode is not None:
            os.fchmod(self._fd, self._mode)

    def set_times(self, accessed_ns: int, modified_ns: int) -> None:
        with translated(self.folder.path, "write to"):
            os.utime(self._fd, ns=(accessed_ns, modified_ns))

    def publish(self, name: str, *, overwrite: bool) -> None:
        """Gives the file its real name. FileExistsError, unless ``overwrite`` or the same bytes stand there."""
        with translated(self.folder.path / name):
            if overwrite:
                os.rename(self.name, name, src_dir_fd=self.folder.fd, dst_dir_fd=self.folder.fd)
            else:
                try:
                    rename_new(self.folder, self.name, self.folder, name)
                except FileExistsError:
                    if sha256_of(self.folder, name) != self.sha256:
                        raise
                    self.discard()
                    return
        self.published = True
        failpoint("durable.renamed")

    def discard(self) -> None:
        """Removes what was not published; a failure here must not hide the error that led to it."""
        if self._fd >= 0:
            descriptor, self._fd = self._fd, -1
            with suppress(OSError):
                os.close(descriptor)
        if not self.published:
            with suppress(OSError):
                os.unlink(self.name, dir_fd=self.folder.fd)


class DurableFile:
    """Context manager: write, and at a clean exit the file is on disk under its name; else nothing is.

    With ``overwrite=False`` a file of that name with other content raises FileExistsError at exit. ``token``
    makes the hidden name the same at every try, so that a repetition clears away what a crash left; it must
    belong to this writer alone.
    """

    def __init__(
        self,
        path: Path,
        *,
        mode: int | None = None,
        group: int | None = None,
        overwrite: bool = True,
        token: str | None = None,
    ) -> None:
        self.path = path
        self._mode = mode
        self._group = group
        self._overwrite = overwrite
        self._token = token

    def __enter__(self) -> Self:
        self._folder = Folder(self.path.parent)
        try:
            self._temporary = _Temporary(self._folder, self._token, self._mode)
        except BaseException:
            os.close(self._folder.fd)
            raise
        return self

    def write(self, data: bytes) -> None:
        self._temporary.write(data)

    @property
    def sha256(self) -> str:
        """Of everything written so far."""
        return self._temporary.sha256

    @property
    def size_bytes(self) -> int:
        return self._temporary.size_bytes

    @property
    def written(self) -> Written:
        return Written(self.sha256, self.size_bytes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._folder:
            try:
                if kind is None:
                    self._temporary.flush(self._group)
                    self._temporary.publish(self.path.name, overwrite=self._overwrite)
                    self._folder.sync()
                    failpoint("durable.folder-synced")
            finally:
                self._temporary.discard()


def replace(
    path: Path, content: Content, *, mode: int | None = None, group: int | None = None, token: str | None = None
) -> Written:
    """Puts ``content`` durably at ``path``, replacing what was there in one step."""
    with DurableFile(path, mode=mode, group=group, token=token) as file:
        _fill(file, content)
    return file.written


def create(
    path: Path, content: Content, *, mode: int | None = None, group: int | None = None, token: str | None = None
) -> Written:
    """Puts ``content`` durably at ``path``, never over another file: FileExistsError unless it holds the same bytes."""
    with DurableFile(path, mode=mode, group=group, token=token, overwrite=False) as file:
        _fill(file, content)
    return file.written


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a set: its name in the folder and what it holds."""

    name: str
    content: Content


def write_set(
    folder: Folder,
    items: Sequence[Item],
    seal: Callable[[Sequence[Written]], Item],
    *,
    overwrite: bool,
    mode: int | None = None,
    group: int | None = None,
    token: str | None = None,
    flushers: Executor | None = None,
) -> list[Written]:
    """Writes ``items`` and then what ``seal`` makes of them, whose presence proves that the whole set is on disk.

    Two folder syncs: one for the set, one for the seal after it. Without ``overwrite``, a name that another file
    has raises FileExistsError (``filename`` says which) and what this call had put there is taken away again.
    ``flushers`` are threads of this folder's filesystem alone, so that one hung share cannot block another.
    """
    temporaries: list[_Temporary] = []
    try:
        for number, item in enumerate(items):
            temporaries.append(_Temporary(folder, f"{token}-{number}" if token else None, mode))
            _fill(temporaries[-1], item.content)
        written = [Written(temporary.sha256, temporary.size_bytes) for temporary in temporaries]
        last = seal(written)
        temporaries.append(_Temporary(folder, f"{token}-seal" if token else None, mode))
        _fill(temporaries[-1], last.content)
        _flush_all(temporaries, group, flushers)
        names = [*(item.name for item in items), last.name]
        _publish_set(folder, temporaries, names, overwrite=overwrite)
        return [*written, Written(temporaries[-1].sha256, temporaries[-1].size_bytes)]
    finally:
        for temporary in temporaries:
            temporary.discard()


def clear_set(folder: Folder, items: int, token: str) -> None:
    """Removes what an interrupted ``write_set`` of so many items may have left under hidden names."""
    for part in (*range(items), "seal"):
        folder.remove(temporary_name(f"{token}-{part}"))


def _publish_set(folder: Folder, temporaries: Sequence[_Temporary], names: Sequence[str], *, overwrite: bool) -> None:
    """Renames the set, syncs, renames the seal, syncs. The order on disk is the promise."""
    try:
        for temporary, name in zip(temporaries[:-1], names[:-1], strict=True):
            temporary.publish(name, overwrite=overwrite)
        folder.sync()
        failpoint("durable.set-synced")
        temporaries[-1].publish(names[-1], overwrite=overwrite)
    except FileExistsError:
        for temporary, name in zip(temporaries, names, strict=True):
            if temporary.published:
                folder.remove(name)
        folder.sync()
        raise
    folder.sync()
    failpoint("durable.seal-synced")


def _flush_all(temporaries: Sequence[_Temporary], group: int | None, flushers: Executor | None) -> None:
    """Brings all to the disk; many at once, where there are threads for it: disks merge flushes that wait together."""
    first, *others = temporaries
    if flushers is None or len(temporaries) <= FEW_FILES:
        for temporary in temporaries:
            temporary.flush(group)
        return
    started = [flushers.submit(temporary.flush, group) for temporary in others]
    try:
        first.flush(group)
    finally:
        wait(started)  # nobody may remove a file that is still being flushed
    for outcome in started:
        outcome.result()


def rename(source: Path, target: Path) -> None:
    """Gives a durable file another name in its folder, over whatever bears it. Durable afterwards."""
    with Folder(target.parent) as folder:
        with translated(target):
            os.rename(source.name, target.name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        folder.sync()


def move(source: Path, target: Path) -> None:
    """Moves a file durably to ``target``, never over another file (FileExistsError), also across filesystems.

    Repeating is safe: where a crash left the same file under both names, the source goes. FileNotFoundError
    becomes OutboxError when the source is missing.
    """
    with Folder(source.parent) as here, Folder(target.parent) as there:
        with translated(target, f"move {display(os.fspath(source))} to"):
            if not _rename_or_finish(here, source.name, there, target.name):
                _copy(here, source.name, there, target.name)
                failpoint("durable.copied")
                here.remove(source.name)
        failpoint("durable.moved")
        there.sync()
        here.sync()


def _rename_or_finish(here: Folder, source: str, there: Folder, target: str) -> bool:
    """Renames, or removes the source that an interrupted move left behind. False: these are two filesystems."""
    try:
        rename_new(here, source, there, target)
    except FileExistsError:
        digest = sha256_of(here, source)
        if digest is None or digest != sha256_of(there, target):
            raise
        here.remove(source)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy(here: Folder, source: str, there: Folder, target: str) -> None:
    token = hashlib.sha256(os.fsencode(f"{here.path / source}\n{target}")).hexdigest()[:20]
    hidden = copy_hidden(here, source, there, token)
    try:
        rename_new(there, hidden, there, target)
    except FileExistsError:
        same = sha256_of(there, hidden) == sha256_of(there, target)
        there.remove(hidden)
        if not same:
            raise
    there.sync()


def copy_hidden(here: Folder, source: str, there: Folder, token: str | None = None) -> str:
    """Copies a file, with times and permissions, to a hidden name in another folder; returns it, content on disk."""
    with open_source(here, source) as original:
        before = os.fstat(original)
        temporary = _Temporary(there, token, stat.S_IMODE(before.st_mode) & 0o777)
        try:
            for chunk in chunks_of(original):
                temporary.write(chunk)
            temporary.set_times(before.st_atime_ns, before.st_mtime_ns)
            temporary.flush(None)
        except BaseException:
            temporary.discard()
            raise
        return temporary.name


def remove(path: Path) -> None:
    """Removes a file durably; harmless when it is gone already."""
    with Folder(path.parent) as folder:
        folder.remove(path.name)
        folder.sync()


def remove_tree(path: Path, *, sync: bool = True) -> None:
    """Removes a folder and everything in it; harmless when it is gone already. Never follows links.

    Durably, unless with ``sync=False`` the filesystem may take its time.
    """
    with translated(path, "remove"):
        while is_there(path):
            with suppress(FileNotFoundError):  # someone else removes from it too: look again
                shutil.rmtree(path)
            failpoint("durable.tree-removed")
    if sync and is_there(path.parent):
        with Folder(path.parent) as parent:
            parent.sync()


def temporary_name(token: str | None = None) -> str:
    """The hidden name under which a file is written."""
    return f"{TEMPORARY_PREFIX}{token or secrets.token_hex(8)}{TEMPORARY_SUFFIX}"


def _fill(file: DurableFile | _Temporary, content: Content) -> None:
    if isinstance(content, bytes):
        file.write(content)
    elif isinstance(content, Path):
        with Folder(content.parent) as folder, open_source(folder, content.name) as source:
            for chunk in chunks_of(source):
                file.write(chunk)
    else:
        for chunk in content:
            file.write(chunk)
