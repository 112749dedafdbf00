"""The ledger as the daemon uses it: every method is one durable step."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from docferry.errors import LedgerBusy, LedgerError
from docferry.ledger import rows, upkeep
from docferry.ledger.changes import Change, Delivery, Event, StaleDocument
from docferry.ledger.database import Connection, LedgerPulse, T, WriterThread
from docferry.ledger.memory import get_memory, put_memory
from docferry.ledger.recent import Found, Recent, follow
from docferry.models import Document, DocumentState, Json, Step

log = logging.getLogger(__name__)

FILE_NAME = "ledger.sqlite"
MOST_ROWS = 64  # in one statement: with the widest table a tenth of the values that SQLite allows in one

OpenRow = tuple[str, str, str | None, str, bool, int, float]
"""An open document: id, state, provider, inbox, routed, priority, due_at."""


class Ledger:
    """Owns the state folder: one process at a time, told by a lock that dies with it."""

    def __init__(self, state: Path, *, on_commit: Callable[[float, int], None] = lambda took_s, changes: None) -> None:
        self.path = state / FILE_NAME
        self._recent = Recent()
        self._writer = WriterThread(self.path, self._recent.settled, on_commit)
        self._lock: int | None = None
        self._unchecked = False

    @property
    def unchecked(self) -> bool:
        """Whether the file must be looked through, because an earlier run did not end in order."""
        return self._unchecked

    def open(self) -> Self:
        """Takes the lock and opens the file. Raises LedgerBusy or LedgerError."""
        self._lock = _take_lock(self.path.parent)
        try:
            self._writer.start()
            self._begin()
        except BaseException:
            self._writer.close()
            self._release_lock()
            raise
        return self

    def close(self) -> None:
        """Commits what was handed in and closes the file. Closing it again does nothing."""
        if self._lock is not None and not self._unchecked:
            self._try(upkeep.end)
        self._writer.close()
        self._release_lock()

    def checked(self) -> None:
        """The file was looked through and is sound."""
        self._unchecked = False

    def _begin(self) -> None:
        """On a disk that is full the daemon starts all the same: it goes on when there is room again."""
        self._unchecked = self._try(upkeep.begin) is not False
        self._try(partial(upkeep.keep_owner, self.path.parent))

    def _try(self, work: Callable[[Connection], T]) -> T | None:
        try:
            return self._writer.call_sync(work)
        except LedgerError as error:
            log.warning("the ledger cannot be written now: %s", error)
            return None

    def pulse(self) -> LedgerPulse:
        return self._writer.pulse()

    async def call(self, work: Callable[[Connection], T]) -> T:
        """Runs a function of this package on the connection; durable on return."""
        return await self._writer.call(work)

    def call_sync(self, work: Callable[[Connection], T]) -> T:
        return self._writer.call_sync(work)

    # documents

    def add_documents_sync(
        self, documents: Sequence[Document], event: Event, steps: Sequence[Step] = ()
    ) -> list[Document]:
        """Enters newly claimed documents, from a scanner's thread; gives those that are new.

        Entering one again changes nothing. ``steps`` are what is known of documents from an earlier ledger.
        """

        def work(connection: Connection) -> list[Document]:
            entered = insert_documents(connection, documents, event, steps)
            if not steps:
                self._recent.entered(entered)
            return entered

        return self._writer.call_sync(work)

    async def document(self, document_id: str) -> Document | None:
        recent = self._recent.get(document_id)
        return recent[0] if recent else await self.call(lambda connection: find_document(connection, document_id))

    async def document_and_steps(self, document_id: str) -> Found | None:
        """A document with the steps of its present run, in order."""
        recent = self._recent.get(document_id)
        return recent or await self.call(lambda connection: find_document_and_steps(connection, document_id))

    async def apply(self, *changes: Change) -> Document:
        """Makes the changes durable, all or none, and returns the document as it is now. Raises StaleDocument."""
        document_id = changes[0].before.id

        def work(connection: Connection) -> Document:
            apply_changes(connection, changes)
            earlier = self._recent.newest(document_id)
            found = follow(earlier, changes) if earlier else None
            found = found or find_document_and_steps(connection, document_id)
            assert found is not None  # it was updated above
            self._recent.wrote(found)
            return found[0]

        return await self.call(work)

    async def open_documents(self) -> list[OpenRow]:
        """What start-up must take up again. No history is read."""
        return await self.call(list_open)

    async def record(self, event: Event, at: float, document_id: str | None = None) -> None:
        await self.call(lambda connection: insert_event(connection, event, at, document_id, None))

    # small facts

    async def remember(self, key: str, value: Json) -> None:
        await self.call(lambda connection: put_memory(connection, key, value))

    async def recall(self, key: str) -> Json | None:
        return await self.call(lambda connection: get_memory(connection, key))

    async def pace_models(self) -> dict[tuple[str, str], Json]:
        def work(connection: Connection) -> dict[tuple[str, str], Json]:
            found = connection.execute("SELECT provider, endpoint, model FROM pace")
            return {(provider, endpoint): json.loads(model) for provider, endpoint, model in found}

        return await self.call(work)

    async def save_pace(self, provider: str, endpoint: str, model: Json) -> None:
        await self.call(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO pace (provider, endpoint, model) VALUES (?, ?, ?)",
                (provider, endpoint, rows.dumps(model)),
            )
        )

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _take_lock(state: Path) -> int:
    """An flock on ``state/lock``: freed by the kernel when the process dies, however it dies."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(
            f"{state}: the state folder cannot be used: {error.strerror}", hint="check its owner and permissions"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise LedgerBusy(
            f"{state}: another docferry (process {holder or 'unknown'}) uses this state folder",
            hint="stop it first, or give this one its own state: folder",
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
    return descriptor


def insert_documents(
    connection: Connection, documents: Sequence[Document], event: Event, steps: Sequence[Step] = ()
) -> list[Document]:
    """Enters those that are new, with their steps, and gives them."""
    known = known_among(connection, [document.id for document in documents])
    entered = list({document.id: document for document in documents if document.id not in known}.values())
    insert_rows(connection, "documents", [rows.document_columns(document) for document in entered])
    insert_rows(
        connection,
        "events",
        [rows.event_columns(event, one.claimed_at, one.id, one.state.value) for one in entered],
    )
    new = {document.id for document in entered}
    columns = [rows.step_columns(step) for step in steps if step.document_id in new]
    insert_rows(connection, "steps", columns, replace=True)
    return entered


def insert_event(connection: Connection, event: Event, at: float, document_id: str | None, state: str | None) -> None:
    insert_rows(connection, "events", [rows.event_columns(event, at, document_id, state)])


def insert_rows(
    connection: Connection, table: str, entries: Sequence[Mapping[str, Any]], *, replace: bool = False
) -> None:
    """Inserts rows that have the same columns, by few statements, and says nothing of what is NULL in all of them.

    At each statement this thread lets go of the interpreter, and waits for it behind all that is busy: with one for
    every row, a large batch took seven times as long beside a working pipeline.
    """
    if not entries:
        return
    columns = [name for name in entries[0] if any(entry[name] is not None for entry in entries)]
    verb = "INSERT OR REPLACE" if replace else "INSERT"
    row = f"({', '.join('?' * len(columns))})"
    start = 0
    while start < len(entries):
        some = entries[start : start + _power_of_two_within(min(len(entries) - start, MOST_ROWS))]
        statement = f"{verb} INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * len(some))}"
        connection.execute(statement, [entry[column] for entry in some for column in columns])
        start += len(some)


def _power_of_two_within(number: int) -> int:
    """So that batches of all sizes are made of few different statements, which stay prepared."""
    return 1 << (number.bit_length() - 1)


def find_document(connection: Connection, document_id: str) -> Document | None:
    found = rows.dicts(connection.execute("SELECT * FROM documents WHERE id = ?", (document_id,)))
    return rows.to_document(found[0]) if found else None


def find_steps(connection: Connection, document_id: str, run: int) -> list[Step]:
    found = connection.execute(
        "SELECT * FROM steps WHERE document = ? AND run = ? ORDER BY position", (document_id, run)
    )
    return [rows.to_step(row) for row in rows.dicts(found)]


def find_document_and_steps(connection: Connection, document_id: str) -> Found | None:
    document = find_document(connection, document_id)
    return (document, find_steps(connection, document.id, document.run)) if document else None


def list_open(connection: Connection) -> list[OpenRow]:
    found = connection.execute(
        "SELECT id, state, provider, inbox, plan IS NOT NULL, priority, due_at FROM documents"
        " WHERE filed = 0 AND state != 'held' ORDER BY claimed_at"
    )
    return [(*row[:4], bool(row[4]), *row[5:]) for row in found]


def apply_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Writes the changes of one document as if one after the other, with as few statements as there can be.

    Compare-and-set: the row must be where the first change started from, and each other where the one before it ended.
    Raises StaleDocument.
    """
    columns: dict[str, Any] = {}
    for change in changes:
        columns |= rows.changed_columns(change.before, change.after)
    is_chain = all(_place(one.after) == _place(next_one.before) for one, next_one in pairwise(changes))
    if not is_chain or (columns and not _update(connection, changes[0].before, columns)):
        raise StaleDocument(f"document {changes[0].before.id} was changed by someone else meanwhile")
    steps = {(step.run, step.index): step for change in changes for step in change.steps}
    insert_rows(connection, "steps", [rows.step_columns(step) for step in steps.values()], replace=True)
    for change in changes:
        if change.deliveries:  # the whole set: what an earlier run has delivered was replaced by it
            _write_deliveries(connection, change.after, change.deliveries)
    events = [
        rows.event_columns(change.event, change.after.updated_at, change.after.id, change.after.state.value)
        for change in changes
        if not change.quiet
    ]
    insert_rows(connection, "events", events)


def _place(document: Document) -> tuple[str, DocumentState, int]:
    return document.id, document.state, document.run


def _update(connection: Connection, before: Document, columns: Mapping[str, Any]) -> bool:
    """Whether the row was still where ``before`` was, and has the columns' values now."""
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    statement = (
        f"UPDATE documents SET {assignments}"  # noqa: S608 - our own column names
        " WHERE id = :_id AND state = :_state AND run = :_run"
    )
    keys = {"_id": before.id, "_state": before.state.value, "_run": before.run}
    return bool(connection.execute(statement, {**columns, **keys}).rowcount == 1)


def _write_deliveries(connection: Connection, document: Document, deliveries: Sequence[Delivery]) -> None:
    connection.execute("DELETE FROM deliveries WHERE document = ?", (document.id,))
    columns = [rows.delivery_columns(delivery, document.id, document.updated_at) for delivery in deliveries]
    insert_rows(connection, "deliveries", columns, replace=True)


def output_taken(connection: Connection, key: str, document_id: str) -> bool:
    """Whether another document has reserved this name in this outbox."""
    statement = "SELECT 1 FROM documents WHERE output_key = ? AND id != ?"
    return connection.execute(statement, (key, document_id)).fetchone() is not None


def find_same_content(connection: Connection, sha256: str, inbox: str, before_id: str) -> Document | None:
    """The latest delivered document of this inbox with the same bytes, other than ``before_id``."""
    found = rows.dicts(
        connection.execute(
            "SELECT * FROM documents WHERE sha256 = ? AND inbox = ? AND state = 'delivered' AND partial = 0"
            " AND id != ? ORDER BY claimed_at DESC LIMIT 1",
            (sha256, inbox, before_id),
        )
    )
    return rows.to_document(found[0]) if found else None


def find_deliveries(connection: Connection, document_id: str) -> list[Delivery]:
    found = connection.execute(
        "SELECT path, format, sha256, size_bytes FROM deliveries WHERE document = ? ORDER BY path", (document_id,)
    )
    return [Delivery(os.fsdecode(path), format_, sha256, size) for path, format_, sha256, size in found]


def find_waiting_for_fallback(connection: Connection, provider: str, parked_s: float) -> list[Document]:
    """Queued documents at ``provider`` whose plan names another one for when it is parked so long."""
    found = connection.execute(
        "SELECT * FROM documents WHERE filed = 0 AND state = 'queued' AND provider = ? AND step = 0"
        " AND json_extract(plan, '$.fallback_provider') IS NOT NULL"
        " AND json_extract(plan, '$.fallback_provider') != provider"
        " AND json_extract(plan, '$.fallback_after_s') <= ? LIMIT 100",
        (provider, parked_s),
    )
    return [rows.to_document(row) for row in rows.dicts(found)]


def known_among(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these documents the ledger has."""
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        some = list(ids[start : start + 500])
        marks = ", ".join("?" * len(some))
        found.update(id_ for (id_,) in connection.execute(f"SELECT id FROM documents WHERE id IN ({marks})", some))  # noqa: S608
    return found


def find_known_identity(connection: Connection, inbox: str, path: str) -> Document | None:
    """The latest document claimed from this very path: for inboxes whose files stay where they are."""
    found = rows.dicts(
        connection.execute(
            "SELECT * FROM documents WHERE path = ? AND inbox = ? ORDER BY claimed_at DESC LIMIT 1",
            (os.fsencode(path), inbox),
        )
    )
    return rows.to_document(found[0]) if found else None
