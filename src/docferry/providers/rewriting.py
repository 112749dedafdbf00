"""Makes outputs of a large stored answer in memory that does not grow with it.

``read_without`` gives all of it but the bulk: boxes, chunks and other structure, of which outputs are only copies.
Those are written by ``JsonPart`` straight from the file, piece by piece, as ``outputs.json_bytes`` would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import ijson

from docferry.models import Json
from docferry.providers.answer_json import AnswerFault, kind_of

BULK_DEPTH = 5  # containers around it at most; the same names further inside are tables' columns
PIECE_TOKENS = 20_000  # in one piece of an output, or
PIECE_TEXT = 1 << 18  # so many characters of its texts
READ_BYTES = 1 << 18
MARK = b"\xef\xbb\xbf"
OPENING = {"start_map": "{", "start_array": "["}
WORDS = {True: "true", False: "false", None: "null"}
CLOSING = {"end_map": "}", "end_array": "]"}

Event = tuple[str, Any]
Names = tuple[str, ...]


def read_without(file: Path, bulk: frozenset[str]) -> dict[str, Json]:
    """The object in ``file``; of containers under ``bulk`` names only whether they are empty. AnswerFault, OSError.

    Names that come twice and too deep nesting are found when an answer is stored (``outline``), not here.
    """
    builder = ijson.ObjectBuilder()
    try:
        for event, value in _without_bulk(_events_of(file), bulk):
            builder.event(event, float(value) if event == "number" and not isinstance(value, int) else value)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise AnswerFault("not_json", "text that is not JSON", passing=True) from error
    value = builder.value
    if not isinstance(value, dict):
        raise AnswerFault("wrong_shape", f"JSON that is {kind_of(value)}, not an object", passing=False)
    return value


@dataclass(frozen=True, slots=True)
class JsonPart:
    """The value under the names ``at`` in the object that ``file`` holds, without some of its members, as JSON."""

    file: Path
    at: Names
    without: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[bytes]:
        return _pieces(self.events())

    def events(self) -> Iterator[Event]:
        events = _events_of(self.file)
        _enter(events, self.at)
        return _value(events, self.without)


@dataclass(frozen=True, slots=True)
class JsonParts:
    """An object with a member for each of ``parts``, as JSON."""

    parts: Mapping[str, JsonPart]

    def __iter__(self) -> Iterator[bytes]:
        return _pieces(self._events())

    def _events(self) -> Iterator[Event]:
        yield "start_map", None
        for name, part in self.parts.items():
            yield "map_key", name
            yield from part.events()
        yield "end_map", None


def _events_of(file: Path) -> Iterator[Event]:
    with file.open("rb") as content:
        content.seek(len(MARK) if content.read(len(MARK)) == MARK else 0)
        yield from ijson.basic_parse(content, buf_size=READ_BYTES)


def _without_bulk(events: Iterator[Event], bulk: frozenset[str]) -> Iterator[Event]:
    depth, name = 0, None
    for event in events:
        if event[0] in OPENING and name in bulk and depth <= BULK_DEPTH:
            yield from _hollow(event, events)
        else:
            depth += (event[0] in OPENING) - (event[0] in CLOSING)
            yield event
        name = event[1] if event[0] == "map_key" else None


def _hollow(opening: Event, events: Iterator[Event]) -> Iterator[Event]:
    """A container with null for all that it has, so that it is not taken for empty."""
    yield opening
    event = next(events)
    if event[0] not in CLOSING:
        if event[0] == "map_key":
            yield event
            event = next(events)
        yield "null", None
        depth = 1 + (event[0] in OPENING)
        while depth:
            event = next(events)
            depth += (event[0] in OPENING) - (event[0] in CLOSING)
    yield event


def _enter(events: Iterator[Event], at: Names) -> None:
    """Goes on to the value under the names: they are there."""
    for name in at:
        next(events)  # the object begins
        while next(events)[1] != name:
            _skip(events)


def _skip(events: Iterator[Event]) -> None:
    for _ in _value(events):
        pass


def _value(events: Iterator[Event], without: frozenset[str] = frozenset()) -> Iterator[Event]:
    """The events of the value that comes next, without its members of those names."""
    depth = 0
    for event in events:
        kind = event[0]
        if kind in OPENING:
            depth += 1
        elif kind in CLOSING:
            depth -= 1
        elif depth == 1 and kind == "map_key" and event[1] in without:
            _skip(events)
            continue
        yield event
        if not depth:
            return


def _pieces(events: Iterable[Event]) -> Iterator[bytes]:
    """As ``json.dumps`` with an indent of two writes it, and a line end."""
    tokens: list[str] = []
    line = "\n"  # with the indent of the container that is open
    opened = ""  # what stands before the first member of the container that was opened last
    separator = ""  # what stands before any other, and before its end
    text_length = 0  # of the texts in ``tokens``
    for event, value in events:
        if event in CLOSING:
            line = line[:-2]
            tokens.append((line if separator else "") + CLOSING[event])
            separator = "," + line
            continue
        tokens.append(separator or opened)
        separator = "," + line
        if event == "number":
            tokens.append(repr(value) if isinstance(value, int) else repr(float(value)))
        elif event == "map_key":
            tokens.append(encode_basestring(value) + ":")
            separator = " "
        elif event == "string":
            tokens.append(encode_basestring(value))
            text_length += len(value)
        elif event in OPENING:
            tokens.append(OPENING[event])
            line += "  "
            opened, separator = line, ""
        else:
            tokens.append(WORDS[value])
        if len(tokens) > PIECE_TOKENS or text_length > PIECE_TEXT:
            yield "".join(tokens).encode("utf-8", "replace")
            tokens.clear()
            text_length = 0
    tokens.append("\n")
    yield "".join(tokens).encode("utf-8", "replace")
