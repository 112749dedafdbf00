"""Where a path really lies: its filesystem and its place there, so that bind mounts cannot hide anything."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MOUNTINFO = Path("/proc/self/mountinfo")
NETWORK_TYPES = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "9p", "lustre", "beegfs",
        "gfs2", "ocfs2",
        "fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.davfs", "davfs", "fuse.smbnetfs", "fuse.ceph",
        "fuse.gcsfuse", "fuse.mount-s3", "fuse.juicefs",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: ``root`` is the folder of filesystem ``device`` that is shown at ``point``."""

    device: str
    root: str
    point: str
    kind: str


@dataclass(frozen=True, slots=True)
class Location:
    """``path`` without symlinks, and the same as filesystem and path inside that filesystem."""

    path: PurePosixPath
    device: str
    inner: PurePosixPath
    kind: str

    def is_within(self, other: Location) -> bool:
        """True when this is ``other`` or lies below it, by its name or through a bind mount."""
        if self.path.is_relative_to(other.path):
            return True
        return self.device == other.device and self.inner.is_relative_to(other.inner)

    def is_same(self, other: Location) -> bool:
        return self.is_within(other) and other.is_within(self)


def locate(path: Path, mounts: Sequence[Mount]) -> Location:
    """Where ``path`` lies; what of it does not exist yet is taken as written. OSError when it cannot be told."""
    real = PurePosixPath(os.path.realpath(path))
    mount = None
    for one in mounts:  # later mounts cover earlier ones at the same point
        if real.is_relative_to(one.point) and (mount is None or len(one.point) >= len(mount.point)):
            mount = one
    if mount is None:
        return Location(real, "", real, "")
    return Location(real, mount.device, PurePosixPath(mount.root) / real.relative_to(mount.point), mount.kind)


def read_mounts(text: bytes) -> list[Mount]:
    """The mounts in ``text`` (proc_pid_mountinfo(5)), in the kernel's order."""
    mounts = []
    for line in text.splitlines():
        fields, dash, rest = line.partition(b" - ")
        parts = fields.split(b" ")
        if dash and len(parts) >= 5:
            root, point = _plain(parts[3]), _plain(parts[4])
            mounts.append(Mount(parts[2].decode(), root, point, rest.split(b" ")[0].decode()))
    return mounts


def _plain(field: bytes) -> str:
    """A path of mountinfo without its octal escapes."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field))
