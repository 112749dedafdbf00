"""What a provider gave and we keep: ids, links, numbers and notes, made fit for the ledger and for later requests.

They come from a stranger. An id that could not be sent back is none; a note loses what no text can hold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from docferry.models import Json

LONGEST_ID = 500
LONGEST_LINK = 16_000
LARGEST_NOTE_BYTES = 64_000
LARGEST_WHOLE = 2**31 - 1

_SURROGATE = re.compile("[\ud800-\udfff]")


def given_id(value: Json) -> str | None:
    """An id as text, or None: not there, no text or number, too long, or with characters that no URL can hold."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and abs(value) > 10**LONGEST_ID:
        return None
    return _usable(str(value), LONGEST_ID)


def given_link(value: Json) -> str | None:
    """An address as it was given, or None."""
    return _usable(value, LONGEST_LINK) if isinstance(value, str) else None


def _usable(text: str, longest: int) -> str | None:
    is_usable = 0 < len(text) <= longest and text.isprintable() and text not in (".", "..")
    return text if is_usable else None


def given_whole(value: Json) -> int | None:
    """A count that SQLite can hold, or None."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_WHOLE
    return value if is_count else None


def given_number(value: Json) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        return None
    return float(value) if math.isfinite(value) else None


def given_notes(values: Mapping[str, Json]) -> dict[str, Json]:
    """``values`` without those that are empty or too large to keep with every job; lone surrogates are replaced."""
    notes = {name: _storable(value) for name, value in values.items() if value is not None and value != {}}
    return {name: value for name, value in notes.items() if len(json.dumps(value)) <= LARGEST_NOTE_BYTES}


def _storable(value: Json) -> Json:
    """Recurses: answers are never deeper than ``answer_json`` allows."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", name): _storable(item) for name, item in value.items()}
    return value
