"""A consistent copy of the ledger, made while the daemon may be writing it."""

from __future__ import annotations

import os
from pathlib import Path

from docferry.errors import LedgerError, UsageError
from docferry.ledger.database import open_for_reading, translate
from docferry.ledger.ledger import FILE_NAME
from docferry.ledger.sqlite import sqlite3


def backup(state: Path, target: Path) -> int:
    """Writes the ledger's present content to ``target``, durably and checked, and returns its size in bytes.

    ``VACUUM INTO`` reads one snapshot, so it never blocks the writer. Never overwrites: UsageError.
    """
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already", hint="name a new file; backups are never overwritten")
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.unlink(missing_ok=True)
    source = open_for_reading(state / FILE_NAME)
    try:
        source.execute("VACUUM INTO ?", (os.fspath(unfinished),))
    except sqlite3.Error as error:
        unfinished.unlink(missing_ok=True)
        raise translate(error, target) from error
    finally:
        source.close()
    _check(unfinished)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return target.stat().st_size


def _check(path: Path) -> None:
    copy = open_for_reading(path)
    try:
        verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        copy.close()
    if verdict != "ok":
        path.unlink()
        raise LedgerError(f"the ledger is damaged: {verdict}", hint="restore an earlier backup")
