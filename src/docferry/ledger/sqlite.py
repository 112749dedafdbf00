"""Which SQLite is used: the ``pysqlite3`` wheel's newer one where there is one, else Python's own.

Debian 12's SQLite (3.40) can corrupt a WAL database that two connections write. sqlite-utils makes the same
choice; it is made here too because importing sqlite-utils takes longer than most commands do.
"""

from __future__ import annotations

from typing import Any

try:
    import pysqlite3 as _module
except ImportError:
    import sqlite3 as _module

sqlite3: Any = _module
