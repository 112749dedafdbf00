"""Open folders, and what can be done in them safely: the few system calls on which durable writing stands.

A path names whatever is mounted or renamed there at the moment; an open folder stays the folder it is. Foreign
errors are translated here, once, into whose trouble it is.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from docferry.errors import OutboxError, OutboxUnavailable
from docferry.failpoints import failpoint
from docferry.models import display

_CHUNK_BYTES = 1 << 20
_RENAME_NOREPLACE = 1
_LIBC_RENAMEAT2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)

AWAY = {
    errno.ENOTCONN: "the share is gone",
    errno.ECONNABORTED: "the share is gone",  # a FUSE program ended while we spoke to it
    errno.ECONNRESET: "the share is gone",
    errno.ESTALE: "the share is gone",
    errno.ENODEV: "the filesystem is gone",
    errno.ENXIO: "the filesystem is gone",
    errno.EIO: "the disk or share reports errors",
    errno.EREMOTEIO: "the disk or share reports errors",
    errno.EUCLEAN: "the filesystem is damaged",
    errno.ESHUTDOWN: "the filesystem has shut down",
    errno.EHOSTDOWN: "the share's server is down",
    errno.ECONNREFUSED: "the share's server is down",
    errno.EHOSTUNREACH: "the share's server cannot be reached",
    errno.ENETUNREACH: "the share's server cannot be reached",
    errno.ENETDOWN: "the share's server cannot be reached",
    errno.ETIMEDOUT: "the share's server does not answer",
}
"""errno -> why a whole filesystem, and not one document, is in trouble: it is waited for, and comes back."""

# errno -> what a person can do; each is the trouble of the folder and everything in it, not of one document.
_FOLDER_TROUBLE = {number: f"{reason}; work goes on by itself when it is back" for number, reason in AWAY.items()} | {
    errno.ENOSPC: "free some space; work goes on by itself",
    errno.EDQUOT: "raise the quota or free some space; work goes on by itself",
    errno.EROFS: "the filesystem is read-only; remount it writable",
    errno.EACCES: "give docferry's user permission to write there",
    errno.EPERM: "give docferry's user permission to write there",
    errno.EMFILE: "raise the limit of open files",
    errno.ENFILE: "raise the system's limit of open files",
    errno.ENOMEM: "the machine is out of memory",
}

# Errors by which a filesystem says that it has no such operation, as opposed to that it failed. EIO is what an SMB
# share through FUSE says of a hard link; what is done instead will say it again where a disk is really in trouble.
NOT_SUPPORTED = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK, errno.EIO}
)


@contextmanager
def translated(place: Path, deed: str = "write") -> Iterator[None]:
    """Turns an OSError about ``place`` into OutboxUnavailable or OutboxError; FileExistsError stays as it is."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise outbox_error(error, place, deed) from error


def outbox_error(error: OSError, place: Path, deed: str = "write") -> OutboxError:
    """The error a person can act upon: whose trouble it is, what, where, what to do."""
    what = f"cannot {deed} {display(os.fspath(place))}: {os.strerror(error.errno) if error.errno else error}"
    hint = _FOLDER_TROUBLE.get(error.errno or 0)
    return OutboxUnavailable(what, hint=hint) if hint else OutboxError(what)


class Folder:
    """An open folder. What is done through it lands there, whatever happens to its path meanwhile."""

    def __init__(self, path: Path, *, fd: int | None = None) -> None:
        self.path = path
        if fd is None:
            with translated(path):
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def sync(self) -> None:
        """Makes creations, renames and removals in this folder survive power loss."""
        try:
            os.fsync(self.fd)
            # XFS drops a rename when it shuts down on an I/O error, and then says of the folder's fsync that all is
            # well; it is asking for the folder's status that fails.
            os.fstat(self.fd)
        except OSError as error:
            # Some network and FUSE filesystems cannot sync a folder; there is nothing more one could do there.
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
                raise outbox_error(error, self.path) from error

    def exists(self, name: str) -> bool:
        """Whether anything, also a dangling link, has this name."""
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise outbox_error(error, self.path / name) from error
        return True

    def remove(self, name: str) -> None:
        """Removes a file; harmless when it is gone already. Not durable before ``sync``."""
        with translated(self.path / name), suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)


class NotRegular(OSError):
    """Something other than a regular file has the name."""


@contextmanager
def open_file(folder: Folder, name: str) -> Iterator[int]:
    """Opens a regular file for reading; NotRegular for a FIFO, device, folder or link, which is never waited on."""
    descriptor = _open_regular(folder, name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_source(folder: Folder, name: str) -> Iterator[int]:
    """Like ``open_file``; that the file to copy from cannot be opened is its own trouble: OutboxError."""
    try:
        descriptor = _open_regular(folder, name)
    except OSError as error:
        raise OutboxError(f"cannot read {display(os.fspath(folder.path / name))}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_regular(folder: Folder, name: str) -> int:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise NotRegular(errno.EINVAL, "not a regular file", name) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(errno.EINVAL, "not a regular file", name)
    return descriptor


def chunks_of(descriptor: int) -> Iterator[bytes]:
    """Everything from the descriptor's position to the end, in pieces."""
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        yield chunk


def sha256_of(folder: Folder, name: str) -> str | None:
    """The sha256 of the regular file of this name; None where there is none, or none that we may read."""
    digest = hashlib.sha256()
    with translated(folder.path / name, "read"):
        try:
            with open_file(folder, name) as descriptor:
                for chunk in chunks_of(descriptor):
                    digest.update(chunk)
        except (FileNotFoundError, NotRegular, PermissionError):
            return None
    return digest.hexdigest()


def is_there(path: Path) -> bool:
    """Whether anything has this path. OutboxUnavailable where nobody can tell, which is not the same as no."""
    with translated(path, "look at"):
        try:
            os.lstat(path)
        except FileNotFoundError:
            return False
    return True


def sha256_of_file(path: Path) -> str | None:
    """The same for a file by its path; no link in its last component is followed."""
    with Folder(path.parent) as folder:
        return sha256_of(folder, path.name)


def rename_new(here: Folder, source: str, there: Folder, target: str) -> None:
    """Renames within one filesystem to a name nobody has, else FileExistsError. Not durable before a sync."""
    if not rename_exclusively(here, source, there, target):
        _link_and_unlink(here, source, there, target)


def rename_exclusively(here: Folder, source: str, there: Folder, target: str) -> bool:
    """The same in one call; False, and nothing is done, where the kernel, C library or filesystem has none."""
    if _LIBC_RENAMEAT2 is None or "\0" in target:  # C would cut the name there; os.link refuses it
        return False
    if _LIBC_RENAMEAT2(here.fd, os.fsencode(source), there.fd, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), target)


def _link_and_unlink(here: Folder, source: str, there: Folder, target: str) -> None:
    try:
        os.link(source, target, src_dir_fd=here.fd, dst_dir_fd=there.fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        # Neither way exists here (FAT, some shares): look first, the best that such a filesystem offers.
        if there.exists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        os.rename(source, target, src_dir_fd=here.fd, dst_dir_fd=there.fd)
        return
    failpoint("durable.linked")
    os.unlink(source, dir_fd=here.fd)
