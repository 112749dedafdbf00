"""Small helpers every reader uses to build the model: tables from rows, and ids in reading order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from docferry.engine.extraction.model import Block, BlockKind, Cell, Page, Table

ID_PREFIX = {BlockKind.TABLE: "tbl", BlockKind.FIGURE: "img"}


def table_from_rows(rows: Sequence[Sequence[str]], header_rows: int = 1) -> Table:
    """A table without merged cells; short rows are filled up with empty cells."""
    columns = max((len(row) for row in rows), default=0)
    cells = tuple(
        Cell(row=row, column=column, text=texts[column] if column < len(texts) else "", is_header=row < header_rows)
        for row, texts in enumerate(rows)
        for column in range(columns)
    )
    return Table(rows=len(rows), columns=columns, cells=cells)


def table_text(table: Table) -> str:
    """The cells' text, a line for each row, cells apart by tabs."""
    return "\n".join("\t".join(row) for row in table_rows(table))


def table_rows(table: Table) -> list[list[str]]:
    """The cells' texts as a full grid; a merged cell's text stands in its first place only."""
    grid = [[""] * table.columns for _ in range(table.rows)]
    for cell in table.cells:
        if cell.row < table.rows and cell.column < table.columns:
            grid[cell.row][cell.column] = cell.text
    return grid


def number_blocks(pages: Iterable[Page]) -> tuple[Page, ...]:
    """The pages with ids given in reading order through the whole document: txt-1, tbl-1, img-1 …"""
    counts: Counter[str] = Counter()

    def numbered(block: Block) -> Block:
        prefix = ID_PREFIX.get(block.kind, "txt")
        counts[prefix] += 1
        return replace(block, id=f"{prefix}-{counts[prefix]}")

    return tuple(replace(page, blocks=tuple(numbered(block) for block in page.blocks)) for page in pages)
