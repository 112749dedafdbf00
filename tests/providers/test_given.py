"""What a provider gave is kept only in a shape that the ledger, a URL and a later request can hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from docferry.errors import Ambiguous
from docferry.models import Json
from docferry.providers.base import JobFailed
from docferry.providers.given import given_id, given_link, given_notes, given_number, given_whole
from providers.test_seed_pages import answered


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("j-1", "j-1"),
        (48210, "48210"),
        ("a/b c", "a/b c"),
        ("", None),
        (True, None),
        (1.5, None),
        ("\ud800", None),
        ("a\nb", None),
        ("..", None),
        ("a\x00", None),
        ("x" * 501, None),
        (10**600, None),
        (["j"], None),
    ],
)
def test_ids(value: Json, known: str | None) -> None:
    assert given_id(value) == known


def test_links_and_numbers() -> None:
    assert given_link("https://example.com/x?y") == "https://example.com/x?y"
    assert [given_link(bad) for bad in (None, 5, "", "https://example.com/\ud800", "x" * 20_000)] == [None] * 5
    assert [given_whole(value) for value in (0, 7, True, -1, 2**63, 1.0, "1")] == [0, 7, None, None, None, None, None]
    assert [given_number(value) for value in (1, 0.25, True, 10**400, "1")] == [1.0, 0.25, None, None, None]


def test_notes_lose_what_no_text_can_hold_and_what_is_too_large() -> None:
    notes = given_notes({"a": "x\ud800", "b": {"\udfff": ["\ud800"]}, "c": None, "d": {}, "e": "x" * 70_000})
    assert notes == {"a": "x\ufffd", "b": {"\ufffd": ["\ufffd"]}}
    assert json.dumps(notes, ensure_ascii=False).encode()


@pytest.mark.parametrize("bad", ["\ud800", "", "a\nb", "x" * 501])
def test_a_job_id_that_cannot_be_asked_for_is_none(tmp_path: Path, bad: str) -> None:
    with pytest.raises(Ambiguous, match="no usable job id"):
        answered("pulse", tmp_path, 202, {"job_id": bad, "status": "pending"})
    record: dict[str, Any] = {"success": True, "message": "", "record_id": bad, "status": "processing"}
    with pytest.raises(Ambiguous, match="no usable record_id"):
        answered("nanonets", tmp_path, 202, record, options={"output_format": "markdown"})


def test_a_large_result_without_a_link_that_can_be_followed(tmp_path: Path) -> None:
    pointer = {"is_url": True, "url": "https://example.com/\ud800"}
    polled = answered("pulse", tmp_path, 200, {"job_id": "j", "status": "completed", "result": pointer}, "poll")
    assert polled == JobFailed("the large result has no usable link", "no_link", retryable=True)
    with pytest.raises(Ambiguous, match="no usable link"):
        answered("pulse", tmp_path, 200, pointer)
