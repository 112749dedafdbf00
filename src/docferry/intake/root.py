"""An inbox's root, opened: is it there, is it the filesystem we know, and what is its own time.

Nothing is kept open between visits, because an open folder would keep people from unmounting a share.
"""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from docferry.errors import InboxOffline
from docferry.folders import AWAY, Folder
from docferry.intake.mounts import MOUNTINFO, Mount, mount_of
from docferry.models import display

WORK_FOLDER = ".docferry"
MARKER = "marker"
CANARY = "canary"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MARKER_LIMIT_BYTES = 200
PROBE = "probe."
_PROBE_BYTES = 4096
_OLD_PROBE_NS = 60 * 10**9
_BARE_VISITS = 2

_MAY_NOT_WRITE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})

# errno -> why the inbox is away and comes back by itself
_AWAY = AWAY | {
    errno.ENOENT: "the folder is missing",
    errno.ENOTDIR: "it is not a folder",
    errno.EROFS: "the filesystem is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "we may not use it (permission denied)",
    errno.EPERM: "we may not use it (operation not permitted)",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "the machine is out of memory",
}


def away(error: OSError, path: str) -> InboxOffline | None:
    """The error as the whole inbox's trouble, or None where it is not that."""
    reason = _AWAY.get(error.errno or 0)
    return InboxOffline(f"{reason}: {display(path)}") if reason else None


@dataclass(frozen=True, slots=True)
class MarkerId:
    """What is remembered of an inbox's filesystem: its marker, and where and on what it was found.

    Written ``uuid|filesystem|filesystem id|mount point``; the last three tell a folder that was made anew from
    the empty folder that shows when a share is not mounted.
    """

    token: str
    filesystem: str = ""
    filesystem_id: str = ""
    mount_point: str = ""

    @classmethod
    def parse(cls, text: str) -> MarkerId:
        return cls(*[*text.split("|", 3), "", "", ""][:4])

    def __str__(self) -> str:
        return "|".join((self.token, self.filesystem, self.filesystem_id, self.mount_point))

    def same_place(self, other: MarkerId) -> bool:
        """Whether both were seen on the same mount of the same filesystem."""
        mine = (self.filesystem, self.filesystem_id, self.mount_point)
        return bool(self.filesystem) and mine == (other.filesystem, other.filesystem_id, other.mount_point)


