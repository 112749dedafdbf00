"""The one connection that writes, in a thread of its own, and how many callers share one fsync.

Why a thread: SQLite blocks, and a durable commit costs a disk flush. Why one: SQLite has one writer
anyway, and a single connection is the only safe use of WAL on the SQLite of Debian 12. Callers hand in
small functions; the thread runs all that have gathered in one transaction, commits once with
``synchronous=FULL``, and only then lets the callers go on. So nobody ever sees a value that a power cut
could take back, and a burst of transitions costs one flush. Where one of the functions fails after it has
written something, all run again, each inside a savepoint of its own, so that only its own work is undone.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from docferry.errors import DocferryError, LedgerError
from docferry.ledger.changes import LedgerConflict
from docferry.ledger.sqlite import sqlite3

T = TypeVar("T")
_Outcome = tuple[Any, BaseException | None]  # what a caller gets: a value, or why there is none
Connection = Any  # sqlite3.Connection, of whichever SQLite sqlite-utils found

MAX_GROUP = 512  # callers that share one commit at most: bounds the latency of the first
CACHE_KIB = 8192
BUSY_TIMEOUT_MS = 10_000  # a reader's snapshot may delay a checkpoint, never for long


_CALLERS_MISTAKES = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
"""Values that SQLite cannot hold: no trouble of the file's, so the rest of the group goes on."""


@dataclass(slots=True)
class _Request(Generic[T]):
    """``done`` is called in ``loop``, or in the ledger's own thread where there is none."""

    work: Callable[[Connection], T]
    done: Callable[[T | None, BaseException | None], None]
    loop: asyncio.AbstractEventLoop | None = None


@dataclass(frozen=True, slots=True)
class LedgerPulse:
    """Signs of life, for the watchdog and the metrics."""

    commits: int
    waiting: int  # requests that the thread has not taken up yet
    in_hand: int  # requests of the commit it is at


