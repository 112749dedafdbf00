"""Facts as values: their names, the cheap ones, and how one that cannot be read is written down.

Facts are plain JSON, so that the ledger can keep them and ``check --replay`` can route by them again. The
document's text is never kept: what a ``text`` condition asks is whether its pattern occurs, and that is the
fact (``text:PATTERN``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from docferry.models import Json

TEXT = "text:"
READ_FACTS = ("type", "pages", "encrypted", "text", "sha256")  # those that need the file's content

SIZE = "size"  # known without opening the file; asked of a worker where the answer may never come
WORKER_READY = b"ready\n"  # the first thing a worker that reads facts says

AWAY_KEY = "filesystem"  # beside the facts: why the file's whole filesystem is in trouble, which is no fact of it

_UNREADABLE = "unreadable"


def cheap_facts(inbox: str, path: str, size_bytes: int, modified_at: float, now: float) -> dict[str, Json]:
    """What is known without opening the file. ``path`` is below the inbox."""
    name = PurePosixPath(path)
    return {
        "inbox": inbox,
        "path": path,
        "name": name.name,
        "stem": name.stem,
        "extension": name.suffix[1:],
        "size": size_bytes,
        "modified": modified_at,
        "now": now,
    }


def unreadable(reason: str) -> Json:
    """The value of a fact that was asked for and cannot be read."""
    return {_UNREADABLE: reason}


def unreadable_reason(value: Json) -> str:
    """Why the fact cannot be read, or nothing when it can."""
    return str(value[_UNREADABLE]) if isinstance(value, Mapping) and _UNREADABLE in value else ""


def without_unreadable(facts: Mapping[str, Json]) -> dict[str, Json]:
    """What is really known: what could not be read once is tried again."""
    return {name: value for name, value in facts.items() if not unreadable_reason(value)}
