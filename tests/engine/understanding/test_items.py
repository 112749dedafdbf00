"""Rows of tables as items, and lists of plain values."""

from __future__ import annotations

from typing import Any

import pytest

from docferry.engine.extraction.model import Document
from docferry.engine.understanding import extract_fields, extract_schema
from understanding.builders import grid, native, page_of, placed, schema_of, with_table

ITEMS = schema_of(
    items={
        "type": "array",
        "items": schema_of(description="string", quantity="number", unit_price="number", amount="number"),
    }
)
ROWS = [
    ("Pos.", "Bezeichnung", "Menge", "Einzelpreis", "Gesamt"),
    ("1", "Kupferrohr 22 mm", "10", "4,50 €", "45,00 €"),
    ("2", "Montage", "2,5", "60,00 €", "150,00 €"),
]
LEFTS = (50, 90, 300, 380, 470)
EXPECTED = [
    {"description": "Kupferrohr 22 mm", "quantity": 10, "unit_price": 4.5, "amount": 45},
    {"description": "Montage", "quantity": 2.5, "unit_price": 60, "amount": 150},
]


def items(document: Document) -> Any:
    return extract_schema(document, ITEMS).values["items"]


@pytest.mark.parametrize("document", [placed(*grid(ROWS, LEFTS, 200)), with_table(ROWS)], ids=["no lines", "table"])
def test_rows_are_put_under_the_properties(document: Document) -> None:
    assert items(document) == EXPECTED


def test_citations_and_scores_mirror_the_rows() -> None:
    answer = extract_schema(placed(*grid(ROWS, LEFTS, 200)), ITEMS)
    assert [set(row) for row in answer.citations["items"]] == [set(row) for row in answer.values["items"]]
    assert all(0 < score <= 100 for row in answer.scores["items"] for score in row.values())
    assert answer.citations["items"][0]["amount"][0]["box"]["left"] > 0.7


def test_totals_end_the_table_and_are_no_rows() -> None:
    total = [(300, 256, "Summe netto"), (470, 256, "195,00 €"), (300, 270, "Gesamtbetrag"), (470, 270, "232,05 €")]
    schema = {"type": "object", "properties": {**ITEMS["properties"], "total": {"type": "number"}}}  # type: ignore[dict-item]
    answer = extract_schema(placed(*grid(ROWS, LEFTS, 200), *total), schema)
    assert answer.values == {"items": EXPECTED, "total": 232.05}


def test_a_description_of_two_lines_is_one() -> None:
    rows = [*ROWS[:2], ("", "verzinkt, mit Muffe", "", "", ""), ROWS[2]]
    assert items(placed(*grid(rows, LEFTS, 200, step=12)))[0]["description"] == "Kupferrohr 22 mm verzinkt, mit Muffe"


def test_a_table_goes_on_over_pages_and_carried_sums_are_no_rows() -> None:
    carried = ("", "Übertrag", "", "", "45,00 €")
    first = page_of(grid([ROWS[0], ROWS[1], carried], LEFTS, 600), number=1)
    second = page_of(grid([ROWS[0], carried, ROWS[2]], LEFTS, 60), number=2)
    assert items(Document("application/pdf", (first, second))) == EXPECTED


def test_cells_that_do_not_fit_the_type_are_null() -> None:
    rows = [*ROWS, ("3", "Beratung", "pauschal", "", "80,00 €")]
    assert items(placed(*grid(rows, LEFTS, 200)))[2] == {
        "description": "Beratung",
        "quantity": None,
        "unit_price": None,
        "amount": 80,
    }


def test_heads_that_no_vocabulary_knows_are_matched_by_the_schema() -> None:
    rows = [("Analyte", "Result", "Reference range"), ("Sodium", "140", "135-145"), ("Potassium", "4.1", "3.5-5.1")]
    schema = schema_of(
        results={"type": "array", "items": schema_of(analyte="string", result="number", reference_range="string")}
    )
    assert extract_schema(placed(*grid(rows, (50, 200, 350), 100)), schema).values["results"] == [
        {"analyte": "Sodium", "result": 140, "reference_range": "135-145"},
        {"analyte": "Potassium", "result": 4.1, "reference_range": "3.5-5.1"},
    ]


def test_without_a_table_there_are_no_rows() -> None:
    assert items(native("Total: 5.00")) == []


def test_a_limit_on_items_is_kept() -> None:
    schema = schema_of(
        items={"type": "array", "maxItems": 1, "items": schema_of(description="string", amount="number")}
    )
    assert len(extract_schema(with_table(ROWS), schema).values["items"]) == 1


def test_lists_of_plain_values() -> None:
    document = native(
        "Mail: a@example.com, b@example.org\nKeywords: pumps; valves, seals\n# Attachments\n- plan.pdf\n- list.xlsx"
    )
    schema = schema_of(
        emails={"type": "array", "items": {"type": "string", "format": "email"}},
        keywords={"type": "array", "items": {"type": "string"}},
        attachments={"type": "array", "items": {"type": "string"}},
        signatures={"type": "array", "items": {"type": "string"}},
    )
    assert extract_schema(document, schema).values == {
        "emails": ["a@example.com", "b@example.org"],
        "keywords": ["pumps", "valves", "seals"],
        "attachments": ["plan.pdf", "list.xlsx"],
        "signatures": [],
    }


def test_a_field_list_may_ask_for_the_rows() -> None:
    answer = extract_fields(with_table(ROWS), ["line_items", "invoice_no"])
    assert answer.values == {"line_items": EXPECTED, "invoice_no": None}