class WriterThread:
    """Runs functions on the ledger's writing connection; a call returns when its effect is durable.

    A function may run twice, the first time in vain: it must do nothing but ask and write the connection.

    ``settled`` hears, in this thread and before any caller does, whether a transaction is durable or was taken back;
    ``on_commit`` how long each commit took and how many requests it held.
    """

    def __init__(
        self,
        path: Path,
        settled: Callable[[bool], None] = lambda durable: None,
        on_commit: Callable[[float, int], None] = lambda took_s, changes: None,
    ) -> None:
        self.path = path
        self._settled = settled
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[_Request[Any] | None] = queue.SimpleQueue()
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="docferry-ledger", daemon=True)
        self._commits = 0
        self._in_hand = 0
        self._closed = False

    def start(self) -> None:
        """Opens the file and applies migrations. Raises LedgerError when that cannot be done."""
        self._thread.start()
        self._opened.result()

    def pulse(self) -> LedgerPulse:
        return LedgerPulse(self._commits, self._queue.qsize(), self._in_hand)

    async def call(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` and returns its value once the commit is durable. Safe to cancel: the work still happens."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def done(value: T | None, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)  # type: ignore[arg-type]

        self._put(_Request(work, done, loop))
        return await future

    def call_sync(self, work: Callable[[Connection], T]) -> T:
        """The same for callers in other threads; blocks."""
        future: Future[T] = Future()

        def done(value: T | None, error: BaseException | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)  # type: ignore[arg-type]

        self._put(_Request(work, done))
        return future.result()

    def close(self) -> None:
        """Finishes what was handed in, then closes the file."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _put(self, request: _Request[Any]) -> None:
        if self._closed:
            raise LedgerError("the ledger is closed")
        self._queue.put(request)

    def _run(self) -> None:
        try:
            connection = open_for_writing(self.path)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the thread must hear of it
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        while (group := self._gather()) is not None:
            self._in_hand = len(group)
            self._commit_group(connection, group)
            self._in_hand = 0
        connection.close()

    def _gather(self) -> list[_Request[Any]] | None:
        """The next requests, at least one; None when the thread shall end and nothing is left."""
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._queue.put(None)  # end after this group
                break
            group.append(request)
        return group

    def _commit_group(self, connection: Connection, group: list[_Request[Any]]) -> None:
        started = time.monotonic()
        try:
            outcomes = self._run_together(connection, group) or self._run_apart(connection, group)
        except sqlite3.Error as error:
            _roll_back(connection)
            self._settled(False)
            failure = translate(error, self.path)
            outcomes = [(None, failure)] * len(group)
        else:
            self._on_commit(time.monotonic() - started, len(group))
        self._commits += 1
        _tell(group, outcomes)

    def _run_together(self, connection: Connection, group: Sequence[_Request[Any]]) -> list[_Outcome] | None:
        """The usual way, without savepoints, which are a third of all statements; None when one would be needed."""
        outcomes: list[_Outcome] = []
        connection.execute("BEGIN")
        for request in group:
            written = connection.total_changes
            outcomes.append(_run(connection, request.work))
            if outcomes[-1][1] is not None and connection.total_changes != written:
                connection.execute("ROLLBACK")
                self._settled(False)
                return None
        connection.execute("COMMIT")
        self._settled(True)
        return outcomes

    def _run_apart(self, connection: Connection, group: Sequence[_Request[Any]]) -> list[_Outcome]:
        connection.execute("BEGIN")
        outcomes = [_run_in_savepoint(connection, request.work) for request in group]
        connection.execute("COMMIT")
        self._settled(True)
        return outcomes


def _tell(group: Sequence[_Request[Any]], outcomes: Sequence[_Outcome]) -> None:
    """Lets the callers go on; those of a loop together, since waking it costs more than a commit's statements."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Request[Any], _Outcome]]] = {}
    for request, outcome in zip(group, outcomes, strict=True):
        if request.loop is None:
            request.done(*outcome)
        else:
            by_loop.setdefault(request.loop, []).append((request, outcome))
    for loop, settled in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_each, settled)


def _tell_each(settled: Sequence[tuple[_Request[Any], _Outcome]]) -> None:
    for request, outcome in settled:
        request.done(*outcome)


def _run(connection: Connection, work: Callable[[Connection], Any]) -> _Outcome:
    """One caller's work. Raises sqlite3.Error where it is the file's trouble, by which the whole group fails."""
    try:
        return work(connection), None
    except DocferryError as error:
        return None, error
    except sqlite3.IntegrityError as error:
        return None, LedgerConflict(f"the ledger refuses a row: {error}")
    except _CALLERS_MISTAKES as error:
        return None, error
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - the caller's own mistake goes back to the caller
        return None, error


def _run_in_savepoint(connection: Connection, work: Callable[[Connection], Any]) -> _Outcome:
    """One caller's failure undoes only what that caller did."""
    connection.execute("SAVEPOINT one")
    value, error = _run(connection, work)
    if error is not None:
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")
    return value, error


def _roll_back(connection: Connection) -> None:
    """A full or failing disk may have made SQLite roll back by itself already."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def translate(error: Exception, path: Path) -> LedgerError:
    """SQLite's complaint as ours, with what a person can do about it."""
    text = str(error)
    if "full" in text:
        return LedgerError(f"{path}: the disk is full", hint="free some space; docferry goes on by itself")
    if "readonly" in text or "unable to open" in text:
        return LedgerError(f"{path}: cannot be written: {text}", hint="check the state folder's owner and mount")
    if "malformed" in text or "not a database" in text:
        return LedgerError(
            f"{path}: the ledger is damaged: {text}", hint="restore a backup, or move it away and restart"
        )
    return LedgerError(f"{path}: {text}")


def open_for_writing(path: Path) -> Connection:
    """The writing connection: WAL, durable at each commit, migrated to the newest schema.

    Raises LedgerError; among others for a ledger written by a newer docferry.
    """
    from sqlite_utils import Database  # here: commands that only read must not wait for its import

    from docferry.ledger.schema import MIGRATIONS, NAMES

    connection = None
    try:
        connection = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        database = Database(connection, execute_plugins=False)
        applied = {migration.name for migration in MIGRATIONS.applied(database)}
        _refuse_newer(applied.difference(NAMES), path)
        MIGRATIONS.apply(database)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise translate(error, path) from error
        raise
    return connection


def open_for_reading(path: Path) -> Connection:
    """A connection that cannot write; for commands while the daemon runs. Raises LedgerError."""
    if not path.exists():
        raise LedgerError(
            f"{path}: there is no ledger yet", hint="start docferry once, or check state: in the configuration"
        )
    connection = None
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("SELECT 1 FROM documents LIMIT 1")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise translate(error, path) from error
    return connection


def _refuse_newer(unknown: set[str], path: Path) -> None:
    """Migrations that this version does not know mean that a newer one has written the file."""
    if unknown:
        raise LedgerError(
            f"{path}: written by a newer docferry (it has {', '.join(sorted(unknown))})",
            hint="install that version again, or restore a backup made before the upgrade",
        )
