"""Pulse's answers in all their spellings."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.models import Json
from docferry.providers import pulse_answers
from docferry.providers.base import JobCanceled, JobExpired, JobFailed

RESULT = {"markdown": "# A", "job_id": "old", "page_count": 2}
POINTER = {"is_url": True, "url": "https://api.example.org/large_results/j", "extraction_id": "ex"}


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"job_id": "j", "status": "pending"}, None),
        ({"job_id": "j", "status": "processing", "message": "queued", "credits_used": 1}, None),
        ({"tables_id": "t", "status": "pending"}, None),
        ({"job_id": "j"}, None),
        ({"job_id": "j", "status": "pending", "result": None}, None),
        (RESULT, RESULT),  # a full result may carry the deprecated job_id
        (RESULT | {"status": "completed"}, RESULT | {"status": "completed"}),
        ({"job_id": "j", "status": "completed", "result": RESULT}, RESULT),
        (POINTER, POINTER),
        ({"job_id": "j", "status": "completed", "result": POINTER}, POINTER),
        ({"split_id": "s", "split_output": {}}, {"split_id": "s", "split_output": {}}),
        ({"schema_id": "s", "schema_output": {}}, {"schema_id": "s", "schema_output": {}}),
        ({"schema_id": "s", "results": {}}, {"schema_id": "s", "results": {}}),
        ({"tables_id": "t", "tables_output": {}}, {"tables_id": "t", "tables_output": {}}),
    ],
)
def test_the_body_decides_what_an_answer_is(answer: dict[str, Json], result: dict[str, Json] | None) -> None:
    assert pulse_answers.result_in(answer) == result


def test_facts_of_a_result() -> None:
    facts = pulse_answers.facts(
        {
            "extraction_id": "ex-1",
            "extraction_url": "https://app.example.org/ex-1",
            "page_count": 212,
            "credits_used": 2.5,
            "plan-info": {"tier": "growth", "note": "near the limit"},
            "warnings": ["chunking is deprecated", {"message": "odd"}],
            "schema_error": "bad schema",
            "extensions": {"altOutputs": {"wlbb": {"error": "PDF only"}}},
            "errors": {"costs": "no matching content"},
        }
    )
    assert facts.outcome == {
        "extraction_id": "ex-1",
        "extraction_url": "https://app.example.org/ex-1",
        "plan_info": {"tier": "growth", "note": "near the limit"},
    }
    assert (facts.pages, facts.credits) == (212, 2.5)
    assert facts.warnings == (
        "chunking is deprecated",
        "odd",
        "schema: bad schema",
        "word boxes: PDF only",
        "topic costs: no matching content",
    )


def test_outcomes_of_later_steps() -> None:
    split = {"split_id": "sp", "split_output": {"splits": {"A": [1, 2]}}}
    assert pulse_answers.facts(split).outcome == {"split_id": "sp", "topics": {"A": [1, 2]}}
    schema = {"schema_id": "sc", "version": 3, "schema_output": {}, "excel_output_url": "/schema/sc/excel"}
    assert pulse_answers.facts(schema).outcome == {
        "schema_id": "sc",
        "version": 3,
        "excel_output_url": "/schema/sc/excel",
    }
    assert pulse_answers.facts({"tables_id": "t", "tables_output": {}}).outcome == {"tables_id": "t"}


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        ({"status": "failed", "error": "corrupted file"}, JobFailed("corrupted file")),
        ({"status": "failed", "error": {"error": {"code": "PROC_9", "message": "m"}}}, JobFailed("m", "PROC_9", True)),
        ({"status": "Failed ", "error": None}, JobFailed("the provider gave no reason", retryable=True)),
        ({"status": "cancelled"}, JobCanceled()),
        ({"status": "canceled"}, JobCanceled()),
        ({"status": "expired", "result": {"stub": True}}, JobExpired()),
        ({"status": "completed"}, None),
        ({"status": "pending"}, None),
        ({"status": None}, None),
        ({}, None),
    ],
)
def test_ends_without_a_result(answer: dict[str, Json], ending: object) -> None:
    assert pulse_answers.ended_without_result(answer) == ending


ODD = ["\ud800", "a\x00b", "x" * 1000, 10**400, -1]  # what no column, URL or request can hold
KEYS = st.sampled_from([
    "job_id", "extraction_id", "extraction_url",
    "status", "result", "is_url", "url", "markdown", "error", "warnings", "errors", "plan_info", "page_count",
    "credits_used", "split_output", "splits", "extensions", "altOutputs", "wlbb", "message", "code",
])  # fmt: skip
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_no_shape_of_an_answer_is_an_accident(answer: dict[str, Json]) -> None:
    result = pulse_answers.result_in(answer)
    if result is not None:
        pulse_answers.is_pointer(result)
        facts = pulse_answers.facts(result)
        kept = json.dumps([facts.outcome, facts.warnings], ensure_ascii=False)
        assert kept.encode()  # the ledger can hold it
        assert 0 <= (facts.pages or 0) < 2**31
    job_id = pulse_answers.job_id(answer)
    assert job_id is None or quote(job_id)
    pulse_answers.ended_without_result(answer)
    pulse_answers.pending(answer, None, ())
