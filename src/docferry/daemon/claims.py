"""From a claimed file to a row of the ledger: the hand-over between the scanners' threads and the loop."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from docferry.clock import Clock
from docferry.config.models import InboxConfig
from docferry.durable import DurableFile
from docferry.errors import UsageError
from docferry.intake.values import Claimed, identity_of
from docferry.ledger import Event, Ledger
from docferry.models import Document, DocumentState, Step, display, new_id
from docferry.pipeline.context import WORK_FOLDER
from docferry.pipeline.dispatcher import Dispatcher
from docferry.pipeline.jobnote import read_note
from docferry.pipeline.steps import SENT_TO

_CHUNK_BYTES = 1 << 20


class ClaimDesk:
    """Enters claimed files durably; called in scanner threads, returns when they are in the ledger."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._loop = loop
        self._clock = clock
        self._lock = threading.Lock()
        self._on_the_way = 0

    def on_the_way(self) -> int:
        """Documents that are in the ledger and not in the schedule yet."""
        with self._lock:
            return self._on_the_way

    def enter(self, batch: Sequence[Claimed]) -> None:
        """Raises LedgerError when the claims cannot be recorded; the scanner then offers them again."""
        if not batch:
            return
        documents, steps = [], []
        for claimed in batch:
            document, known_steps = self._with_its_job(claimed)
            documents.append(document)
            steps += known_steps
        self._ledger.add_documents_sync(documents, Event("claimed"), steps)
        with self._lock:
            self._on_the_way += len(documents)
        self._loop.call_soon_threadsafe(self._schedule, documents)

    def _with_its_job(self, claimed: Claimed) -> tuple[Document, list[Step]]:
        """The document, and where an earlier ledger was lost, the steps of a job that is paid for already."""
        document = to_document(claimed)
        if not claimed.adopted or claimed.problem is not None:
            return document, []
        resumed = read_note(Path(claimed.work_path).parent, document)
        if resumed is None or resumed[0].provider not in self._dispatcher.context.services:
            return document, []
        return resumed

    async def send(self, file: Path, inbox: InboxConfig, provider: str | None) -> Document:
        """Takes a copy of ``file`` as a document of ``inbox``, past its scanner. Raises UsageError.

        ``provider`` overrides the one that the rules choose.
        """
        document = await asyncio.to_thread(self._copy, file, inbox)
        if provider is not None:
            document = replace(document, facts={SENT_TO: provider})
        await asyncio.to_thread(
            self._ledger.add_documents_sync, [document], Event("sent", {"from": display(str(file))})
        )
        self._dispatcher.add(document)
        return document

    def _copy(self, file: Path, inbox: InboxConfig) -> Document:
        now = self._clock.now()
        document_id = new_id(now)
        folder = Path(inbox.path) / WORK_FOLDER / document_id
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"{file} is not a regular file")
            folder.mkdir(parents=True)
            target = folder / file.name
            with file.open("rb") as source, DurableFile(target) as copy:
                while chunk := source.read(_CHUNK_BYTES):
                    copy.write(chunk)
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}", hint="docferry's user must be able to read it") from error
        identity = identity_of(target.stat())
        return to_document(Claimed(document_id, inbox.name, file.name, str(target), identity, now, now))

    def _schedule(self, documents: Sequence[Document]) -> None:
        for document in documents:
            self._dispatcher.add(document)
        with self._lock:
            self._on_the_way -= len(documents)


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
