"""Documents built by hand: texts at places of a page, or blocks without places."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docferry.engine.extraction.model import Block, BlockKind, Box, Cell, Document, Page, Table, Word

WIDTH, HEIGHT = 595.0, 842.0
LETTER, LINE = 5.0, 11.0  # points that a letter is wide, and a line of text high

Placed = tuple[float, float, str]  # left and top in points, text


def page_of(texts: Sequence[Placed], *, number: int = 1, confidence: float | None = None) -> Page:
    """A page with a word for each word of the placed texts, and a block for each text."""
    words: list[Word] = []
    blocks: list[Block] = []
    for place, (left, top, text) in enumerate(texts):
        for match in re.finditer(r"\S+", text):
            start, end = left + LETTER * match.start(), left + LETTER * match.end()
            box = Box(start / WIDTH, top / HEIGHT, end / WIDTH, (top + LINE) / HEIGHT)
            words.append(Word(match.group(), box, confidence))
        box = Box(left / WIDTH, top / HEIGHT, (left + LETTER * len(text)) / WIDTH, (top + LINE) / HEIGHT)
        blocks.append(Block(f"txt-{number}-{place}", BlockKind.TEXT, text, number, box))
    return Page(number, WIDTH, HEIGHT, tuple(blocks), tuple(words))


def placed(*texts: Placed, confidence: float | None = None) -> Document:
    """A document of one page."""
    return Document("application/pdf", (page_of(texts, confidence=confidence),))


def column(left: float, top: float, *texts: str, step: float = 14.0) -> list[Placed]:
    """Texts one below the other."""
    return [(left, top + step * place, text) for place, text in enumerate(texts)]


def pairs(*rows: tuple[str, str], left: float = 50.0, right: float = 250.0, top: float = 60.0) -> Document:
    """A document of labels with their values at their right."""
    placed_rows: list[Placed] = []
    for place, (label, value) in enumerate(rows):
        placed_rows += [(left, top + 14 * place, label), (right, top + 14 * place, value)]
    return placed(*placed_rows)


def grid(rows: Sequence[Sequence[str]], lefts: Sequence[float], top: float, step: float = 14.0) -> list[Placed]:
    """The placed texts of a table without lines."""
    return [
        (left, top + step * number, text)
        for number, row in enumerate(rows)
        for left, text in zip(lefts, row, strict=True)
        if text
    ]


def native(text: str) -> Document:
    """A document without places: a block for each line; lines that begin with # are headings, with - list items."""
    blocks = []
    for place, line in enumerate(text.strip().splitlines()):
        kind = {"#": BlockKind.HEADING, "-": BlockKind.LIST_ITEM}.get(line[:1], BlockKind.TEXT)
        content = line.lstrip("#- ") if kind is not BlockKind.TEXT else line
        blocks.append(Block(f"txt-{place}", kind, content, 1))
    return Document("text/plain", (Page(1, None, None, tuple(blocks)),))


def pages_of(*texts: str) -> Document:
    """A document with a page for each text, written as in ``native``."""
    pages = []
    for number, text in enumerate(texts, 1):
        blocks = []
        for place, line in enumerate(text.strip().splitlines()):
            kind = BlockKind.HEADING if line.startswith("#") else BlockKind.TEXT
            blocks.append(Block(f"txt-{number}-{place}", kind, line.lstrip("# "), number))
        pages.append(Page(number, None, None, tuple(blocks)))
    return Document("application/pdf", tuple(pages))


def with_table(rows: Sequence[Sequence[str]], before: str = "") -> Document:
    """A document without places that holds one table."""
    cells = tuple(
        Cell(row, column, text, is_header=row == 0)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )
    table = Table(len(rows), max(map(len, rows)), cells)
    joined = "\n".join("\t".join(texts) for texts in rows)
    blocks = (
        Block("txt-0", BlockKind.TEXT, before, 1),
        Block("tbl-1", BlockKind.TABLE, joined, 1, table=table),
    )
    return Document("application/x", (Page(1, None, None, blocks),))


def schema_of(**properties: object) -> dict[str, object]:
    """A JSON Schema with these properties; a word stands for a type, or for "string" with that format."""
    types = {"string", "number", "integer", "boolean"}

    def spelled(each: object) -> object:
        if not isinstance(each, str):
            return each
        return {"type": each} if each in types else {"type": "string", "format": each}

    return {"type": "object", "properties": {name: spelled(each) for name, each in properties.items()}}
