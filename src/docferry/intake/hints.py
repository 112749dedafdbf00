"""The mailbox between those who know something (the kernel's events, the daemon) and the inbox's thread."""

from __future__ import annotations

import threading

from docferry.intake.values import Hint

_MOST = 100_000  # beyond this a scan is cheaper than following each

Followed = dict[str, dict[str, Hint]]  # folder -> name -> the strongest hint


class Hints:
    """Any thread adds; one thread waits and takes."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._by_folder: Followed = {}
        self._count = 0
        self._scan_reason: str | None = None
        self._woken = False

    def add(self, folder: str, name: str, hint: Hint) -> None:
        """Somebody spoke of this name."""
        with self._condition:
            names = self._by_folder.setdefault(folder, {})
            known = names.get(name)
            if known is None:
                self._count += 1
            names[name] = hint if known is None else max(known, hint)
            if self._count > _MOST:
                self._by_folder, self._count = {}, 0
                self._scan_reason = "more events than are worth following"
            self._condition.notify()

    def want_scan(self, reason: str) -> None:
        """Somebody doubts that the hints are all there is."""
        with self._condition:
            self._scan_reason = reason
            self._condition.notify()

    def wake(self) -> None:
        with self._condition:
            self._woken = True
            self._condition.notify()

    def take(self) -> tuple[Followed, str | None]:
        """All hints, and why a scan is wanted, if it is."""
        with self._condition:
            taken = self._by_folder, self._scan_reason
            self._by_folder, self._count, self._scan_reason = {}, 0, None
            return taken

    def wait(self, longest_s: float) -> None:
        """Returns when there is something to take, when woken, or after ``longest_s``."""
        with self._condition:
            if not (self._by_folder or self._scan_reason or self._woken):
                self._condition.wait(longest_s)
            self._woken = False
