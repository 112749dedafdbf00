"""What the ledger does for itself: it knows how it was left, whose it is, and lets old history go."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from docferry.errors import LedgerError
from docferry.ledger import rows
from docferry.ledger.database import Connection
from docferry.ledger.memory import get_memory, put_memory
from docferry.models import Document, Json

OWNER_FILE = "owner"
OWNER = "owner"  # the ledger's memory of the same
UNCHECKED = "unchecked"  # true while the ledger is open, and on after a crash until it was looked through

_OWNER_LIMIT_CHARACTERS = 64

Place = tuple[float, str]
"""How far a walk through history has come: claimed_at and id of the last document looked at."""

START: Place = (0.0, "")


def begin(connection: Connection) -> bool:
    """Marks the ledger as open. Returns whether it must be looked through, as the last run did not end in order."""
    unchecked = bool(get_memory(connection, UNCHECKED))
    if not unchecked:
        put_memory(connection, UNCHECKED, True)
    return unchecked


def end(connection: Connection) -> None:
    """Marks the ledger as closed in order, and sound."""
    put_memory(connection, UNCHECKED, False)


def keep_owner(state: Path, connection: Connection) -> None:
    """Names this state folder among daemons that share an inbox, in the ledger and in a file beside it.

    The file is what still tells our work folders from others' when the ledger is gone. LedgerError when it cannot be
    written; the next start tries again.
    """
    file = state / OWNER_FILE
    try:
        known = file.read_text("ascii", "replace")[:_OWNER_LIMIT_CHARACTERS].strip() if file.exists() else ""
        owner = get_memory(connection, OWNER)
        if owner is None:
            owner = known or secrets.token_hex(8)
            put_memory(connection, OWNER, owner)
        if known != owner:
            _write(file, str(owner))
    except OSError as error:
        raise LedgerError(f"{file}: {error.strerror}", hint="check the state folder's owner and free space") from error


def _write(file: Path, content: str) -> None:
    unfinished = file.with_name(f".{file.name}.part")
    with unfinished.open("w", encoding="ascii", errors="replace") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    unfinished.replace(file)


@dataclass(frozen=True, slots=True)
class Old:
    """Some documents that ended long ago, and where the walk goes on; None: there are no more."""

    documents: tuple[Document, ...]
    next: Place | None


def find_old(connection: Connection, before: float, after: Place, limit: int) -> Old:
    """The next documents that were claimed and have ended before a moment, oldest first; never open or held ones."""
    found = rows.dicts(
        connection.execute(
            "SELECT * FROM documents WHERE claimed_at < ? AND (claimed_at, id) > (?, ?)"
            " ORDER BY claimed_at, id LIMIT ?",
            (before, *after, limit),
        )
    )
    documents = [rows.to_document(row) for row in found]
    old = tuple(document for document in documents if document.filed and document.updated_at < before)
    last = documents[-1] if len(documents) == limit else None
    return Old(old, (last.claimed_at, last.id) if last else None)


def forget(connection: Connection, documents: Sequence[Document], memory_key: str, folders: Json) -> Collection[str]:
    """Takes documents out of the ledger, with their steps, deliveries and events; returns the ids of those it took.

    One that changed meanwhile stays. ``folders`` is remembered in the same commit: what is to be tidied next.
    """
    gone = []
    for document in documents:
        taken = connection.execute(
            "DELETE FROM documents WHERE id = ? AND filed = 1 AND state = ? AND run = ? AND updated_at = ?",
            (document.id, document.state.value, document.run, document.updated_at),
        ).rowcount
        if taken:
            connection.execute("DELETE FROM events WHERE document = ?", (document.id,))
            gone.append(document.id)
    put_memory(connection, memory_key, folders)
    return gone


def forget_events(connection: Connection, before: float, limit: int) -> int:
    """Takes out old events that belong to no document; returns how many."""
    return int(
        connection.execute(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE document IS NULL AND at < ?"
            " ORDER BY id LIMIT ?)",
            (before, limit),
        ).rowcount
    )


def finished_among(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these documents need their work folders no more: put away, and no paid answer is kept for a retry."""
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        some = list(ids[start : start + 500])
        marks = ", ".join("?" * len(some))
        statement = (
            f"SELECT id FROM documents WHERE id IN ({marks}) AND filed = 1 AND (state IN ('delivered', 'skipped')"  # noqa: S608
            " OR NOT EXISTS (SELECT 1 FROM steps WHERE document = documents.id AND steps.state = 'done'))"
        )
        found.update(id_ for (id_,) in connection.execute(statement, some))
    return found
