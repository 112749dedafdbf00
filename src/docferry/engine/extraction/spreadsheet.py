"""Worksheets of XLSX files as they are shown: number formats applied, hidden parts left out."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docferry.engine.extraction.building import number_blocks, table_text
from docferry.engine.extraction.errors import CorruptDocument, EmptyDocument, TooLarge
from docferry.engine.extraction.model import Block, BlockKind, Cell, Document, Page, Table
from docferry.engine.extraction.numberformat import as_scalar, raw, shown
from docferry.engine.extraction.options import Limits, ReadOptions

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

UNCOMPUTED = re.compile(rb"</f>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>|<f[^>]*/>\s*</c>")
MERGED = re.compile(rb'<mergeCell\s[^>]*ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
MOST_COLUMNS = 16_384
MOST_BYTES_A_CELL = 300
DAMAGED = "the workbook is damaged; open and save it again"
# openpyxl lets through whatever a malformed part causes in it.
MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_spreadsheet(path: Path, media_type: str, options: ReadOptions) -> Document:
    """A page for each sheet: its name as a heading and its cells as one table."""
    uncomputed, workbook = open_workbook(path, options.limits)
    try:
        sheets = [sheet for sheet in workbook.worksheets if options.include_hidden_sheets or is_shown(sheet)]
        pages = [read_sheet(sheet, number, options) for number, sheet in enumerate(sheets, start=1)]
        title = workbook.properties.title
    finally:
        workbook.close()
    if not any(block.table is not None for page in pages for block in page.blocks):
        raise EmptyDocument("the workbook has no visible cells with content; check that it is the right file")
    warnings = ("some formulas have no stored result and are empty; open and save the workbook",)
    return Document(media_type, number_blocks(pages), title, warnings=warnings if uncomputed else ())


def open_workbook(path: Path, limits: Limits) -> tuple[bool, Workbook]:
    """Whether results of formulas are missing, and the workbook with stored results in place of formulas."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with path.open("rb") as file:  # given a path, openpyxl would go by the name's ending
            return inspect_sheets(path, limits), load_workbook(file, data_only=True, keep_links=False)
    except (*MALFORMED, InvalidFileException) as error:
        raise CorruptDocument(DAMAGED) from error


def is_shown(sheet: Worksheet) -> bool:
    return bool(sheet.sheet_state == "visible")


def inspect_sheets(path: Path, limits: Limits) -> bool:
    """Whether a formula stands without the result that programs store with it.

    Refuses sheets of more cells than the limits allow, before objects are made of them; merged cells count
    by their area, since the reader makes an object for each.
    """
    from openpyxl.utils import column_index_from_string

    uncomputed = False
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not (name.startswith("xl/worksheets/") and name.endswith(".xml")):
                continue
            if archive.getinfo(name).file_size > limits.table_cells * MOST_BYTES_A_CELL:
                raise TooLarge(f"a sheet has more than {limits.table_cells} cells; split the workbook")
            content = archive.read(name)
            cells = content.count(b"<c ")
            for left, top, right, bottom in MERGED.findall(content):
                columns = column_index_from_string(right.decode()) - column_index_from_string(left.decode()) + 1
                cells += columns * (int(bottom) - int(top) + 1)
            if cells > limits.table_cells:
                raise TooLarge(f"a sheet has more than {limits.table_cells} cells; split the workbook")
            uncomputed = uncomputed or UNCOMPUTED.search(content) is not None
    return uncomputed


@dataclass(frozen=True)
class Extent:
    """The rows and columns that are read, in order, from 1."""

    rows: Sequence[int]
    columns: Sequence[int]


def read_sheet(sheet: Worksheet, number: int, options: ReadOptions) -> Page:
    heading = Block("", BlockKind.HEADING, sheet.title, number, level=2)
    extent = find_extent(sheet, options)
    blocks: tuple[Block, ...] = (heading,)
    if extent.rows and extent.columns:
        table = read_cells(sheet, extent, options)
        blocks = (heading, Block("", BlockKind.TABLE, table_text(table), number, table=table))
    return Page(number=number, width=None, height=None, blocks=blocks, source="native")


