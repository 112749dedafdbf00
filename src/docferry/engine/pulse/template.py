"""Excel templates of ``POST /schema``: column headers become a JSON Schema, what was found fills a copy.

One row for each row of a table whose columns have those names; a column that no table has takes the value that stands
beside such a label, on every row. So a template for single documents gets one row, one for their items a row for each.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.styles.numbers import is_date_format
from openpyxl.worksheet.worksheet import Worksheet

from docferry.engine.extraction.archives import check_archive
from docferry.engine.extraction.errors import ExtractionError
from docferry.engine.extraction.options import Limits
from docferry.engine.pulse.tables import distinct
from docferry.engine.tasks import Json, TaskFailed

HEADER_ROWS = 50  # the header is looked for in the first rows
HEADER_COLUMNS = 200
MOST_COLUMNS = 500  # of all sheets
AS_IT_STANDS = {"General", "@"}  # number formats that say nothing of a value's type
NUMBER = re.compile(r"[-+−]?(0|[1-9]\d{0,8}|\d{1,3}([.,'’  ]\d{3})+([.,]\d+)?|\d+[.,]\d{2})")
CHARTS_LOST = "excel_template: charts of the template are not in the filled copy"

Output = dict[str, Json]  # values, citations and scores
Find = Callable[[Json], tuple[Output, list[str]]]


@dataclass(frozen=True, slots=True)
class Column:
    """A header cell: its place in the sheet, its text, and the JSON Schema of the values below it."""

    number: int
    name: str
    schema: Json


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    header_row: int
    columns: tuple[Column, ...]

    @property
    def schema(self) -> Json:
        return {"type": "object", "properties": {column.name: column.schema for column in self.columns}}


@dataclass(frozen=True, slots=True)
class Template:
    """A workbook with the sheets that have column headers; ``warnings`` say what a filled copy will lack."""

    workbook: Workbook
    sheets: tuple[Sheet, ...]
    warnings: tuple[str, ...]

    @property
    def schema(self) -> Json:
        """An array of rows for each sheet, by the sheet's title."""
        return rows_schema(self.sheets)


def read_template(encoded: str, folder: Path) -> Template:
    """The template that came as base64. TaskFailed says what is wrong with it."""
    path = folder / "template.xlsx"
    try:
        path.write_bytes(base64.b64decode(encoded, validate=True))
        check_archive(path, Limits())
        with zipfile.ZipFile(path) as archive:
            has_charts = any(name.startswith("xl/charts/") for name in archive.namelist())
        workbook = load_workbook(path)
    except (binascii.Error, ValueError) as error:
        raise TaskFailed("REQ_003", "excel_template: it is no base64, or no workbook") from error
    except ExtractionError as error:
        raise TaskFailed("REQ_003", f"excel_template: {error.message}") from error
    except Exception as error:  # openpyxl meets damaged workbooks in ways that nobody has listed
        raise TaskFailed("REQ_003", "excel_template: it is no .xlsx workbook, or damaged; save it again") from error
    finally:
        path.unlink(missing_ok=True)
    sheets = sheets_with_headers(workbook)
    if not sheets:
        raise TaskFailed("REQ_003", "excel_template: no sheet of the workbook has column headers")
    if sum(len(sheet.columns) for sheet in sheets) > MOST_COLUMNS:
        raise TaskFailed("REQ_003", f"excel_template: it has more than {MOST_COLUMNS} column headers")
    return Template(workbook, sheets, (CHARTS_LOST,) if has_charts else ())


def sheets_with_headers(workbook: Workbook) -> tuple[Sheet, ...]:
    """The visible sheets with a row of several headers; if there is none, those with a single one."""
    visible = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    for least in (2, 1):
        found = [sheet for worksheet in visible if (sheet := sheet_of(worksheet, least)) is not None]
        if found:
            return tuple(found)
    return ()


def sheet_of(worksheet: Worksheet, least: int) -> Sheet | None:
    for cells in header_candidates(worksheet):
        if len(cells) >= least:
            names = distinct([" ".join(str(cell.value).split()) for cell in cells])
            columns = tuple(
                Column(cell.column, name, value_schema(worksheet.cell(cell.row + 1, cell.column).number_format))
                for cell, name in zip(cells, names, strict=True)
            )
            return Sheet(worksheet.title, cells[0].row, columns)
    return None


def header_candidates(worksheet: Worksheet) -> Iterator[list[Cell]]:
    """The text cells of each row that may be the header; that of an Excel table before all others."""
    tables = [table.ref for table in worksheet.tables.values()]
    last_row = min(worksheet.max_row, HEADER_ROWS)
    rows = worksheet.iter_rows(max_row=last_row, max_col=min(worksheet.max_column, HEADER_COLUMNS))
    for row in [*(worksheet[ref][0] for ref in tables), *rows]:
        yield [cell for cell in row if isinstance(cell, Cell) and cell.data_type == "s" and str(cell.value).strip()]


