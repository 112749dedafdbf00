"""A folder that results or originals go to, and the certainty that it is still the one we know.

A share that is not mounted leaves its empty mount point behind, and whatever is written there disappears when
it comes back. So a root has a marker file, and is *offline* when its path shows neither the filesystem seen at
start nor the marker: nothing is written, and it comes back by itself.
"""

from __future__ import annotations

import errno
import grp
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from docferry.durable import create
from docferry.errors import OutboxError, OutboxUnavailable
from docferry.failpoints import failpoint
from docferry.folders import Folder, is_there, outbox_error, translated
from docferry.models import display

MARKER = ".docferry-folder"
_MARKER_WRITER = "marker"
_MARKER_TEXT = b"docferry writes into this folder and knows it by this file.\n"

_SYNCED_MAX = 10_000  # folders remembered as durable; forgetting one costs a sync


class Root:
    """One delivery root. ``mode`` and ``group`` are for what is written in it; None leaves them to the system."""

    def __init__(self, path: Path, *, mode: int | None = None, group: str | int | None = None) -> None:
        self.path = path
        self.mode = mode
        self.group = group_id(group)
        self._device: int | None = None
        self._synced: set[tuple[int, int]] = set()

    def prepare(self, *, new: bool = True) -> None:
        """Creates folder and marker where there are none, and notes which filesystem this is.

        With ``new=False`` (a folder that an earlier run has used) a missing folder or marker is OutboxUnavailable:
        a share that is not mounted yet must not be taken for an empty folder.
        """
        if new:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:  # FileExistsError too: something that is no folder has the name
                raise outbox_error(error, self.path, "create") from error
            create(self.path / MARKER, _MARKER_TEXT, mode=self.mode, group=self.group, token=_MARKER_WRITER)
        elif not is_there(self.path / MARKER):
            raise self._offline("its marker is missing")
        with translated(self.path, "look at"):
            self._device = self.path.stat().st_dev

    def open(self) -> Folder:
        """The root itself, open; OutboxUnavailable when it is offline."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise self._offline("it does not exist any more") from error
        except OSError as error:
            raise self._offline(os.strerror(error.errno or 0)) from error
        folder = Folder(self.path, fd=descriptor)
        try:
            self._check(folder)
        except BaseException:
            os.close(descriptor)
            raise
        return folder

    def _check(self, folder: Folder) -> None:
        with translated(folder.path, "look at"):
            device = os.fstat(folder.fd).st_dev
        if device != self._device:
            # A share mounted again may have a new number; its marker tells it from an empty mount point.
            if not folder.exists(MARKER):
                raise self._offline("another filesystem is there now")
            self._device = device

    def _offline(self, reason: str) -> OutboxUnavailable:
        where = display(os.fspath(self.path))
        return OutboxUnavailable(
            f"{where} is offline: {reason}", hint="mount or create it again; work goes on by itself"
        )

    def folder(self, components: Sequence[str]) -> Folder:
        """The sub-folder, created and durable where it was missing. Links on the way are refused, never followed."""
        current = self.open()
        for name in components:
            try:
                child = self._enter(current, name)
            finally:
                os.close(current.fd)
            current = child
        return current

    def _enter(self, parent: Folder, name: str) -> Folder:
        path = parent.path / name
        if name in ("", ".", "..") or "/" in name:
            raise OutboxError(f"not the name of a sub-folder: {display(name)!r}")
        created = self._create(parent, name)
        child = Folder(path, fd=_open_below(parent, name))
        try:
            with translated(path, "set up"):
                if created:
                    self._set_owner_and_mode(child)
                self._sync_once(parent, child)
        except BaseException:
            os.close(child.fd)
            raise
        return child

    def _create(self, parent: Folder, name: str) -> bool:
        with translated(parent.path / name, "create"):
            try:
                os.mkdir(name, dir_fd=parent.fd)
            except FileExistsError:
                return False
        failpoint("outbox.folder-created")
        return True

    def _sync_once(self, parent: Folder, child: Folder) -> None:
        """A folder may have been made by a process that died before its sync: each is made durable once."""
        status = os.fstat(child.fd)
        identity = (status.st_dev, status.st_ino)
        if identity not in self._synced:
            parent.sync()
            if len(self._synced) >= _SYNCED_MAX:
                self._synced.clear()
            self._synced.add(identity)

    def _set_owner_and_mode(self, child: Folder) -> None:
        status = os.fstat(child.fd)
        if self.group is not None and status.st_gid != self.group:
            os.fchown(child.fd, -1, self.group)
        if self.mode is not None:
            wanted = 0o700 | self.mode | (self.mode & 0o444) >> 2 | status.st_mode & stat.S_ISGID
            # A hardened service may not set the set-group bit, not even the one that the folder inherited.
            with suppress(PermissionError):
                os.fchmod(child.fd, wanted)


def _open_below(parent: Folder, name: str) -> int:
    path = parent.path / name
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent.fd)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            hint = "rename what is there: a folder of that name is needed"
            raise OutboxError(f"{display(os.fspath(path))} is a file or a link", hint=hint) from error
        raise outbox_error(error, path, "open") from error


def group_id(group: str | int | None) -> int | None:
    """The number of a group given by name or number; OutboxError when there is none of that name."""
    if group is None or isinstance(group, int):
        return group
    try:
        return int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise OutboxError(f"no group {group!r} on this system", hint="create it, or name another") from error
