"""Tables as HTML and CSV."""

from __future__ import annotations

import csv
import html
from io import StringIO

from docferry.engine.extraction.building import table_rows
from docferry.engine.extraction.model import Cell, Document, Table


def html_table(table: Table) -> str:
    """A real table: header cells as ``th``, merged cells with their spans, every text escaped."""
    covered = covered_places(table)
    by_place = {(cell.row, cell.column): cell for cell in table.cells}
    rows = []
    for row in range(table.rows):
        cells = [
            html_cell(by_place.get((row, column))) for column in range(table.columns) if (row, column) not in covered
        ]
        rows.append("<tr>" + "".join(cells) + "</tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def covered_places(table: Table) -> set[tuple[int, int]]:
    """The places that a merged cell standing above or to the left already fills."""
    return {
        (row, column)
        for cell in table.cells
        for row in range(cell.row, min(table.rows, cell.row + cell.row_span))
        for column in range(cell.column, min(table.columns, cell.column + cell.column_span))
        if (row, column) != (cell.row, cell.column)
    }


def html_cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    tag = "th" if cell.is_header else "td"
    spans = "".join(
        f' {name}="{count}"' for name, count in (("rowspan", cell.row_span), ("colspan", cell.column_span)) if count > 1
    )
    text = "<br>".join(html.escape(line, quote=False) for line in cell.text.strip().splitlines())
    return f"<{tag}{spans}>{text}</{tag}>"


def to_csv_tables(document: Document) -> list[str]:
    """Each table as CSV text (RFC 4180), in reading order."""
    return [table_csv(block.table) for block in document.blocks if block.table is not None]


def table_csv(table: Table) -> str:
    buffer = StringIO()
    csv.writer(buffer).writerows(table_rows(table))
    return buffer.getvalue()


def header_and_rows(table: Table) -> tuple[list[str], list[list[str]]]:
    """The header's texts, one for each column, and the rows beneath; the texts are empty where there is no header."""
    grid = table_rows(table)
    count = 0
    while count < table.rows and is_header_row(table, count):
        count += 1
    header = [" ".join(row[column] for row in grid[:count] if row[column]) for column in range(table.columns)]
    return header, grid[count:]


def is_header_row(table: Table, row: int) -> bool:
    cells = [cell for cell in table.cells if cell.row == row]
    return bool(cells) and all(cell.is_header for cell in cells)