def value_schema(number_format: str) -> Json:
    """What the format of the cell below a header says of the column's values; any scalar where it says nothing."""
    if is_date_format(number_format):
        return {"type": "string", "format": "date"}
    return {} if number_format in AS_IT_STANDS else {"type": "number"}


def rows_schema(sheets: Sequence[Sheet]) -> Json:
    rows = {sheet.title: {"type": "array", "items": sheet.schema} for sheet in sheets}
    return {"type": "object", "properties": rows}


def found_rows(template: Template, find: Find) -> tuple[Output, list[str]]:
    """What ``find`` gives for the template's schema, columns of nothing but numbers as numbers."""
    output, warnings = find(template.schema)
    typed = tuple(with_numbers(sheet, output["values"].get(sheet.title) or []) for sheet in template.sheets)
    if typed != template.sheets:
        output, warnings = find(rows_schema(typed))
    for sheet in typed:
        warnings += add_labelled(sheet, output, find)
    return output, list(dict.fromkeys(warnings))


def with_numbers(sheet: Sheet, rows: Sequence[Mapping[str, Any]]) -> Sheet:
    """The sheet, its untyped columns of which every value is written as a number asked for as numbers."""

    def typed(column: Column) -> Column:
        texts = [row[column.name] for row in rows if row.get(column.name) is not None]
        is_number = bool(texts) and all(isinstance(text, str) and NUMBER.fullmatch(text.strip()) for text in texts)
        return replace(column, schema={"type": "number"}) if is_number and not column.schema else column

    return replace(sheet, columns=tuple(map(typed, sheet.columns)))


def add_labelled(sheet: Sheet, output: Output, find: Find) -> list[str]:
    """Put the labelled value of each column that no row has on every row, or on a first one; find's warnings."""
    rows = output["values"].get(sheet.title) or []
    empty = tuple(column for column in sheet.columns if all(row.get(column.name) is None for row in rows))
    if not empty:
        return []
    found, warnings = find(replace(sheet, columns=empty).schema)
    names = [column.name for column in empty if found["values"].get(column.name) is not None]
    if names:
        for part in ("values", "citations", "scores"):
            targets = output[part].get(sheet.title) or [{} for _ in rows or [None]]
            output[part][sheet.title] = [row | {name: found[part][name] for name in names} for row in targets]
    return warnings


def fill(template: Template, values: Mapping[str, Any], target: Path) -> list[str]:
    """Write the template with ``values`` in it to ``target``; what is to be said about the copy."""
    warnings = list(template.warnings)
    for sheet in template.sheets:
        warnings += fill_sheet(template.workbook[sheet.title], sheet, values.get(sheet.title) or [])
    template.workbook.save(target)
    return warnings


def fill_sheet(worksheet: Worksheet, sheet: Sheet, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows into the free ones below the header, which look like the first of them; what is there stays."""
    passed_over: list[int] = []
    number = first = sheet.header_row
    for row in rows:
        number += 1
        while not is_free(worksheet, number, sheet):
            passed_over.append(number)
            number += 1
        first = number if first == sheet.header_row else first
        for column in sheet.columns:
            cell, model = worksheet.cell(number, column.number), worksheet.cell(first, column.number)
            assert isinstance(cell, Cell)  # else the row were not free
            assert isinstance(model, Cell)
            write_cell(cell, row.get(column.name), model)
    for table in worksheet.tables.values():
        begin, _, end = table.ref.partition(":")
        last = int(re.sub(r"\D", "", end))
        if worksheet[begin].row == sheet.header_row and number > last:
            table.ref = f"{begin}:{re.sub(r'[0-9]', '', end)}{number}"
            if table.autoFilter is not None:
                table.autoFilter.ref = table.ref
    if not passed_over:
        return []
    return [f"excel_template: row {passed_over[0]} of {sheet.title!r} is not empty; rows stand around it"]


def is_free(worksheet: Worksheet, row: int, sheet: Sheet) -> bool:
    cells = [worksheet.cell(row, column.number) for column in sheet.columns]
    return all(not isinstance(cell, MergedCell) and cell.value is None for cell in cells)


def write_cell(cell: Cell, value: Any, model: Cell) -> None:
    if cell is not model and not cell.has_style and model.has_style:
        cell._style = copy(model._style)  # type: ignore[attr-defined] # fonts, borders and format at once
    if isinstance(value, bool | int | float):
        cell.value = value
    elif isinstance(value, str):
        date = date_of(value) if is_date_format(model.number_format) else None
        cell.value = date or ILLEGAL_CHARACTERS_RE.sub("", value)
        if date is None:
            cell.data_type = "s"  # never a formula: the text is a document's


def date_of(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
