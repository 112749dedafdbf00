"""Plain text and CSV, whatever the encoding."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path

from docferry.engine.extraction.building import number_blocks, table_from_rows, table_text
from docferry.engine.extraction.decoding import decode_text
from docferry.engine.extraction.errors import EmptyDocument, TooLarge
from docferry.engine.extraction.model import Block, BlockKind, Document, Page
from docferry.engine.extraction.options import Limits, ReadOptions

DELIMITERS = ",;\t|"
MARGIN = re.compile(r"\n[ \t]*\n+|\f")


def read_text(path: Path, options: ReadOptions) -> Document:
    """Paragraphs as they are separated by blank lines; a form feed begins a page."""
    sheets = load_text(path, options.limits).split("\f")
    pages = [
        Page(number=number, width=None, height=None, blocks=tuple(paragraphs(sheet, number)), source="native")
        for number, sheet in enumerate(sheets, start=1)
        if sheet.strip() or len(sheets) == 1
    ]
    if not any(page.blocks for page in pages):
        raise EmptyDocument("the file holds no text; check that it is the right file")
    return Document(media_type="text/plain", pages=number_blocks(pages))


def paragraphs(text: str, page: int) -> list[Block]:
    parts = (part.strip("\n") for part in MARGIN.split(text))
    return [Block(id="", kind=BlockKind.TEXT, text=part, page=page) for part in parts if part.strip()]


def read_csv(path: Path, options: ReadOptions) -> Document:
    """One table; the delimiter is the one that cuts the first lines most evenly."""
    text = load_text(path, options.limits)
    rows = [
        row for row in csv.reader(StringIO(text), delimiter=delimiter_of(text)) if any(cell.strip() for cell in row)
    ]
    if sum(len(row) for row in rows) > options.limits.table_cells:
        raise TooLarge(f"the table has more than {options.limits.table_cells} cells; split the file")
    table = table_from_rows(rows)
    block = Block(id="", kind=BlockKind.TABLE, text=table_text(table), page=1, table=table)
    page = Page(number=1, width=None, height=None, blocks=(block,), source="native")
    return Document(media_type="text/csv", pages=number_blocks([page]))


def delimiter_of(text: str) -> str:
    lines = [re.sub(r'"[^"]*"', "", line) for line in text.splitlines()[:50] if line.strip()]

    def evenness(delimiter: str) -> tuple[bool, int]:
        counts = [line.count(delimiter) for line in lines]
        return (min(counts, default=0) == max(counts, default=0) > 0, sum(counts))

    return max(DELIMITERS, key=evenness)


def load_text(path: Path, limits: Limits) -> str:
    if path.stat().st_size > limits.text_bytes:
        raise TooLarge(f"the text is larger than {limits.text_bytes // 1_048_576} MB; split the file")
    return decode_text(path.read_bytes())
