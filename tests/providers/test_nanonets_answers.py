"""Nanonets' answers in all their shapes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.models import Json
from docferry.providers import nanonets_answers


def page(category: str, confidence: int = 90) -> dict[str, Json]:
    return {"page_number": 1, "category": category, "confidence": confidence, "reasoning": ""}


@pytest.mark.parametrize(
    ("categories", "winner"),
    [(["a"], "a"), (["a", "b", "b"], "b"), (["b", "a", "a", "b"], "b"), (["Other", "a", "a"], "a")],
)
def test_the_class_is_that_of_most_pages_and_of_equals_the_first(categories: list[str], winner: str) -> None:
    outcome = nanonets_answers.class_outcome({"pages": [page(category) for category in categories]})
    assert outcome["class"] == winner
    assert outcome["classes"] == list(dict.fromkeys(categories))


def test_the_lowest_score_of_the_class_counts() -> None:
    outcome = nanonets_answers.class_outcome({"pages": [page("a", 97), page("a", 60), page("b", 10)]})
    assert outcome["class_confidence"] == 60


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"pages": [page("a")]}},
        {"results": [{"pages": [page("a")]}]},
        {"pages": [page("a")]},
        {"result": {"classification": {"pages": [page("a")]}}},
    ],
)
def test_a_classification_is_found_wherever_it_stands(answer: dict[str, Json]) -> None:
    found = nanonets_answers.classified(answer)
    assert found is not None
    assert nanonets_answers.class_outcome(found)["class"] == "a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T09:15:04Z", 1772442904.0),
        ("2026-03-02T09:15:04", 1772442904.0),
        ("2026-03-02T10:15:04+01:00", 1772442904.0),
        ("2026-03-02T09:15:04.500Z", 1772442904.5),
        ("yesterday", None),
        (None, None),
        (17, None),
    ],
)
def test_moments_without_an_offset_are_utc(text: Json, expected: float | None) -> None:
    assert nanonets_answers.moment(text) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"record_id": 48210}, "48210"),
        ({"record_id": "a/b"}, "a/b"),
        ({"file_id": "f"}, "f"),
        ({"record_id": True}, None),
        ({"record_id": ""}, None),
        ({}, None),
    ],
)
def test_record_ids(record: dict[str, Json], expected: str | None) -> None:
    assert nanonets_answers.record_id(record) == expected


def test_only_the_exact_name_matches() -> None:
    records = [
        {"record_id": 1, "filename": "x-1.pdf", "created_at": "2026-03-02T09:15:04Z"},
        {"record_id": 2, "filename": "x-1.pdf.pdf"},
        {"record_id": 3, "filename": "X-1.pdf"},
        {"filename": "x-1.pdf"},
        "odd",
    ]
    assert nanonets_answers.matches(records, ["x-1.pdf"]) == [nanonets_answers.Match("1", 1772442904.0)]


ODD = ["\ud800", "a\x00b", "x" * 1000, 10**400, -1]  # what no column, URL or request can hold
KEYS = st.sampled_from([
    "record_id", "status", "result", "results", "pages", "category", "confidence", "message", "filename", "created_at",
    "markdown", "json", "content", "metadata", "output_format", "pages_processed", "classification", "error",
])  # fmt: skip
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["markdown,json", *ODD]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_no_shape_of_a_record_is_an_accident(record: dict[str, Json]) -> None:
    nanonets_answers.contents(record)
    nanonets_answers.metadata(record)
    nanonets_answers.missing_formats(record)
    record_id = nanonets_answers.record_id(record)
    assert record_id is None or quote(record_id)
    assert json.dumps(nanonets_answers.notes(record), ensure_ascii=False).encode()  # the ledger can hold it
    assert 0 <= (nanonets_answers.pages(record) or 0) < 2**31
    nanonets_answers.failure(record)
    nanonets_answers.renamed(record, "x")
    nanonets_answers.oldest([record])
    found = nanonets_answers.classified(record)
    if found is not None:
        assert json.dumps(nanonets_answers.class_outcome(found), ensure_ascii=False).encode()
