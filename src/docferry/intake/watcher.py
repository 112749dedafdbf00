"""Hints from the kernel, through watchdog: which folder to look into first. Nothing depends on one arriving.

watchdog's observers put a thread, an unbounded queue and a lock between the kernel and us, hold every event back
for half a second when a file is moved out of a watched tree (which is what a claim does), watch our work folders too,
and say nothing when they run out of watches. So we take the layer beneath them, ``InotifyFD``: one descriptor
and one thread for all inboxes, a callback for each event, errors that are raised, and a call when the queue overflows.
We choose the folders ourselves, and watch the very folder that the scan has open, not whatever its path names.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from docferry.intake.values import Hint

log = logging.getLogger(__name__)

# No MODIFY: a slow writer would flood us. No MOVED_FROM: that is our own claim, or somebody's change of mind.
FOLDER_MASK = Mask(
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
)
CANARY_MASK = Mask(InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_ONLYDIR)

_STOP_S = 1.0
_ids = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Listener:
    """What a group tells its inbox, from the reader's thread: each must only note the fact and return."""

    on_hint: Callable[[str, str, Hint], None]  # folder, name, hint
    on_doubt: Callable[[str], None]  # something about the watches is wrong or events were lost; the reason


class Watcher:
    """One inotify descriptor for all inboxes. ``alive`` makes a dead one anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader: InotifyFD | None = None
        self._stopped = False
        self.generation = 0  # grows when all watches are gone and must be set again

    def alive(self) -> int:
        """The present generation, with a reader that runs. OSError when there can be none (instance limit)."""
        with self._lock:
            if not self._stopped and (self._reader is None or not self._reader.is_alive()):
                if self._reader is not None:
                    self._reader.stop()  # closes what it had open
                self._reader = InotifyFD()
                self._reader.start()
                self.generation += 1
            return self.generation

    def group(self, listener: Listener) -> WatchGroup:
        """A new, empty set of watches that speak to ``listener``."""
        self.alive()
        with self._lock:
            if self._reader is None:
                raise OSError("the watcher is stopped")
            return WatchGroup(self._reader, listener, self.generation)

    def stop(self) -> None:
        """Ends the reader's thread; waits for it a moment."""
        with self._lock:
            self._stopped = True
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop()
            reader.join(_STOP_S)


@dataclass(slots=True)
class _Watched:
    folder: str
    identity: tuple[int, int]


class WatchGroup:
    """The watches of one inbox. Its inbox's thread adds and removes; the reader's thread calls ``on_…``."""

    def __init__(self, reader: InotifyFD, listener: Listener, generation: int) -> None:
        self.generation = generation
        self._reader = reader
        self._listener = listener
        self._id = CallbackId(next(_ids))
        self._lock = threading.Lock()
        self._by_wd: dict[WatchDescriptor, _Watched] = {}
        self._wd_by_identity: dict[tuple[int, int], WatchDescriptor] = {}

    def __len__(self) -> int:
        return len(self._by_wd)

    def watch(self, folder: str, fd: int, *, mask: Mask = FOLDER_MASK) -> None:
        """Watches the open folder; again is harmless. OSError ENOSPC when the machine's watches are used up."""
        status = os.fstat(fd)
        identity = (status.st_dev, status.st_ino)
        with self._lock:
            wd = self._wd_by_identity.get(identity)
            if wd is not None:
                self._by_wd[wd].folder = folder  # perhaps it was renamed
                return
        wd = self._reader.add_callback(os.fsencode(f"/proc/self/fd/{fd}"), mask, self, self._id)
        if wd < 0:  # watchdog passes over EACCES in silence
            raise PermissionError(f"may not watch {folder!r}")
        with self._lock:
            self._by_wd[wd] = _Watched(folder, identity)
            self._wd_by_identity[identity] = wd

    def keep_only(self, identities: set[tuple[int, int]]) -> None:
        """Drops the watches of folders that are not in the inbox any more."""
        with self._lock:
            gone = [wd for identity, wd in self._wd_by_identity.items() if identity not in identities]
            for wd in gone:
                self._forget(wd)
        self._reader.remove_callbacks([(wd, self._id) for wd in gone])

    def close(self) -> None:
        """Drops all watches."""
        self.keep_only(set())

    def _forget(self, wd: WatchDescriptor) -> _Watched | None:
        watched = self._by_wd.pop(wd, None)
        if watched is not None:
            self._wd_by_identity.pop(watched.identity, None)
        return watched

    # What InotifyFD calls, from the reader's thread.

    def on_event(self, event: InotifyEvent) -> None:
        with self._lock:
            watched = self._by_wd.get(event.wd)
        if watched is None:
            return
        if event.is_delete_self or event.is_move_self or event.mask & InotifyConstants.IN_UNMOUNT:
            self._listener.on_doubt(f"the folder {watched.folder!r} was moved, removed or unmounted")
        elif event.name:
            self._listener.on_hint(watched.folder, os.fsdecode(event.name), _hint(event))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        with self._lock:
            watched = self._forget(wd)
        if watched is not None:
            self._listener.on_doubt(f"the watch on {watched.folder!r} ended")

    def on_queue_overflow(self) -> None:
        self._listener.on_doubt(OVERFLOW)


OVERFLOW = "the kernel's event queue overflowed"


def _hint(event: InotifyEvent) -> Hint:
    if event.is_moved_to:
        return Hint.MOVED_IN
    return Hint.CLOSED if event.is_close_write else Hint.CREATED
