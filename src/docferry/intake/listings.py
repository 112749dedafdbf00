"""What a folder looked like when it was listed, so that polling need not list it again while nothing can be new.

A new, renamed or removed name changes its folder's mtime. But clocks of filesystems tick coarsely, so an mtime
counts only once it is older than a tick; and some servers do not keep it, which a full scan finds out: then
nothing is skipped any more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

_COARSEST_TICK_S = 2.5  # FAT keeps even seconds


@dataclass(slots=True)
class _Listing:
    stamp: tuple[int, int, int]  # device, inode, mtime
    stamped_at: float  # elapsed clock: when we first saw this stamp
    listed_at: float
    names: int  # a checksum of the names
    inner: list[str]


class Listings:
    """One inbox's folders as they were last listed."""

    def __init__(self) -> None:
        self._by_folder: dict[str, _Listing] = {}
        self.trusted = True

    def inner_if_unchanged(self, folder: str, status: os.stat_result) -> list[str] | None:
        """The folders in this one if it need not be listed; None if it must be."""
        known = self._by_folder.get(folder)
        if not self.trusted or known is None or known.stamp != _stamp(status):
            return None
        return known.inner if known.listed_at - known.stamped_at > _COARSEST_TICK_S else None

    def remember(self, folder: str, status: os.stat_result, now: float, names: int, inner: list[str]) -> None:
        """Keeps a listing, whose folder looked like ``status`` before it began."""
        stamp = _stamp(status)
        known = self._by_folder.get(folder)
        if known is None or known.stamp != stamp:
            self._by_folder[folder] = _Listing(stamp, now, now, names, inner)
            return
        if known.names != names and known.listed_at - known.stamped_at > _COARSEST_TICK_S:
            self.trusted = False  # names came or went, and the mtime stayed
        known.listed_at, known.names, known.inner = now, names, inner

    def keep_only(self, folders: set[str]) -> None:
        for folder in self._by_folder.keys() - folders:
            del self._by_folder[folder]


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_dev, status.st_ino, status.st_mtime_ns
