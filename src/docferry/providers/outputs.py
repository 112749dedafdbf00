"""What both dialects need to make output files from stored answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docferry.models import Json
from docferry.providers.answer_json import AnswerFault, read_object
from docferry.providers.base import Output, OutputSet, StoredAnswer
from docferry.providers.rewriting import JsonPart, Names, read_without
from docferry.providers.spill import IN_MEMORY_BYTES
from docferry.providers.tables import Table, to_csv


@dataclass(frozen=True, slots=True)
class Read:
    """A stored answer and what is in it."""

    answer: StoredAnswer
    value: Mapping[str, Json]
    is_large: bool


@dataclass(slots=True)
class Collected:
    """Outputs on their way: in delivery order, with what is missing in words."""

    outputs: list[Output] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, kind: str, suffix: str, content: bytes | Path | Iterable[bytes]) -> None:
        """Adds one file; a second of the same suffix gets a number, as with several steps of one endpoint."""
        taken = {output.suffix for output in self.outputs}
        number = 2
        stem, dot, ending = suffix.rpartition(".")
        free = suffix
        while free in taken:
            free = f"{stem}.{number}{dot}{ending}"
            number += 1
        self.outputs.append(Output(free, content, kind))

    def add_text(self, kind: str, suffix: str, text: str) -> None:
        self.add(kind, suffix, text.encode("utf-8", "replace"))

    def add_json(self, kind: str, suffix: str, value: Json) -> None:
        self.add(kind, suffix, json_bytes(value))

    def add_part(self, kind: str, suffix: str, read: Read, at: Names, without: frozenset[str] = frozenset()) -> None:
        """The value under the names ``at`` of a stored answer, without some of its members."""
        if read.is_large:
            self.add(kind, suffix, JsonPart(read.answer.path, at, without))
            return
        value: Json = read.value
        for name in at:
            value = value[name]
        if without:
            value = {name: member for name, member in value.items() if name not in without}
        self.add_json(kind, suffix, value)

    def add_tables(self, tables: Sequence[Table], why_none: str) -> None:
        """One ``.csv``, or ``.1.csv``, ``.2.csv`` … for several."""
        if not tables:
            self.missing.append(f"csv: {why_none}")
        for number, table in enumerate(tables, 1):
            self.add("csv", ".csv" if len(tables) == 1 else f".{number}.csv", to_csv(table))

    def finish(self) -> OutputSet:
        return OutputSet(tuple(self.outputs), tuple(dict.fromkeys(self.missing)))


def json_bytes(value: Json) -> bytes:
    """``value`` as JSON for people and programs: indented, UTF-8, a line end at the end."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return text.encode("utf-8", "replace") + b"\n"


def read_answers(answers: Sequence[StoredAnswer], collected: Collected, bulk: frozenset[str]) -> list[Read]:
    """The stored answers, decoded. One that cannot be read is missing; the others still give their outputs.

    In large ones the ``bulk`` is hollow: it is there and not empty, but only ``Collected.add_part`` has its content.
    """
    read: list[Read] = []
    for answer in answers:
        try:
            if answer.path.stat().st_size > IN_MEMORY_BYTES:
                read.append(Read(answer, read_without(answer.path, bulk), is_large=True))
            else:
                read.append(Read(answer, read_object(answer.path.read_bytes()), is_large=False))
        except (OSError, AnswerFault) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            collected.missing.append(f"{answer.endpoint}: its stored answer cannot be read ({reason})")
    return read


def add_raw(answers: Sequence[StoredAnswer], collected: Collected) -> None:
    """The answers as they came: ``.raw.json`` for the first step, ``.split.raw.json`` … for later ones."""
    for index, answer in enumerate(answers):
        if answer.path.is_file():
            collected.add("raw", ".raw.json" if index == 0 else f".{answer.endpoint}.raw.json", answer.path)
