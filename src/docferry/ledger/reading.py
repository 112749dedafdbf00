"""What the commands ask of the ledger, read-only, while a daemon may be writing it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from docferry.ledger import rows
from docferry.ledger.database import open_for_reading
from docferry.ledger.ledger import FILE_NAME, find_document, find_steps
from docferry.models import ENDED, Document, Step

_PAGE = 500  # documents that are read at a time


@dataclass(frozen=True, slots=True)
class Oldest:
    """What waits longest in an inbox: since when, which document (its path fit to be read), and for what."""

    since: float
    path: str
    waits_for: str


class LedgerReader:
    """A read-only view. Every method reads one consistent snapshot."""

    def __init__(self, state: Path) -> None:
        self._connection = open_for_reading(state / FILE_NAME)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def counts(self) -> dict[str, dict[str, int]]:
        """Documents by inbox and state."""
        found = self._connection.execute("SELECT inbox, state, documents FROM totals WHERE documents > 0")
        counts: dict[str, dict[str, int]] = {}
        for inbox, state, count in found:
            counts.setdefault(inbox, {})[state] = count
        return counts

    def oldest_open(self) -> dict[str, Oldest]:
        """For each inbox its unfinished document that was seen first; one that is held waits for a person."""
        found = self._connection.execute(  # SQLite takes the other columns from the row that has the least value
            "SELECT inbox, min(seen_at), display, waits_for FROM documents"
            " WHERE filed = 0 AND state != 'held' GROUP BY inbox"
        )
        return {inbox: Oldest(seen_at, path, waits_for or "its turn") for inbox, seen_at, path, waits_for in found}

    def documents(
        self, *, states: tuple[str, ...] = (), inbox: str | None = None, limit: int | None = 50, since: float = 0.0
    ) -> list[Document]:
        """The newest first. A long history is not searched for what is open, or by the totals is not there."""
        clauses, values, order = ["claimed_at >= ?"], [since], "claimed_at"  # type: tuple[list[str], list[Any], str]
        if states:
            there_are = sum(counts.get(state, 0) for counts in self.counts().values() for state in states)
            if there_are == 0:
                return []
            limit = there_are if limit is None else min(limit, there_are)
            clauses.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        if states and ENDED.isdisjoint(states):
            clauses.append("filed = 0")
            order = "+claimed_at"  # by the index of open documents, not by that of all moments
        if inbox is not None:
            clauses.append("inbox = ?")
            values.append(inbox)
        statement = f"SELECT * FROM documents WHERE {' AND '.join(clauses)} ORDER BY {order} DESC, id DESC LIMIT ?"  # noqa: S608
        found = self._connection.execute(statement, [*values, -1 if limit is None else limit])
        return [rows.to_document(row) for row in rows.dicts(found)]

    def for_audit(self, since: float) -> Iterator[Document]:
        """Every open document, then the ended ones that were claimed after ``since``.

        Some at a time: a look at a million files must not keep a snapshot, and with it the log of changes, for hours.
        """
        open_ids = [id_ for (id_,) in self._connection.execute("SELECT id FROM documents WHERE filed = 0")]
        for start in range(0, len(open_ids), _PAGE):
            some = open_ids[start : start + _PAGE]
            marks = ", ".join("?" * len(some))
            yield from self._documents(f"SELECT * FROM documents WHERE id IN ({marks})", some)  # noqa: S608
        after: tuple[float, str] = (since, "")
        while documents := self._documents(
            "SELECT * FROM documents WHERE claimed_at >= ? AND (claimed_at, id) > (?, ?) AND filed = 1"
            " ORDER BY claimed_at, id LIMIT ?",
            [after[0], *after, _PAGE],
        ):
            yield from documents
            after = (documents[-1].claimed_at, documents[-1].id)

    def _documents(self, statement: str, values: list[Any]) -> list[Document]:
        return [rows.to_document(row) for row in rows.dicts(self._connection.execute(statement, values))]

    def came_back(self, document: Document) -> bool:
        """Whether the same file was claimed again later, as one that a person moved from ``failed`` into the inbox."""
        found = self._connection.execute(
            "SELECT 1 FROM documents WHERE device = ? AND inode = ? AND size_bytes = ? AND claimed_at > ?",
            (
                str(document.identity.device),
                str(document.identity.inode),
                document.identity.size_bytes,
                document.claimed_at,
            ),
        )
        return found.fetchone() is not None

    def replaced_later(self, document_id: str, path: str, delivered_at: float) -> bool:
        """Whether another document has delivered under this very path since."""
        found = self._connection.execute(
            "SELECT 1 FROM deliveries WHERE path = ? AND document != ? AND delivered_at >= ?",
            (os.fsencode(path), document_id, delivered_at),
        )
        return found.fetchone() is not None

    def document(self, document_id: str) -> Document | None:
        return find_document(self._connection, document_id)

    def find(self, what: str) -> list[Document]:
        """Documents that ``what`` may mean: an id or its beginning, a job id, a path, a delivered file, a sha256."""
        for clause, value in _lookups(what):
            statement = f"SELECT * FROM documents WHERE {clause} ORDER BY claimed_at DESC LIMIT 100"  # noqa: S608
            documents = [rows.to_document(row) for row in rows.dicts(self._connection.execute(statement, value))]
            if documents:
                return documents
        return []

    def steps(self, document: Document) -> list[Step]:
        return find_steps(self._connection, document.id, document.run)

    def all_steps(self, document: Document) -> list[Step]:
        found = self._connection.execute(
            "SELECT * FROM steps WHERE document = ? ORDER BY run, position", (document.id,)
        )
        return [rows.to_step(row) for row in rows.dicts(found)]

    def events(self, document_id: str | None, limit: int = 1000) -> list[dict[str, Any]]:
        """Oldest first; with None those of inboxes and providers."""
        found = self._connection.execute(
            "SELECT at, kind, state, detail FROM"
            " (SELECT * FROM events WHERE document IS ? ORDER BY id DESC LIMIT ?) ORDER BY id",
            (document_id, limit),
        )
        return [{**row, "detail": json.loads(row["detail"])} for row in rows.dicts(found)]

    def deliveries(self, document_id: str) -> list[dict[str, Any]]:
        found = self._connection.execute("SELECT * FROM deliveries WHERE document = ? ORDER BY path", (document_id,))
        return [{**row, "path": os.fsdecode(row["path"])} for row in rows.dicts(found)]

    def memory(self, key: str) -> Any:
        found = self._connection.execute("SELECT value FROM memory WHERE key = ?", (key,)).fetchone()
        return json.loads(found[0]) if found else None


def _lookups(what: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Ways to look ``what`` up, the surest first; each is served by an index."""
    path = os.fsencode(what)
    what = path.decode("utf-8", "replace")  # ids and hashes are plain text: what is not, cannot match
    lookups: list[tuple[str, tuple[Any, ...]]] = [
        ("id = ?", (what,)),
        ("path = ?", (path,)),
        ("original_at = ?", (path,)),
        ("id IN (SELECT document FROM steps WHERE job_id = ?)", (what,)),
        ("id IN (SELECT document FROM deliveries WHERE path = ?)", (path,)),
        ("sha256 = ?", (what,)),
    ]
    if "/.docferry/" in what:  # a work folder or something in it
        lookups.append(("id = ?", (what.split("/.docferry/", 1)[1].split("/", 1)[0],)))
    if len(what) >= 4 and what.isalnum():
        lookups.append(("id >= ? AND id < ?", (what, what + "{")))  # "{" follows "z"
    return lookups
