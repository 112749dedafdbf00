"""Small facts that outlive the process: one row each, any JSON value."""

from __future__ import annotations

import json
from typing import Any

from docferry.ledger import rows
from docferry.ledger.database import Connection
from docferry.models import Json


def put_memory(connection: Connection, key: str, value: Json) -> None:
    connection.execute("INSERT OR REPLACE INTO memory (key, value) VALUES (?, ?)", (key, rows.dumps(value)))


def get_memory(connection: Connection, key: str) -> Any:
    found = connection.execute("SELECT value FROM memory WHERE key = ?", (key,)).fetchone()
    return json.loads(found[0]) if found else None
