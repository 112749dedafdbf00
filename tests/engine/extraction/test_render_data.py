"""Boxes, trees, chunks, CSV and pairs: the shapes of both contracts, with real content."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.building import number_blocks, table_from_rows, table_text
from docferry.engine.extraction.model import Block, BlockKind, Box, Document, Page, Word
from docferry.engine.render import (
    footnote_references,
    nanonets_bounding_boxes,
    pulse_bounding_boxes,
    pulse_word_boxes,
    to_chunks,
    to_csv_tables,
    to_json,
    to_markdown,
    to_table_of_contents,
    to_tree,
)
from docferry.engine.render.pairs import key_values
from engine.extraction.reading import SAMPLES, read

REPORT = read((SAMPLES / "report.pdf").read_bytes())


def document(*blocks: Block) -> Document:
    return Document("text/plain", number_blocks([Page(1, 600, 800, blocks)]))


def test_pulse_boxes_by_label_with_eight_fractions() -> None:
    boxes = pulse_bounding_boxes(REPORT)
    assert boxes.keys() == {"Text", "Title", "Header", "Page Number", "Tables", "markdown_with_ids"}
    title = boxes["Title"][0]
    assert (title["content"], title["page_number"]) == ("Northwind Harbour Annual Report 2025", 1)
    left, top, right, same_top, same_right, bottom, same_left, same_bottom = title["bounding_box"]
    assert (left, top, right, bottom) == (same_left, same_top, same_right, same_bottom)
    assert 0 < left < right < 1
    assert 0 < top < bottom < 1
    assert boxes["Tables"][0]["table_info"]["dimensions"] == [5, 5]
    assert boxes["Tables"][0]["cell_data"][5]["text"] == "North Quay"


def test_every_id_of_the_boxes_stands_in_the_markdown_with_ids() -> None:
    boxes = pulse_bounding_boxes(REPORT)
    for block in REPORT.blocks:
        kind = {"tbl": "table", "img": "image"}.get(block.id[:3], "text")
        assert f'data-bb-{kind}-id="{block.id}"' in boxes["markdown_with_ids"]


def test_turned_box_keeps_its_corners_in_reading_order() -> None:
    made = document(Block("", BlockKind.TEXT, "x", 1, Box(0.2, 0.4, 0.6, 0.44, angle=2.0)))
    first_x, first_y, second_x, second_y, *_ = pulse_bounding_boxes(made)["Text"][0]["bounding_box"]
    assert first_x < second_x
    assert first_y < second_y


def test_pictures_get_the_address_that_the_server_gives() -> None:
    made = document(Block("", BlockKind.FIGURE, "A ship", 1, Box(0, 0, 1, 1), image="figure-1.png"))
    (image,) = pulse_bounding_boxes(made, lambda name: f"http://here/{name}")["Images"]
    assert (image["visual_type"], image["image_url"]) == ("image", "http://here/figure-1.png")


def test_word_boxes_or_why_there_are_none() -> None:
    words = pulse_word_boxes(REPORT)["words"]
    assert words[0]["id"] == "w-1"
    assert [word["text"] for word in words[:3]] == ["Northwind", "Harbour", "Authority"]
    assert "PDF and picture" in pulse_word_boxes(read(b"plain words"))["error"]
    sure = Document("x", (Page(1, 1, 1, (), (Word("a", Box(0, 0, 1, 1), 0.5),)),))
    assert pulse_word_boxes(sure)["words"][0]["average_word_confidence"] == 0.5


def test_nanonets_boxes_with_page_sizes() -> None:
    boxes = nanonets_bounding_boxes(REPORT)
    assert boxes["page_dimensions"]["total_pages"] == 4
    assert boxes["page_dimensions"]["pages"][0] == {"page": 1, "width": 595, "height": 842}
    types = {element["bounding_box"]["type"] for element in boxes["elements"]}
    assert {"paragraph_title", "paragraph", "table", "list_item"} <= types
    for element in boxes["elements"]:
        box = element["bounding_box"]
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 1.0001


def test_footnote_and_the_block_that_refers_to_it() -> None:
    (note,) = footnote_references(REPORT)
    texts = {block.id: block.text for block in REPORT.blocks}
    assert note["symbol"] == "1"
    assert texts[note["footnoteTextId"]].endswith("winter relief service.")
    assert [texts[reference][:12] for reference in note["referenceTextIds"]] == ["Ferry traffi"]


@pytest.mark.parametrize(
    ("text", "symbol", "refers"),
    [
        ("grew fast.² Then", "2", True),
        ("a word[3] here", "3", True),
        ("the price* is", "*", True),
        ("in 2025 there", "5", False),
        ("room 1 a", "1", False),
    ],
)
def test_marks_in_the_text(text: str, symbol: str, refers: bool) -> None:
    made = document(Block("", BlockKind.TEXT, text, 1), Block("", BlockKind.FOOTNOTE, f"{symbol} See there.", 1))
    assert (footnote_references(made)[0]["referenceTextIds"] == ["txt-1"]) is refers


def test_tree_of_sections() -> None:
    tree = to_tree(REPORT)["document"]
    assert tree["title"] == "Northwind Harbour Annual Report 2025"
    (root,) = tree["sections"]
    assert [section["title"] for section in root["subsections"]][:3] == ["Summary", "Highlights", "Traffic"]
    assert "A second tug" in root["subsections"][1]["content"]
    assert tree["tables"][1]["headers"] == ["Item", "Budget (EUR)", "Actual (EUR)", "Difference"]
    assert tree["tables"][1]["rows"][0] == ["Dredging", "1,250,000", "1,312,400", "+62,400"]


def test_table_of_contents_names_parents() -> None:
    entries = to_table_of_contents(REPORT)["hierarchy"]
    assert [entry["title"] for entry in entries][:2] == ["Northwind Harbour Annual Report 2025", "Summary"]
    assert entries[1]["parent_ids"] == [entries[0]["id"]]
    assert len({entry["id"] for entry in entries}) == len(entries)


def test_free_form_has_records_and_values() -> None:
    data = to_json(read((SAMPLES / "budget.xlsx").read_bytes()))
    assert data["tables"][0]["rows"][0] == {
        "Department": "Pilots",
        "January": "12,500.00",
        "February": "13,100.50",
        "Share": "42%",
    }
    made = to_json(document(Block("", BlockKind.TEXT, "Invoice number: 4711\nTotal: 12.00 EUR", 1)))
    assert made["key_values"] == {"Invoice number": "4711", "Total": "12.00 EUR"}


def test_pairs_come_from_forms_lines_and_label_cells_but_not_from_prose() -> None:
    table = table_from_rows([["Name:", "Jane"], ["Age:", ""]], header_rows=0)
    made = document(
        Block("", BlockKind.FORM_FIELD, "Red", 1, label="Colour"),
        Block("", BlockKind.TEXT, "Remember this one thing before you leave the house: lock the door.", 1),
        Block("", BlockKind.TABLE, table_text(table), 1, table=table),
    )
    assert [(pair.key, pair.value, pair.block_id) for pair in key_values(made)] == [
        ("Colour", "Red", "txt-1"),
        ("Name", "Jane", "tbl-1"),
    ]


def test_headers_that_repeat_or_lack_still_name_every_column() -> None:
    table = table_from_rows([["a", "a", ""], ["1", "2", "3"]])
    made = document(Block("", BlockKind.TABLE, "", 1, table=table))
    assert to_json(made)["tables"][0]["rows"] == [{"a": "1", "a 2": "2", "column_3": "3"}]


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=6), min_size=2, max_size=2),
        min_size=1,
        max_size=4,
    )
)
def test_csv_reads_back_cell_by_cell(rows: list[list[str]]) -> None:
    made = document(Block("", BlockKind.TABLE, "", 1, table=table_from_rows(rows)))
    (text,) = to_csv_tables(made)
    assert list(csv.reader(StringIO(text, newline=""))) == rows


@pytest.mark.parametrize("size", [40, 120, 2000])
def test_chunks_fit_and_lose_nothing(size: int) -> None:
    chunks = to_chunks(REPORT, ["page", "header", "recursive", "semantic", "unknown"], size)
    assert chunks.keys() == {"page", "header", "recursive", "semantic"}
    whole = sorted(to_markdown(REPORT).split())
    for kind, pieces in chunks.items():
        assert all(0 < len(piece) <= size for piece in pieces), kind
        words = "".join(pieces).replace(" ", "").replace("\n", "")
        assert len(words) >= len("".join(whole)) * 0.99, kind


def test_chunks_by_page_and_by_heading() -> None:
    chunks = to_chunks(REPORT, ["page", "header"], 5000)
    assert len(chunks["page"]) == 4
    assert chunks["header"][1].startswith("## Highlights") or any(
        c.startswith("## Highlights") for c in chunks["header"]
    )


@given(st.text(max_size=300), st.integers(1, 50))
def test_any_text_is_cut_to_any_size(text: str, size: int) -> None:
    made = document(Block("", BlockKind.CODE, text, 1))
    for pieces in to_chunks(made, ["page", "header", "recursive", "semantic"], size).values():
        assert all(len(piece) <= size for piece in pieces)


def test_everything_is_json() -> None:
    for made in (
        pulse_bounding_boxes,
        pulse_word_boxes,
        nanonets_bounding_boxes,
        to_tree,
        to_table_of_contents,
        to_json,
    ):
        json.dumps(made(REPORT))
