"""The files that are seen and not claimed: what each looked like, what was heard of it, when to look again."""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass

from docferry.intake.values import Hint, WaitingFile
from docferry.models import FileIdentity

_NEVER = float("inf")


@dataclass(slots=True)
class Track:
    """One file. Moments are on the elapsed clock, ``seen_at`` is wall time."""

    identity: FileIdentity
    first_seen_at: float
    seen_at: float
    changed_at: float
    hint: Hint
    closed_at: float | None = None
    look_at: float = _NEVER
    queued_at: float = _NEVER  # the moment of its place in the queue; look_at may have moved on since
    waits_for: str = ""
    troubles: int = 0
    scan: int = 0


class Tracks:
    """By path below the inbox. The inbox's thread writes; anyone may read ``waiting``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_path: dict[str, Track] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._by_path)

    def get(self, path: str) -> Track | None:
        return self._by_path.get(path)

    def observe(
        self, path: str, identity: FileIdentity, hint: Hint, now: float, wall_now: float
    ) -> tuple[Track, float | None]:
        """The track after one more look, and the gap after which a closed file went on changing, if it did."""
        closed_at = now if hint >= Hint.CLOSED else None
        track = self._by_path.get(path)
        if track is None or track.identity.inode != identity.inode:
            return Track(identity, now, wall_now, now, hint, closed_at), None
        gap_s = None
        if track.identity != identity:
            if track.closed_at is not None and identity.size_bytes != track.identity.size_bytes:
                gap_s = now - track.closed_at
            track.identity, track.changed_at, track.hint, track.troubles = identity, now, hint, 0
            track.closed_at = closed_at
        elif hint > track.hint:
            track.hint, track.closed_at = hint, closed_at
        return track, gap_s

    def wait(self, path: str, track: Track, look_at: float, waits_for: str) -> None:
        """Keeps the file until ``look_at``."""
        track.look_at, track.waits_for = look_at, waits_for
        with self._lock:
            self._by_path[path] = track
        if look_at < track.queued_at:  # else its place in the queue comes soon enough
            self._queue(path, track)

    def _queue(self, path: str, track: Track) -> None:
        track.queued_at = track.look_at
        heapq.heappush(self._heap, (track.look_at, path))

    def forget(self, path: str) -> None:
        with self._lock:
            self._by_path.pop(path, None)

    def due(self, now: float) -> list[str]:
        """The files to look at now, each once."""
        paths = []
        while self._heap and self._heap[0][0] <= now:
            at, path = heapq.heappop(self._heap)
            track = self._by_path.get(path)
            if track is None or track.queued_at != at:
                continue
            track.queued_at = _NEVER
            if track.look_at <= now:
                paths.append(path)
            elif track.look_at < _NEVER:
                self._queue(path, track)
        return paths

    def next_due_at(self) -> float | None:
        """When ``due`` will have something; moments that were moved meanwhile may come too early."""
        return self._heap[0][0] if self._heap else None

    def restart_quiet(self, now: float) -> None:
        """After the machine slept, or we did: writers slept too, so no quiet time counts."""
        for track in self._by_path.values():
            track.changed_at = now

    def forget_unseen(self, scan: int) -> None:
        """Forgets what a complete scan did not find."""
        gone = [path for path, track in self._by_path.items() if track.scan != scan]
        for path in gone:
            self.forget(path)

    def waiting(self, most: int, now: float) -> tuple[tuple[WaitingFile, ...], int]:
        """The files that have waited longest, and how many there are."""
        with self._lock:
            items = list(self._by_path.items())
        items.sort(key=lambda item: item[1].seen_at)
        files = (
            WaitingFile(
                path=path,
                size_bytes=track.identity.size_bytes,
                waits_for=track.waits_for,
                since=track.seen_at,
                unchanged_s=now - track.changed_at,
                is_stuck=track.troubles > 0 or track.look_at == _NEVER,
            )
            for path, track in items[:most]
        )
        return tuple(files), len(items)
