"""Worksheets come out as a person sees them."""

from __future__ import annotations

import zipfile
from io import BytesIO

import openpyxl
import pytest

from docferry.engine.extraction.errors import EmptyDocument, ExtractionError, PasswordRequired, TooLarge
from docferry.engine.extraction.model import BlockKind
from docferry.engine.extraction.options import Limits
from docferry.engine.extraction.read import ReadOptions
from docferry.engine.extraction.sniff import OLE
from engine.extraction.reading import SAMPLES, read, tables

BUDGET = (SAMPLES / "budget.xlsx").read_bytes()


def workbook(*rows: list[object]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_sheets_are_pages_with_their_name_and_range() -> None:
    document = read(BUDGET)
    first = next(block.table for block in document.blocks if block.table is not None)
    assert [page.number for page in document.pages] == [1, 2]
    assert (first.sheet_name, first.sheet_range) == ("Budget 2026", "A1:D4")
    assert [block.text for block in document.blocks if block.kind is BlockKind.HEADING] == ["Budget 2026", "Staff"]


def test_hidden_rows_and_sheets_come_when_asked_for() -> None:
    document = read(BUDGET, ReadOptions(include_hidden_rows=True, include_hidden_sheets=True))
    texts = [cell for table in tables(document) for row in table for cell in row]
    assert "Hidden reserve" in texts
    assert "Zebra" in texts
    assert "Hidden reserve" not in [cell for table in tables(read(BUDGET)) for row in table for cell in row]


def test_hidden_columns_come_when_asked_for() -> None:
    book = workbook(["a", "b", "c", "d"], [1, 2, 3, 4])
    book.active.column_dimensions.group("B", "C", hidden=True)
    assert tables(read(saved(book)))[0] == [["a", "d"], ["1", "4"]]
    assert tables(read(saved(book), ReadOptions(include_hidden_cols=True)))[0] == [
        ["a", "b", "c", "d"],
        ["1", "2", "3", "4"],
    ]


def test_raw_values_instead_of_shown_ones() -> None:
    assert tables(read(BUDGET))[0][1] == ["Pilots", "12,500.00", "13,100.50", "42%"]
    assert tables(read(BUDGET, ReadOptions(use_raw_values=True)))[0][1] == ["Pilots", "12500", "13100.5", "0.42"]


def test_merged_cells_keep_their_spans() -> None:
    book = workbook(["Total", None, "x"], [1, 2, 3])
    book.active.merge_cells("A1:B1")
    cells = {
        (cell.row, cell.column): cell for block in read(saved(book)).blocks if block.table for cell in block.table.cells
    }
    assert (cells[0, 0].row_span, cells[0, 0].column_span) == (1, 2)
    assert (0, 1) not in cells


def test_empty_tail_stays_unless_it_is_unwanted() -> None:
    book = workbook(["a", "b"], ["c", "d"])
    book.active["D4"].number_format = "0.00"
    assert len(tables(read(saved(book)))[0]) == 4
    assert tables(read(saved(book), ReadOptions(only_data_rows=True, only_data_cols=True)))[0] == [
        ["a", "b"],
        ["c", "d"],
    ]


def test_formula_without_result_is_warned_of() -> None:
    assert any("formulas" in warning for warning in read(saved(workbook(["sum"], ["=1+1"]))).warnings)
    assert read(BUDGET).warnings == ()


def test_only_selected_sheets() -> None:
    assert [page.number for page in read(BUDGET, ReadOptions(pages="2")).pages] == [2]


def test_workbook_without_content_is_refused() -> None:
    with pytest.raises(EmptyDocument):
        read(saved(openpyxl.Workbook()))


def test_protected_workbook_says_what_to_do() -> None:
    with pytest.raises(PasswordRequired, match="without one"):
        read(OLE + b"\0" * 100 + "EncryptedPackage".encode("utf-16-le"))


def test_too_many_cells_are_refused_before_they_are_made() -> None:
    book = saved(workbook(*[list(range(20)) for _ in range(20)]))
    with pytest.raises(TooLarge, match="cells"):
        read(book, ReadOptions(limits=Limits(table_cells=300)))


def replaced(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            data = source.read(entry)
            target.writestr(entry.filename, data.replace(old, new) if entry.filename == part else data)
    return out.getvalue()


def test_merged_area_of_a_whole_sheet_is_refused() -> None:
    huge = b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells></worksheet>'
    bomb = replaced(BUDGET, "xl/worksheets/sheet1.xml", b"</worksheet>", huge)
    with pytest.raises(TooLarge):
        read(bomb)


def test_expanding_entities_are_not_expanded() -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9)
    )
    old, new = b"<worksheet ", entities + b"]><worksheet "
    bomb = replaced(BUDGET, "xl/worksheets/sheet1.xml", old, new)
    bomb = replaced(bomb, "xl/worksheets/sheet1.xml", b"<sheetData>", b"<sheetData>&j;")
    with pytest.raises(ExtractionError):
        read(bomb)
