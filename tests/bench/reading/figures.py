"""What a measurement yields, and the scores that several measurements share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from docferry.engine.extraction.building import table_rows
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.read import ReadOptions, read_document


@dataclass(frozen=True)
class Setting:
    """Where to write, and how much to measure."""

    folder: Path
    quick: bool
    real: bool


@dataclass(frozen=True)
class Figure:
    name: str
    measured: str
    aim: str
    reached: bool

    def line(self) -> str:
        return f"{'ok  ' if self.reached else 'MISS'} {self.name:<58} {self.measured:>18}   aim {self.aim}"


def share(name: str, got: int, total: int, aim: float) -> Figure:
    return Figure(name, f"{got}/{total}", f"{aim:.0%}", got >= aim * total)


def at_most(name: str, value: float, aim: float, form: str = ".2f") -> Figure:
    return Figure(name, f"{value:{form}}", f"at most {aim:{form}}", value <= aim)


def at_least(name: str, value: float, aim: float, form: str = ".3f") -> Figure:
    return Figure(name, f"{value:{form}}", f"at least {aim:{form}}", value >= aim)


def read(setting: Setting, content: bytes, options: ReadOptions | None = None) -> Document:
    path = setting.folder / "document"
    path.write_bytes(content)
    return read_document(path, options or ReadOptions())


def tables(document: Document) -> list[list[list[str]]]:
    return [table_rows(block.table) for block in document.blocks if block.table is not None]


def matching_rows(wanted: Sequence[Sequence[str]], document: Document) -> int:
    """Cells of those wanted rows that some table holds exactly."""
    found = [row for table in tables(document) for row in table]
    return sum(len(row) for row in wanted if list(row) in found)


def matching_cells(wanted: Sequence[Sequence[str]], document: Document) -> int:
    """Cells that stand in their row and column in the table that fits best."""
    return max(
        (
            sum(
                row < len(table) and column < len(table[row]) and table[row][column] == text
                for row, texts in enumerate(wanted)
                for column, text in enumerate(texts)
            )
            for table in tables(document)
        ),
        default=0,
    )


def character_errors(wanted: str, found: str) -> float:
    """Edit distance over length, blanks aside."""
    wanted, found = re.sub(r"\s", "", wanted), re.sub(r"\s", "", found)
    return Levenshtein.distance(wanted, found) / len(wanted)
