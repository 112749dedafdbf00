"""Where originals end: the archive and the failed folder, mirrored by sub-folder, nothing ever overwritten.

The name is decided by the first free number. After a crash the same call finds what it did before: by the
inode where the original was renamed, by a hidden second link where it was copied to another filesystem.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from docferry.durable import copy_hidden, move, replace, temporary_name
from docferry.errors import OutboxError, OutboxUnavailable
from docferry.failpoints import failpoint
from docferry.folders import (
    NOT_SUPPORTED,
    Folder,
    is_there,
    rename_exclusively,
    rename_new,
    sha256_of,
    translated,
)
from docferry.models import Document, Json, display
from docferry.outbox.failure import ERROR_SUFFIX
from docferry.outbox.names import first_free, numbered_file, safe_path, with_suffix
from docferry.outbox.receipt import to_bytes
from docferry.outbox.root import Root
from docferry.rules.sidecar import SUFFIX as SIDECAR_SUFFIX

# Errors by which a filesystem refuses a name that the inbox's filesystem had allowed.
_NAME_REFUSED = frozenset({errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG})

_log = logging.getLogger(__name__)

_COARSEST_TIME_NS = 2_000_000_000  # FAT keeps times in steps of two seconds


def put_away(document: Document, root: Root) -> Path:
    """Moves the original below ``root``, under its own path, and returns where it is. Repeating is safe.

    Its sidecar goes with it: whoever tries the document again, or mends the sidecar, needs it. OutboxError when the
    original is neither where the document says nor below ``root``.
    """
    original = _put_original(document, root)
    _put_sidecar(document, original)
    return original


def sidecar_of(original: Path) -> Path:
    """Where the sidecar of an original lies that was put away."""
    return original.with_name(with_suffix(original.name, SIDECAR_SUFFIX))


def _put_sidecar(document: Document, original: Path) -> None:
    source = Path(document.work_path + SIDECAR_SUFFIX)
    if source.parent.name != document.id or not _is_regular(source):
        return  # none, or one that stays where it is, in the inbox
    try:
        move(source, sidecar_of(original))
    except OutboxUnavailable:
        raise
    except (OutboxError, FileExistsError) as error:
        # Another user's file that may not be copied to another filesystem, say: the document must end all the same.
        _log.warning("the sidecar of %s cannot be kept: %s", display(document.path), error)


def _is_regular(path: Path) -> bool:
    with translated(path, "look at"):
        try:
            return stat.S_ISREG(path.lstat().st_mode)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
                return False
            raise


def _put_original(document: Document, root: Root) -> Path:
    *folders, name = document.path.split("/")
    try:
        return _put(document, root, folders, name)
    except OutboxError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in _NAME_REFUSED:
            raise
    *folders, name = safe_path(document.path).split("/")
    return _put(document, root, folders, name)


def put_failed(document: Document, root: Root, error: Mapping[str, Json]) -> Path:
    """Moves the original below ``root`` and writes NAME.error.json beside it; returns where the original is."""
    original = put_away(document, root)
    beside = original.parent / with_suffix(original.name, ERROR_SUFFIX)
    replace(beside, to_bytes(error), mode=root.mode, group=root.group, token=f"{document.id}-error")
    failpoint("originals.error-written")
    return original


def _put(document: Document, root: Root, folders: list[str], name: str) -> Path:
    source = Path(document.work_path)
    token = hashlib.sha256(document.id.encode()).hexdigest()[:20]
    with root.folder(folders) as there:
        if is_there(source):
            with Folder(source.parent) as here, translated(source, "move"):
                found = _put_source(document, here, source.name, there, name, token)
        else:
            with translated(source, "find"):
                found = _found_again(document, there, name, token)
            there.sync()
        failpoint("originals.moved")
        there.remove(temporary_name(token))
        return there.path / found


def _put_source(document: Document, here: Folder, source: str, there: Folder, name: str, token: str) -> str:
    _refuse_another_file(document, here, source)
    found, copied = _name_of_copy(there, token), True
    if found is None:
        found, copied = _give_name(here, source, there, name, token)
    failpoint("originals.named")
    there.sync()
    if copied:
        _refuse_another_file(document, here, source)
        here.remove(source)
    here.sync()
    return found


def _refuse_another_file(document: Document, here: Folder, source: str) -> None:
    """A file that was left in the inbox may have been replaced: the newer one is not ours to put away."""
    if here.path.name == document.id:
        return  # its own work folder, where nobody else writes
    status = os.stat(source, dir_fd=here.fd, follow_symlinks=False)
    known = document.identity
    if (status.st_ino, status.st_size, status.st_mtime_ns) != (known.inode, known.size_bytes, known.mtime_ns):
        where = display(os.fspath(here.path / source))
        raise OutboxError(f"{where} is another file now than the one that was sent", hint="it is left where it is")


def _name_of_copy(there: Folder, token: str) -> str | None:
    """The name that an interrupted try gave the original: the hidden one is a second link to the same file.

    Links without our hidden name tell nothing: people drop the same file twice by hard links.
    """
    try:
        copy = os.stat(temporary_name(token), dir_fd=there.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return _link_of(there, copy, token) if copy.st_nlink > 1 else None


def _link_of(there: Folder, status: os.stat_result, token: str) -> str | None:
    """Another name in ``there`` of the file that has this status."""
    if os.fstat(there.fd).st_dev != status.st_dev:
        return None
    with os.scandir(there.fd) as entries:
        return next((e.name for e in entries if e.inode() == status.st_ino and e.name != temporary_name(token)), None)


def _give_name(here: Folder, source: str, there: Folder, name: str, token: str) -> tuple[str, bool]:
    """The first free name, which the original has now, and whether it is in its old place still.

    It is where the file is copied to another filesystem, or linked since this one cannot rename without replacing.
    """
    copied = False
    while True:
        free = _free_name(there, name)
        try:
            if copied:
                _link(there, temporary_name(token), free)
            elif not rename_exclusively(here, source, there, free):
                if not _link_hidden(here, source, there, token):
                    rename_new(here, source, there, free)
                    return free, False
                copied = True
                continue
        except FileExistsError:
            continue  # someone was faster: the next number
        except OSError as error:
            if error.errno != errno.EXDEV or copied:
                raise
            copy_hidden(here, source, there, token)
            copied = True
            continue
        return free, copied


def _link_hidden(here: Folder, source: str, there: Folder, token: str) -> bool:
    """Gives the original its hidden name as well; False where there are no links."""
    try:
        os.link(source, temporary_name(token), src_dir_fd=here.fd, dst_dir_fd=there.fd, follow_symlinks=False)
    except FileExistsError:
        pass  # by an interrupted try
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        return False
    failpoint("originals.linked")
    return True


def _link(there: Folder, hidden: str, name: str) -> None:
    """The hidden name stays, as the mark by which a crash before the source's removal is recognised."""
    try:
        os.link(hidden, name, src_dir_fd=there.fd, dst_dir_fd=there.fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        rename_new(there, hidden, there, name)


def _free_name(there: Folder, name: str) -> str:
    return numbered_file(name, first_free(lambda number: _is_taken(there, numbered_file(name, number))))


def _is_taken(there: Folder, name: str) -> bool:
    """Whether an original has this name, or something is there that would be taken for what belongs to one."""
    return any(there.exists(one) for one in (name, with_suffix(name, ERROR_SUFFIX), with_suffix(name, SIDECAR_SUFFIX)))


def _found_again(document: Document, there: Folder, name: str, token: str) -> str:
    """Where an earlier try has put the original, which is gone from its place."""
    found = _name_of_copy(there, token) or _renamed(document, there, name) or _copied_whole(document, there, name)
    if found is None:
        where = display(document.work_path)
        raise OutboxError(f"the original of {document.id} is missing: neither at {where} nor in {there.path}")
    return found


def _renamed(document: Document, there: Folder, name: str) -> str | None:
    """The file that still has the original's inode, size and time: inode numbers alone are used again.

    Of several (the same file was dropped by hard links) the one of the original's own name.
    """
    identity, found = document.identity, []
    with os.scandir(there.fd) as entries:
        for entry in entries:
            if entry.inode() == identity.inode:
                status = entry.stat(follow_symlinks=False)
                if (status.st_size, status.st_mtime_ns) == (identity.size_bytes, identity.mtime_ns):
                    found.append(entry.name)
    return name if name in found else min(found, default=None)


def _copied_whole(document: Document, there: Folder, name: str) -> str | None:
    """The newest file of this name that is the original's copy: one whose other traces are gone already."""
    number = first_free(lambda candidate: _is_taken(there, numbered_file(name, candidate))) - 1
    while number > 0:
        candidate = numbered_file(name, number)
        if there.exists(candidate) and _is_copy(document, there, candidate):
            return candidate
        number -= 1
    return None


def _is_copy(document: Document, there: Folder, name: str) -> bool:
    """By content; for a document that failed before it was hashed by size and time, which copying keeps."""
    if document.sha256 is not None:
        return sha256_of(there, name) == document.sha256
    status = os.stat(name, dir_fd=there.fd, follow_symlinks=False)
    known = document.identity
    return status.st_size == known.size_bytes and abs(status.st_mtime_ns - known.mtime_ns) < _COARSEST_TIME_NS