@dataclass(frozen=True, slots=True)
class Root:
    """An opened inbox. ``work_fd`` is its ``.docferry`` folder; -1 where files stay and we may not write."""

    path: str
    fd: int
    work_fd: int
    device: int
    inode: int
    mount: Mount
    marker: MarkerId

    @property
    def identity(self) -> tuple[int, int]:
        return self.device, self.inode

    @property
    def has_work_folder(self) -> bool:
        return self.work_fd >= 0

    @property
    def work_identity(self) -> tuple[int, int] | None:
        if not self.has_work_folder:
            return None
        status = os.fstat(self.work_fd)
        return status.st_dev, status.st_ino

    @contextmanager
    def open_folder(self, relative: str) -> Iterator[int]:
        """The folder below the inbox, reached without following a link at any level."""
        fd = os.dup(self.fd)
        try:
            for part in relative.split("/") if relative else ():
                inner = os.open(part, _OPEN_FOLDER, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def probe(self) -> None:
        """Makes and removes a folder with a file in it, as a claim will; OSError as the claim would get it."""
        self._remove_old_probes()
        name = f"{PROBE}{uuid.uuid4().hex}"
        os.mkdir(name, 0o700, dir_fd=self.work_fd)
        try:
            fd = os.open(
                f"{name}/probe", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.work_fd
            )
            try:
                os.write(fd, bytes(_PROBE_BYTES))
                os.fsync(fd)  # some filesystems find out only now that they are full
            finally:
                os.close(fd)
        finally:
            self._remove_probe(name)

    def _remove_old_probes(self) -> None:
        """Those that a crash has left; not one of another daemon that is just at it."""
        now_ns = self.filesystem_now_ns() or 0
        with os.scandir(self.work_fd) as entries:
            probes = [entry for entry in entries if entry.name.startswith(PROBE)]
        for probe in probes:
            with suppress(FileNotFoundError):
                if now_ns - probe.stat(follow_symlinks=False).st_ctime_ns > _OLD_PROBE_NS:
                    self._remove_probe(probe.name)

    def _remove_probe(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(f"{name}/probe", dir_fd=self.work_fd)
        with suppress(OSError):
            os.rmdir(name, dir_fd=self.work_fd)

    def touch_canary(self) -> bool:
        """Closes a file of ours after opening it for writing, which a watch that works reports. Writes nothing.

        False where that is not possible, as on a read-only share.
        """
        fd = self._open_canary()
        if fd is None:
            return False
        os.close(fd)
        return True

    def filesystem_now_ns(self) -> int | None:
        """This moment by the clock that stamps this filesystem's files: a server's, not ours. None: cannot say."""
        fd = self._open_canary()
        if fd is None:
            return None
        try:
            os.utime(fd)
            return os.fstat(fd).st_ctime_ns
        finally:
            os.close(fd)

    def _open_canary(self) -> int | None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return os.open(CANARY, flags, 0o600, dir_fd=self.work_fd) if self.has_work_folder else None
        except OSError as error:
            if error.errno in _MAY_NOT_WRITE:
                return None
            raise


class Home:
    """Where an inbox lives, and what we know of its filesystem. ``known`` is None before the first visit ever.

    ``writable`` False: files stay where they are, so a folder in which we may not even leave a marker will do.
    """

    def __init__(self, path: str, known: MarkerId | None, *, writable: bool = True) -> None:
        self.path = path
        self._writable = writable
        self.known = known
        self._seen: tuple[tuple[int, int], Mount, MarkerId] | None = None
        self._bare_visits = 0

    @contextmanager
    def open(self) -> Iterator[Root]:
        """The inbox, if it is the one we know (or the first we see); InboxOffline with the reason if not."""
        fd, work_fd = -1, -1
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            status = os.fstat(fd)
            mount, here = self._place(fd, (status.st_dev, status.st_ino))
            try:
                self._wait_out_removal(fd, here)
                work_fd = _open_work_folder(fd, self.path, self.known, here)
                self.known = _read_or_write_marker(work_fd, self.path, self.known, here)
            except OSError as error:
                if self._writable or error.errno not in _MAY_NOT_WRITE:
                    raise
                _refuse_stranger(self.path, self.known, here)
                self.known = here
            yield Root(self.path, fd, work_fd, status.st_dev, status.st_ino, mount, self.known)
        except OSError as error:
            raise away(error, self.path) or InboxOffline(f"{error.strerror}: {display(self.path)}") from error
        finally:
            for descriptor in (fd, work_fd):
                if descriptor >= 0:
                    os.close(descriptor)

    def _wait_out_removal(self, fd: int, here: MarkerId) -> None:
        """InboxOffline at first when our folder has gone: whoever is removing the whole inbox must be able to."""
        if self.known is None or _has_work_folder(fd):
            self._bare_visits = 0
            return
        _refuse_stranger(self.path, self.known, here)
        self._bare_visits += 1
        if self._bare_visits <= _BARE_VISITS:
            raise InboxOffline(f"our folder {WORK_FOLDER} was removed from {display(self.path)}; making it anew soon")

    def _place(self, fd: int, identity: tuple[int, int]) -> tuple[Mount, MarkerId]:
        """The mount and its description; looked up only when the root is another than at the last visit."""
        if self._seen is None or self._seen[0] != identity:
            mount = mount_of(os.path.realpath(self.path), identity[0], MOUNTINFO.read_bytes())
            here = MarkerId("", mount.filesystem, f"{os.fstatvfs(fd).f_fsid:x}", mount.mount_point)
            self._seen = (identity, mount, here)
        return self._seen[1], self._seen[2]


def _open_work_folder(root_fd: int, path: str, known: MarkerId | None, here: MarkerId) -> int:
    """Opens ``.docferry``, and makes it where this is a new inbox or the one we know, made anew."""
    try:
        return os.open(WORK_FOLDER, _OPEN_FOLDER, dir_fd=root_fd)
    except FileNotFoundError:
        _refuse_stranger(path, known, here)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise InboxOffline(f"{display(path)}/{WORK_FOLDER} must be a folder of ours", hint="remove it") from error
        raise
    with suppress(FileExistsError):
        os.mkdir(WORK_FOLDER, 0o700, dir_fd=root_fd)
    with Folder(Path(path), fd=os.dup(root_fd)) as folder:
        folder.sync()
    return os.open(WORK_FOLDER, _OPEN_FOLDER, dir_fd=root_fd)


def _read_or_write_marker(work_fd: int, path: str, known: MarkerId | None, here: MarkerId) -> MarkerId:
    """The marker's id. An empty marker is a person's word that this folder is right."""
    text = _read_marker(work_fd)
    if text:
        if known is not None and text != known.token:
            _refuse_stranger(path, known, here)
        return MarkerId(text, here.filesystem, here.filesystem_id, here.mount_point)
    if text is None:
        _refuse_stranger(path, known, here)
    token = known.token if known is not None else uuid.uuid4().hex
    return MarkerId(_write_marker(work_fd, token), here.filesystem, here.filesystem_id, here.mount_point)


def _refuse_stranger(path: str, known: MarkerId | None, here: MarkerId) -> None:
    if known is None or known.same_place(here):
        return  # new to us, or made anew in its old place
    raise InboxOffline(
        f"another filesystem than the one we know is at {display(path)} (its {WORK_FOLDER}/{MARKER} is missing)",
        hint=f"mount the right one; if this is right: mkdir -p {WORK_FOLDER} && : > {WORK_FOLDER}/{MARKER} there",
    )


def _read_marker(work_fd: int) -> str | None:
    """The marker's text; None where there is no marker."""
    try:
        fd = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=work_fd)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        return os.read(fd, _MARKER_LIMIT_BYTES).decode("ascii", "replace").strip().replace("|", "")
    finally:
        os.close(fd)


def _write_marker(work_fd: int, token: str) -> str:
    """Writes the marker whole or not at all; of two daemons that write at once, the first one's counts."""
    temporary = f"{MARKER}.{uuid.uuid4().hex}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=work_fd)
    try:
        os.write(fd, token.encode("ascii"))
        os.fsync(fd)
    finally:
        os.close(fd)
    if _read_marker(work_fd):
        os.unlink(temporary, dir_fd=work_fd)
    else:
        os.rename(temporary, MARKER, src_dir_fd=work_fd, dst_dir_fd=work_fd)
    os.fsync(work_fd)
    return _read_marker(work_fd) or token


def _has_work_folder(fd: int) -> bool:
    try:
        os.stat(WORK_FOLDER, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
