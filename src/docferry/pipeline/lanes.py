"""Who goes next: a document's lane is decided by its row alone, and each lane has its own order.

A lane is a queue whose members wait for the same thing (a provider's submissions, its polls, an outbox),
so that trouble there holds up nobody else. The schedule lives in memory and is filled from the ledger
at start: it holds ids and moments, a few hundred bytes for each open document, never documents.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from docferry.models import ENDED, Document, DocumentState

ROUTE = "route"


def lane_of(document: Document) -> str | None:
    """The lane in which the pipeline must go on with this document; None when there is nothing left to do."""
    return lane(
        document.state, document.provider, document.inbox, routed=document.plan is not None, filed=document.filed
    )


def lane(state: DocumentState, provider: str | None, inbox: str, *, routed: bool, filed: bool) -> str | None:
    if state in ENDED:
        return None if filed else f"file:{inbox}"
    match state:
        case DocumentState.HELD:
            return None
        case DocumentState.QUEUED if not routed:
            return ROUTE
        case DocumentState.QUEUED | DocumentState.SUBMITTING:
            return f"submit:{provider}"
        case DocumentState.WAITING | DocumentState.STORING:
            return f"poll:{provider}"
        case _:
            return f"deliver:{inbox}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One open document in the schedule."""

    document_id: str
    lane: str
    priority: int  # higher goes first among those that are due
    due_at: float


class Schedule:
    """Open documents by lane: those that are due in order of priority, the others by the moment they fall due.

    A document has one entry: adding it again replaces the earlier one.
    """

    def __init__(self) -> None:
        self._later: list[tuple[float, int, str]] = []
        self._ready: dict[str, list[tuple[int, int, str]]] = {}
        self._entries: dict[str, tuple[int, str, int]] = {}  # id -> (ticket, lane, priority)
        self._tickets = count()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, document_id: str) -> bool:
        return document_id in self._entries

    def sizes(self) -> Counter[str]:
        """How many documents each lane has, due or not."""
        return Counter(lane_name for _, lane_name, _ in self._entries.values())

    def add(self, entry: Entry, now: float) -> None:
        ticket = next(self._tickets)
        self._entries[entry.document_id] = (ticket, entry.lane, entry.priority)
        if entry.due_at <= now:
            self._make_ready(entry.document_id, ticket, entry.lane, entry.priority)
        else:
            heapq.heappush(self._later, (entry.due_at, ticket, entry.document_id))

    def remove(self, document_id: str) -> None:
        self._entries.pop(document_id, None)

    def promote(self, now: float) -> None:
        """Makes ready what has fallen due."""
        while self._later and self._later[0][0] <= now:
            _, ticket, document_id = heapq.heappop(self._later)
            current = self._entries.get(document_id)
            if current is not None and current[0] == ticket:
                self._make_ready(document_id, ticket, current[1], current[2])

    def next_due_at(self) -> float | None:
        """When the next waiting entry falls due; entries that were replaced meanwhile are forgotten here."""
        while self._later:
            due_at, ticket, document_id = self._later[0]
            current = self._entries.get(document_id)
            if current is not None and current[0] == ticket:
                return due_at
            heapq.heappop(self._later)
        return None

    def lanes(self) -> Iterator[str]:
        """Lanes in which something may be ready."""
        return iter(list(self._ready))

    def ready_count(self, lane_name: str) -> int:
        """How many documents of a lane are ready, at most: entries that were replaced meanwhile may count too."""
        return len(self._ready.get(lane_name, ()))

    def has_ready(self, lane_name: str) -> bool:
        """Whether ``pop`` would give a document; entries that were replaced meanwhile are forgotten here."""
        heap = self._ready.get(lane_name, [])
        while heap:
            _, ticket, document_id = heap[0]
            current = self._entries.get(document_id)
            if current is not None and current[0] == ticket:
                return True
            heapq.heappop(heap)
        self._ready.pop(lane_name, None)
        return False

    def pop(self, lane_name: str) -> str:
        """Takes out the first ready document of a lane that has one."""
        if not self.has_ready(lane_name):
            raise LookupError(f"nothing is ready in lane {lane_name}")
        _, _, document_id = heapq.heappop(self._ready[lane_name])
        del self._entries[document_id]
        return document_id

    def _make_ready(self, document_id: str, ticket: int, lane_name: str, priority: int) -> None:
        heapq.heappush(self._ready.setdefault(lane_name, []), (-priority, ticket, document_id))
