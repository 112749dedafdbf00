"""One SQLite file with a single writing thread: many callers' changes share one durable commit.

The writer owns its connection and runs what the queue holds as one transaction, each change in its own savepoint,
so that a caller waits for one fsync however many others came with it. Reads go through a second connection, on the
event loop's thread: they are look-ups by key and see every commit that was awaited before.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import sqlite3
else:
    try:  # a mended SQLite where the machine's own is older than 3.51
        import pysqlite3 as sqlite3
    except ImportError:
        import sqlite3

Connection = sqlite3.Connection
Row = sqlite3.Row
DatabaseError = sqlite3.DatabaseError

Result = TypeVar("Result")
Change = Callable[[Connection], Any]

BATCH = 256  # changes that share a commit at most


class Database:
    """Opens ``path``, creating it with ``schema``; ``close`` commits what is queued and ends the thread."""

    def __init__(self, path: Path, schema: str) -> None:
        writer = _connect(path)
        writer.executescript(schema)
        self._reader = _connect(path)
        self._reader.execute("PRAGMA query_only = ON")
        self._changes: queue.SimpleQueue[tuple[Change, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, args=(writer,), name="engine-database", daemon=True)
        self._thread.start()

    async def write(self, change: Callable[[Connection], Result]) -> Result:
        """What ``change`` returns, once its effect is durable. Nothing of it stays if it raises."""
        done: Future[Any] = Future()
        self._changes.put((change, done))
        return cast(Result, await asyncio.wrap_future(done))

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Row]:
        return self._reader.execute(query, values).fetchall()

    def row(self, query: str, values: tuple[Any, ...] = ()) -> Row | None:
        found = self._reader.execute(query, values).fetchone()
        return cast(Row | None, found)

    def close(self) -> None:
        self._changes.put(None)
        self._thread.join()
        self._reader.close()

    def _write_all(self, writer: Connection) -> None:
        is_open = True
        while is_open:
            batch = [self._changes.get()]
            while len(batch) < BATCH and batch[-1] is not None and not self._changes.empty():
                batch.append(self._changes.get())
            is_open = batch[-1] is not None
            _commit(writer, [entry for entry in batch if entry is not None])
        writer.close()


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False, timeout=30)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _commit(writer: Connection, batch: list[tuple[Change, Future[Any]]]) -> None:
    """One transaction for the whole batch. Its callers learn of their result after the commit, never before."""
    outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
    try:
        writer.execute("BEGIN IMMEDIATE")
        for change, done in batch:
            outcomes.append((done, *_apply(writer, change)))
        writer.execute("COMMIT")
    except sqlite3.Error as error:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        outcomes = [(done, None, error) for _, done in batch]
    for done, result, problem in outcomes:
        _tell(done, result, problem)


def _apply(writer: Connection, change: Change) -> tuple[Any, BaseException | None]:
    writer.execute("SAVEPOINT change")
    try:
        result = change(writer)
    except Exception as error:  # noqa: BLE001 - the caller's own error, handed back to the caller
        writer.execute("ROLLBACK TO change")
        writer.execute("RELEASE change")
        return None, error
    writer.execute("RELEASE change")
    return result, None


def _tell(done: Future[Any], result: Any, problem: BaseException | None) -> None:
    if not done.set_running_or_notify_cancel():
        return  # the caller has given up waiting
    if problem is None:
        done.set_result(result)
    else:
        done.set_exception(problem)
