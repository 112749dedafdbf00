"""From a claimed file to a row of the ledger: the hand-over between the scanners' threads and the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from docferry.clock import Clock
from docferry.intake.values import Claimed
from docferry.ledger import Event, Ledger
from docferry.models import Document, DocumentState
from docferry.pipeline.dispatcher import Dispatcher


class ClaimDesk:
    """Enters claimed files durably; called in scanner threads, returns when they are in the ledger."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._loop = loop
        self._clock = clock

    def enter(self, batch: Sequence[Claimed]) -> None:
        """Raises LedgerError when the claims cannot be recorded; the scanner then offers them again."""
        if not batch:
            return
        documents = [to_document(claimed) for claimed in batch]
        self._ledger.add_documents_sync(documents, Event("claimed"))
        self._loop.call_soon_threadsafe(self._schedule, documents)

    def _schedule(self, documents: Sequence[Document]) -> None:
        for document in documents:
            self._dispatcher.add(document)


def to_document(claimed: Claimed) -> Document:
    """The first version of a document's row. A file that was given up on starts as failed, with the reason."""
    given_up = claimed.problem is not None
    return Document(
        id=claimed.id,
        inbox=claimed.inbox,
        path=claimed.path,
        work_path=claimed.work_path,
        state=DocumentState.FAILED if given_up else DocumentState.QUEUED,
        size_bytes=claimed.identity.size_bytes,
        identity=claimed.identity,
        seen_at=claimed.seen_at,
        claimed_at=claimed.claimed_at,
        updated_at=claimed.claimed_at,
        due_at=claimed.claimed_at,
        error=claimed.problem,
        error_hint="drop the whole file again" if given_up else None,
        waits_for=None if given_up else "its rule",
    )
