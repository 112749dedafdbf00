"""What a folder is mounted on: chooses events or polling, and how a batch of renames is made durable."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

# Filesystems of this machine: every change passes this kernel, so inotify hears of it.
_LINUX = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "nilfs2", "ecryptfs"}
_FOREIGN = {"vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk", "hfsplus", "udf", "iso9660", "squashfs"}
_LOCAL = frozenset(_LINUX | _FOREIGN | {"tmpfs", "ramfs", "overlay", "aufs"})
# Journals in which a synced change brings every earlier one of the same filesystem with it.
_ORDERED_JOURNAL = frozenset({"ext3", "ext4", "xfs", "jfs", "tmpfs", "ramfs"})
_ESCAPE = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    device: int
    filesystem: str
    mount_point: str

    @property
    def is_local(self) -> bool:
        """Whether changes made elsewhere cannot happen: no network share, no FUSE program, nothing unheard of."""
        return self.filesystem in _LOCAL

    @property
    def keeps_folder_times(self) -> bool:
        """Whether a folder's mtime tells of changed names; most FUSE programs make it up."""
        return not self.filesystem.startswith("fuse")

    @property
    def has_ordered_journal(self) -> bool:
        return self.filesystem in _ORDERED_JOURNAL


def mount_of(path: str, device: int, mountinfo: bytes) -> Mount:
    """The mount that ``path`` (a real path) lies on; of several over one another, the one that can be seen.

    Some filesystems (btrfs, overlay) show files a device number that mountinfo does not have: then the path decides.
    """
    best = Mount(device, "unknown", "/")
    for mount in parse(mountinfo):
        holds = path == mount.mount_point or path.startswith(mount.mount_point.rstrip("/") + "/")
        if holds and len(mount.mount_point) >= len(best.mount_point):
            best = mount
    return best


def parse(mountinfo: bytes) -> list[Mount]:
    """All mounts, in the kernel's order (later ones cover earlier ones). See proc_pid_mountinfo(5)."""
    mounts = []
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(b" - ")
        fields = before.split(b" ")
        if not separator or len(fields) < 5:
            continue
        major, _, minor = fields[2].partition(b":")
        mount_point = os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), fields[4]))
        filesystem = after.split(b" ")[0].decode("ascii", "replace")
        mounts.append(Mount(os.makedev(int(major), int(minor)), filesystem, mount_point))
    return mounts
