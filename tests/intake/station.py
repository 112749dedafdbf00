"""A real inbox, in a real folder with a real watcher, that a test can drop into, wait for and ask."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docferry.clock import Clock, SystemClock
from docferry.config.models import InboxConfig
from docferry.intake import Candidate, Claimed, EventKind, Inbox, InboxStatus, IntakeEvent, WaitingFile, Watcher
from docferry.models import FileIdentity

PDF = b"%PDF-1.4\n1 0 obj\nendobj\ntrailer\n%%EOF\n"
CUT_PDF = PDF[:20]
NEVER_S = 3600.0


class HandClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._elapsed = 1000.0
        self.asked = 0  # grows with every round of the inbox's thread

    def now(self) -> float:
        return 1_700_000_000.0 + self.elapsed()

    def elapsed(self) -> float:
        with self._lock:
            self.asked += 1
            return self._elapsed

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("intake does not sleep on the loop")


class Station:
    """One inbox under test. By default only events and what they trigger find files: rescans are an hour away."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock | None = None,
        watcher: Watcher | None = None,
        path: Path | None = None,
        marker_id: str | None = None,
        owner: str = "station",
        known_ids: Callable[[list[str]], Collection[str]] | None = None,
        finished_ids: Callable[[list[str]], Collection[str]] | None = None,
        pre_route: Callable[[Candidate], bool] | None = None,
        known: Callable[[FileIdentity, str], bool] | None = None,
        **settings: Any,
    ) -> None:
        self.path = path or folder / "inbox"
        self.config = InboxConfig.model_validate(
            {
                "name": folder.name or "inbox",
                "path": self.path,
                "outbox": folder / "outbox",
                "archive": folder / "archive",
                "failed": folder / "failed",
                "rescan": NEVER_S,
                **settings,
            }
        )
        self.watcher = watcher or Watcher()
        self._owns_watcher = watcher is None
        self.claimed: list[Claimed] = []
        self.batches: list[int] = []
        self.in_bulk: list[bool] = []  # by batch: whether the inbox said that it has more than a few files
        self.events: list[IntakeEvent] = []
        self.room = True
        self.failure: Exception | None = None
        self.clock = clock or SystemClock()
        self.inbox = Inbox(
            self.config,
            self.clock,
            self.events.append,
            watcher=self.watcher,
            on_claimed=self._on_claimed,
            may_claim=lambda: self.room,
            pre_route=pre_route,
            known=known,
            known_ids=known_ids,
            finished_ids=finished_ids,
            marker_id=marker_id,
            owner=owner,
        )

    def _on_claimed(self, batch: list[Claimed]) -> None:
        if self.failure is not None:
            raise self.failure
        self.claimed.extend(batch)
        self.batches.append(len(batch))
        self.in_bulk.append(self.inbox.claims_in_bulk)

    @contextmanager
    def running(self) -> Iterator[Station]:
        """The inbox at work, after its first look; stopped afterwards."""
        self.inbox.start()
        try:
            yield self
        finally:
            self.inbox.stop()
            if self._owns_watcher:
                self.watcher.stop()

    def until(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Waits for the condition; fails with what was seen instead."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                seen = [f"{claimed.path!r}" for claimed in self.claimed[-10:]]
                raise AssertionError(f"not in time: {what}; claimed={seen} events={self.events} {self.status}")
            time.sleep(0.002)

    def until_ticking(self, condition: Callable[[], object], what: str) -> None:
        """Waits for the condition while time goes by (hand clock only)."""
        clock = self.clock
        assert isinstance(clock, HandClock)

        def holds() -> object:
            clock.advance(0.5)
            return condition()

        self.until(holds, what)

    def until_watching(self) -> None:
        """Waits until the inbox was looked through and events are proven to arrive."""
        self.until(lambda: self.status.scanned_once and self.status.events_proven, "scanned and watching")

    def until_events_alone(self) -> None:
        """Waits until no scan is due any more, so that what is found from now on was found by an event."""
        self.until_watching()
        self.until(lambda: self.inbox._scan_at > self.clock.elapsed() + NEVER_S / 2, "no scan is due")

    def until_claimed(self, *paths: str) -> list[Claimed]:
        """Waits for these documents, and gives them in this order."""
        self.until(lambda: set(paths) <= self.paths, f"claims of {paths}")
        return [next(claimed for claimed in self.claimed if claimed.path == path) for path in paths]

    def until_waiting(self, path: str, words: str) -> None:
        """Waits until the file is said to wait for this."""
        self.until(lambda: words in self.waits_for(path), f"{path} waits for {words!r}")

    def until_event(self, kind: EventKind, path: str = "") -> IntakeEvent:
        self.until(lambda: self.told(kind, path), f"event {kind} {path!r}")
        return self.told(kind, path)[0]

    def look(self) -> None:
        """Makes the inbox look through everything once more, and waits until it has (hand clock only)."""
        assert isinstance(self.clock, HandClock)
        self.clock.advance(0.001)
        asked_at = self.clock.now()
        self.inbox.wake(None)
        self.until(lambda: (self.status.last_scan_at or 0.0) >= asked_at, "a scan")

    def some_rounds(self) -> None:
        """Waits until the inbox's thread has come around a few times (hand clock only)."""
        assert isinstance(self.clock, HandClock)
        clock, enough = self.clock, self.clock.asked + 15
        self.until(lambda: clock.asked > enough, "some rounds")

    def told(self, kind: EventKind, path: str = "") -> list[IntakeEvent]:
        return [event for event in self.events if event.kind is kind and event.path == path]

    def waits_for(self, path: str) -> str:
        return next((file.waits_for for file in self.waiting if file.path == path), "")

    @property
    def waiting(self) -> tuple[WaitingFile, ...]:
        return self.status.files_waiting

    @property
    def status(self) -> InboxStatus:
        return self.inbox.snapshot()

    @property
    def paths(self) -> set[str]:
        return {claimed.path for claimed in list(self.claimed)}

    def drop(self, name: str, content: bytes = PDF) -> Path:
        """Writes a file, as most programs do: open, write, close."""
        target = self.path / name
        target.write_bytes(content)
        return target

    def fence(self) -> None:
        """Drops a file and waits for its claim: whatever was dropped before had its chance."""
        name = f"fence-{len(self.claimed)}-{time.monotonic_ns()}.pdf"
        self.drop(name)
        self.until_claimed(name)


def make_station(tmp_path: Path, **settings: Any) -> Station:
    """A station whose inbox folder exists."""
    (tmp_path / "inbox").mkdir(exist_ok=True)
    return Station(tmp_path, **settings)


def content_of(claimed: Claimed) -> bytes:
    return Path(claimed.work_path).read_bytes()


def names_in(folder: Path) -> set[str]:
    """What people see in the folder."""
    return {name for name in os.listdir(folder) if not name.startswith(".docferry")}