def find_extent(sheet: Worksheet, options: ReadOptions) -> Extent:
    """The rectangle around all content, without hidden rows and columns; its empty end as the options say."""
    filled = [place for place, cell in sheet._cells.items() if cell.value is not None]
    if not filled:
        return Extent((), ())
    first_row, last_row = min(row for row, _ in filled), max(row for row, _ in filled)
    first_column, last_column = min(column for _, column in filled), max(column for _, column in filled)
    tail_row = last_row if options.only_data_rows else max(last_row, sheet.max_row)
    tail_column = last_column if options.only_data_cols else max(last_column, sheet.max_column)
    if (tail_row - first_row + 1) * (tail_column - first_column + 1) > options.limits.table_cells:
        tail_row, tail_column = last_row, last_column
    if (tail_row - first_row + 1) * (tail_column - first_column + 1) > options.limits.table_cells:
        raise TooLarge(f"a sheet spans more than {options.limits.table_cells} cells; split the workbook")
    rows = [row for row in range(first_row, tail_row + 1) if options.include_hidden_rows or not row_hidden(sheet, row)]
    hidden = hidden_columns(sheet) if not options.include_hidden_cols else set()
    return Extent(rows, [column for column in range(first_column, tail_column + 1) if column not in hidden])


def row_hidden(sheet: Worksheet, row: int) -> bool:
    return row in sheet.row_dimensions and bool(sheet.row_dimensions[row].hidden)


def hidden_columns(sheet: Worksheet) -> set[int]:
    """One stored dimension may stand for a run of columns."""
    hidden: set[int] = set()
    for dimension in sheet.column_dimensions.values():
        if dimension.hidden:
            first, last = dimension.min or 1, min(dimension.max or 1, MOST_COLUMNS)
            hidden.update(range(first, last + 1))
    return hidden


def read_cells(sheet: Worksheet, extent: Extent, options: ReadOptions) -> Table:
    from openpyxl.utils import get_column_letter

    spans, covered = merged_places(sheet, extent)
    texts = {(row, column): cell_text(sheet, row, column, options) for row in extent.rows for column in extent.columns}
    header = is_header_row([texts[extent.rows[0], column] for column in extent.columns])
    cells = tuple(
        Cell(
            row=down,
            column=across,
            text=texts[row, column],
            row_span=spans.get((row, column), (1, 1))[0],
            column_span=spans.get((row, column), (1, 1))[1],
            is_header=header and down == 0,
        )
        for down, row in enumerate(extent.rows)
        for across, column in enumerate(extent.columns)
        if (row, column) not in covered
    )
    first, last = get_column_letter(extent.columns[0]), get_column_letter(extent.columns[-1])
    area = f"{first}{extent.rows[0]}:{last}{extent.rows[-1]}"
    return Table(len(extent.rows), len(extent.columns), cells, sheet_name=sheet.title, sheet_range=area)


def cell_text(sheet: Worksheet, row: int, column: int, options: ReadOptions) -> str:
    cell = sheet._cells.get((row, column))
    if cell is None:
        return ""
    value = as_scalar(cell.value)
    return raw(value) if options.use_raw_values else shown(value, str(cell.number_format))


Place = tuple[int, int]


def merged_places(sheet: Worksheet, extent: Extent) -> tuple[dict[Place, Place], set[Place]]:
    """The spans of merged cells by their first visible place, and the places they cover besides."""
    rows, columns = set(extent.rows), set(extent.columns)
    spans: dict[Place, Place] = {}
    covered: set[Place] = set()
    for merged in sheet.merged_cells.ranges:
        down = [row for row in range(merged.min_row, min(merged.max_row, max(rows)) + 1) if row in rows]
        across = [c for c in range(merged.min_col, min(merged.max_col, max(columns)) + 1) if c in columns]
        if down and across and (down[0], across[0]) == (merged.min_row, merged.min_col):
            spans[down[0], across[0]] = (len(down), len(across))
            covered.update((row, column) for row in down for column in across)
            covered.discard((down[0], across[0]))
    return spans, covered


def is_header_row(texts: Sequence[str]) -> bool:
    """Whether the first row reads like names: nothing empty but the first, and no numbers."""
    return all(texts[1:]) and not any(re.fullmatch(r"[\d.,%\s€$£+-]+", text) for text in texts)
