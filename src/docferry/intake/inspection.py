"""Opens a file safely and says what it shows: its identity, how it ends, whether someone writes it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from dataclasses import dataclass

from docferry.intake.readiness import Inside
from docferry.intake.structure import looks_complete
from docferry.intake.values import identity_of
from docferry.models import FileIdentity

# Without O_NONBLOCK, opening a FIFO would wait for ever for somebody at its other end.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the opened file was."""

    identity: FileIdentity
    inside: Inside


class NotAFile(Exception):
    """The name belongs to something other than a regular file."""


def inspect(folder_fd: int, name: str, *, is_local: bool) -> Inspected:
    """Looks into the file without waiting on anything. OSError as the system gave it; NotAFile.

    ``is_local`` False: programs of other machines may write the file, so that ours do not proves nothing.
    """
    try:
        fd = os.open(name, _OPEN_FILE, dir_fd=folder_fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket, or a FIFO nobody reads
            raise NotAFile(name) from error
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFile(name)

        def read_at(offset: int, length: int) -> bytes:
            return os.pread(fd, length, offset)

        writer = has_writer(fd) if is_local else has_writer(fd) or None
        return Inspected(identity_of(status), Inside(looks_complete(read_at, status.st_size), writer))
    finally:
        os.close(fd)


def has_writer(fd: int) -> bool | None:
    """Whether any program of this machine has the file open for writing; None where the kernel will not say.

    The kernel grants a read lease only on a file that nobody has open for writing. It grants it to the owner of
    the file, or to whoever has CAP_LEASE. We keep it for no time at all; should a writer come just then, the
    kernel tells us by a signal, and SIGIO, the usual one, would end the process: so we ask for one that is ignored.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
