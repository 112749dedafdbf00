"""The receipt and the error file tell the whole story, in strict JSON, whatever the name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.models import StepState
from docferry.outbox.failure import make_error
from docferry.outbox.receipt import make_receipt, to_bytes
from outbox.samples import document_at, step


@pytest.fixture
def original(tmp_path: Path) -> Path:
    (tmp_path / "invoice.pdf").write_bytes(b"%PDF")
    return tmp_path / "invoice.pdf"


def test_the_receipt_has_every_fact_of_the_design(original: Path) -> None:
    document = document_at(original, "acme/invoice.pdf", sha256="ab", pages=3, warnings=("slow",), partial=True)
    steps = [
        step(0, job_id="j1", attempt=2, credits=1.5, accepted_at=10.0, completed_at=20.0, warnings=("slow", "old")),
        step(1, endpoint="split", job_id="j2", attempt=1, credits=0.5, accepted_at=21.0, completed_at=30.0),
    ]
    receipt = make_receipt(document, steps, delivered_at=31.0, missing=["no html was given"])
    wanted = {
        "document": document.id,
        "inbox": "scans",
        "path": "acme/invoice.pdf",
        "name": "invoice.pdf",
        "sha256": "ab",
        "bytes": 4,
        "pages": 3,
        "rule": "receipts",
        "provider": "local",
        "job_ids": ["j1", "j2"],
        "attempts": 3,
        "credits": 2.0,
        "partial": True,
        "warnings": ["slow", "old", "no html was given"],
        "accepted_at": "1970-01-01T00:00:10.000Z",
        "completed_at": "1970-01-01T00:00:30.000Z",
        "delivered_at": "1970-01-01T00:00:31.000Z",
    }
    assert {key: receipt[key] for key in wanted} == wanted
    assert [facts["endpoint"] for facts in receipt["steps"]] == ["extract", "split"]


def test_unknown_credits_are_not_zero(original: Path) -> None:
    assert make_receipt(document_at(original, "a"), [step()], delivered_at=1.0)["credits"] is None
    assert make_receipt(document_at(original, "a"), [step(credits=0.0)], delivered_at=1.0)["credits"] == 0.0


@given(st.binary(min_size=1, max_size=60).map(os.fsdecode))
def test_any_name_becomes_strict_json_that_can_be_turned_back(path: str) -> None:
    document = document_at(Path(__file__), path)
    content = to_bytes(make_receipt(document, [], delivered_at=1.0))
    receipt = json.loads(content.decode("utf-8", "strict"))
    given_back = bytes.fromhex(receipt["path_bytes_hex"]) if "path_bytes_hex" in receipt else receipt["path"].encode()
    assert given_back == os.fsencode(path)
    assert receipt["path"].isprintable()


def test_the_error_file_says_what_why_and_what_to_do(original: Path) -> None:
    document = document_at(original, "a/invoice.pdf", error="page 3 is encrypted", error_hint="remove the password")
    steps = [
        step(0),
        step(1, endpoint="split", state=StepState.FAILED, error="page 3 is encrypted", job_id="j", attempt=4),
    ]
    error = make_error(document, steps, failed_at=5.0)
    assert error["what"] == "step 2 (split at local) failed"
    assert error["why"] == "page 3 is encrypted"
    assert error["what_to_do"] == "remove the password"
    assert f"docferry retry {document.id}" in error["how_to_retry"]
    assert (error["job_ids"], error["attempts"], error["failed_at"]) == (["j"], 4, "1970-01-01T00:00:05.000Z")


def test_a_document_that_was_never_sent_says_so(original: Path) -> None:
    error = make_error(document_at(original, "a", error="the file is empty"), [], failed_at=5.0)
    assert error["what"] == "the document was not sent"
    assert error["what_to_do"]
