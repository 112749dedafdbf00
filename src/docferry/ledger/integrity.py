"""Whether the ledger's file is sound: looked through beside the writer, never in its way."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from docferry.errors import LedgerError
from docferry.ledger.database import open_for_reading, translate
from docferry.ledger.sqlite import sqlite3

HINT = "stop docferry and restore a backup; or move the ledger away: work folders are then taken up again"


class IntegrityCheck:
    """One look through the whole file. ``run`` blocks for as long as reading it takes; ``stop`` ends it early."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: Any = None
        self._stopped = False

    def run(self) -> bool:
        """Whether the file was looked through to its end; False when it was stopped. LedgerError: it is damaged."""
        connection = open_for_reading(self._path)
        with self._lock:
            self._connection = connection
        try:
            return self._look(connection)
        finally:
            with self._lock:
                self._connection = None
                connection.close()

    def stop(self) -> None:
        """Ends a look that goes on in another thread, or that is about to begin."""
        with self._lock:
            self._stopped = True
            if self._connection is not None:
                self._connection.interrupt()

    def _look(self, connection: Any) -> bool:
        if self._stopped:
            return False
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            if self._stopped:
                return False
            raise translate(error, self._path) from error
        if verdict != "ok":
            raise LedgerError(f"{self._path}: the ledger is damaged: {verdict}", hint=HINT)
        return True
