"""Work folders that nobody needs any more go when there is time for it, and never under a document that came back.

In a burst of deliveries nothing is removed: for seconds after many deletions ext4 searches long for a free inode
whenever a file is made, which cost a third of all system time. What a crash leaves goes at the next start.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from docferry.durable import remove_tree
from docferry.errors import OutboxError

log = logging.getLogger(__name__)

QUIET_S = 1.0
MOST = 5000  # folders that wait at most; then they go in the middle of a burst, too


class Tidier:
    """For one inbox, so that a share that hangs keeps nobody else's folders. Its thread lives while there is work."""

    def __init__(self, quiet_s: float = QUIET_S, most: int = MOST) -> None:
        self._quiet_s = quiet_s
        self._most = most
        self._waiting: dict[Path, None] = {}
        self._lock = threading.Lock()  # of what waits; never held while a folder is removed
        self._removing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()

    def add(self, folder: Path) -> None:
        """The document is delivered and recorded. Not durably: should a power cut bring it back, it is not wanted."""
        with self._lock:
            self._waiting[folder] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tidier", daemon=True)
                self._thread.start()

    def keep(self, folder: Path) -> None:
        """The document is wanted again: from now on its folder is left alone. Blocks while one is being removed."""
        with self._removing, self._lock:
            self._waiting.pop(folder, None)

    def finish(self, timeout_s: float) -> None:
        """Removes what waits now, as far as that goes in the time."""
        self._hurry.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._rest()
            while self._remove_one():
                pass
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return

    def _rest(self) -> None:
        """Until nothing more was added for a while."""
        seen = 0
        while len(self._waiting) != seen and len(self._waiting) < self._most:
            seen = len(self._waiting)
            if self._hurry.wait(self._quiet_s):
                return

    def _remove_one(self) -> bool:
        with self._removing:
            with self._lock:
                folder = next(iter(self._waiting), None)
                if folder is None:
                    return False
                del self._waiting[folder]
            try:
                remove_tree(folder, sync=False)
            except OutboxError as error:  # the inbox's filesystem is in trouble: the next start tidies
                log.info("%s stays for now: %s", folder, error)
        return True
