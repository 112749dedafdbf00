"""Reads a large answer from disk in bounded memory: what the dialects look at, without the bulk of its content.

The same faults are found as in ``answer_json``, which decodes small answers whole. What is left out are the values
under ``bulk`` names (they become empty), the rest of long texts, and what lies deep once ``MOST_KEPT`` was kept;
names that are there stay there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO

import ijson

from docferry.models import Json
from docferry.providers.answer_json import MAX_DEPTH, AnswerFault, kind_of, looks_like_html
from docferry.providers.longtexts import LongTexts

LONGEST_TEXT = 16_000
MOST_KEPT = 200_000  # values; a text counts as several
TEXT_PER_VALUE = 100
MOST_NAMES = 1_000_000  # of one object
ALWAYS_KEPT_DEPTH = 3  # named values no deeper than this: status and figures come after the content at times
_MARK = b"\xef\xbb\xbf"


def read_outline(file: BinaryIO, bulk: frozenset[str]) -> dict[str, Json]:
    """The object in ``file``, from its beginning to its end. AnswerFault as ``answer_json.read_object`` raises."""
    start = file.read(512)
    file.seek(len(_MARK) if start.startswith(_MARK) else 0)
    if not start.strip(_MARK + b" \t\r\n"):
        raise AnswerFault("empty", "an empty answer", passing=True)
    if looks_like_html(start.lstrip(_MARK + b" \t\r\n")):
        raise AnswerFault("html", "an HTML page instead of JSON", passing=True)
    builder = _Builder(bulk)
    try:
        for event, value in ijson.basic_parse(LongTexts(file)):
            builder.take(event, value)
    except ijson.IncompleteJSONError as error:
        if "premature EOF" in str(error) or "Incomplete" in str(error):
            raise AnswerFault("cut", "JSON that ends in the middle", passing=True) from error
        raise AnswerFault("not_json", "text that is not JSON", passing=True) from error
    except ijson.JSONError as error:
        raise AnswerFault("not_json", "text that is not JSON", passing=True) from error
    except (ValueError, ArithmeticError, SystemError) as error:  # the last where ijson notices it late
        if isinstance(error, AnswerFault):
            raise
        raise AnswerFault("number_too_long", "JSON with a number of thousands of digits", passing=False) from error
    return builder.finished()


@dataclass(slots=True)
class _Open:
    """A container that is not closed yet. ``kept`` is None where its content is left out."""

    kept: dict[str, Json] | list[Json] | None
    names: set[str] = field(default_factory=set)
    name: str = ""


class _Builder:
    def __init__(self, bulk: frozenset[str]) -> None:
        self._bulk = bulk
        self._stack: list[_Open] = []
        self._kept = 0
        self._whole: Json = None

    def take(self, event: str, value: Json) -> None:
        if event == "map_key":
            self._name(value)
        elif event in ("start_map", "start_array"):
            self._begin({} if event == "start_map" else [])
        elif event in ("end_map", "end_array"):
            self._stack.pop()
        else:
            self._put(_scalar(value))

    def finished(self) -> dict[str, Json]:
        if not isinstance(self._whole, dict):
            raise AnswerFault("wrong_shape", f"JSON that is {kind_of(self._whole)}, not an object", passing=False)
        return self._whole

    def _name(self, name: str) -> None:
        inner = self._stack[-1]
        if name in inner.names:
            raise AnswerFault("duplicate_keys", f"JSON that has the key {name[:60]!r} twice", passing=False)
        if len(inner.names) >= MOST_NAMES:
            raise AnswerFault("too_many_keys", f"JSON with more than {MOST_NAMES} keys in one object", passing=False)
        inner.names.add(name)
        inner.name = name

    def _begin(self, container: dict[str, Json] | list[Json]) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise AnswerFault("too_deep", f"JSON nested deeper than {MAX_DEPTH} levels", passing=False)
        is_kept = self._put(container)
        is_bulk = bool(self._stack) and isinstance(self._stack[-1].kept, dict) and self._stack[-1].name in self._bulk
        self._stack.append(_Open(container if is_kept and not is_bulk else None))

    def _put(self, value: Json) -> bool:
        """Adds a value to the innermost container; False where it is left out."""
        if not self._stack:
            self._whole = value
            return True
        inner = self._stack[-1]
        is_deep = len(self._stack) > ALWAYS_KEPT_DEPTH or isinstance(inner.kept, list)
        if inner.kept is None or (self._kept >= MOST_KEPT and is_deep):
            return False
        self._kept += 1 + (len(value) // TEXT_PER_VALUE if isinstance(value, str) else 0)
        if isinstance(inner.kept, dict):
            inner.kept[inner.name] = value
        else:
            inner.kept.append(value)
        return True


def _scalar(value: Json) -> Json:
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, Decimal):
        number = float(value)
        if math.isinf(number):
            raise AnswerFault("not_finite", f"JSON with a number that is too large ({str(value)[:20]})", passing=False)
        return number
    return value
