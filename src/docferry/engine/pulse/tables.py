"""``POST /tables``: the tables of an extraction, continued ones joined if wanted, as HTML or as records."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from docferry.engine.extraction.building import table_rows
from docferry.engine.extraction.model import BlockKind, Document, Table
from docferry.engine.pulse.options import TablesConfig
from docferry.engine.render.tables import header_and_rows, html_table, is_header_row
from docferry.engine.tasks import Json

MARGINAL = {BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER}


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table with the blocks it came from, and where it stands."""

    ids: tuple[str, ...]
    table: Table
    first_page: int
    last_page: int
    opens_page: bool  # nothing but headers before it on its first page
    closes_page: bool  # nothing but footers after it on its last page


def tables_output(document: Document, config: TablesConfig) -> list[Json]:
    found = merged(find_tables(document)) if config.merge else find_tables(document)
    return [
        {
            "table_content": html_table(entry.table) if config.table_format == "html" else records(entry.table),
            "citations": list(entry.ids),
            "from_chart": False,
        }
        for entry in found
    ]


def find_tables(document: Document) -> list[FoundTable]:
    found = []
    for page in document.pages:
        content = [block for block in page.blocks if block.kind not in MARGINAL]
        for place, block in enumerate(content):
            if block.table is not None:
                is_last = place == len(content) - 1
                found.append(FoundTable((block.id,), block.table, page.number, page.number, place == 0, is_last))
    return found


def merged(tables: list[FoundTable]) -> list[FoundTable]:
    """Tables that stop at a page's end and go on at the next page's beginning become one."""
    joined: list[FoundTable] = []
    for table in tables:
        if joined and continues(joined[-1], table):
            joined[-1] = join(joined[-1], table)
        else:
            joined.append(table)
    return joined


def continues(first: FoundTable, second: FoundTable) -> bool:
    """Same columns, on the page after, nothing between them; a heading row must be a repetition of the first one's."""
    adjoins = first.closes_page and second.opens_page and second.first_page == first.last_page + 1
    if not adjoins or first.table.columns != second.table.columns:
        return False
    return not is_header_row(second.table, 0) or repeats_header(first.table, second.table)


def repeats_header(first: Table, second: Table) -> bool:
    return table_rows(first)[:1] == table_rows(second)[:1]


def join(first: FoundTable, second: FoundTable) -> FoundTable:
    skipped = 1 if repeats_header(first.table, second.table) else 0
    moved = [
        dataclasses.replace(cell, row=cell.row - skipped + first.table.rows)
        for cell in second.table.cells
        if cell.row >= skipped
    ]
    rows = first.table.rows + second.table.rows - skipped
    table = dataclasses.replace(first.table, rows=rows, cells=(*first.table.cells, *moved), sheet_range=None)
    return FoundTable(
        (*first.ids, *second.ids), table, first.first_page, second.last_page, first.opens_page, second.closes_page
    )


def records(table: Table) -> Json:
    """Header texts and one object for each row; headers that repeat or are empty get their column's number."""
    header, rows = header_and_rows(table)
    names = distinct(header)
    return {"headers": names, "rows": [dict(zip(names, row, strict=True)) for row in rows]}


def distinct(header: list[str]) -> list[str]:
    names: list[str] = []
    for number, name in enumerate(header, 1):
        free = name and name not in names
        names.append(name if free else f"{name or 'column'} ({number})")
    return names
