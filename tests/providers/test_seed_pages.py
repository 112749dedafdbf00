"""Everything on the two reference pages this project began with, each statement with the test that proves it.

Pulse: the guide to asynchronous processing. Nanonets: the reference of ``POST /api/v1/extract/async``.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from docferry.providers.base import Accepted, Answered, JobCanceled, JobFailed, Pending, StoredAnswer
from docferry.providers.options import check_options
from peers.fake_provider import FakeProvider
from peers.raw_http import Connection, HttpRequest, RawServer
from providers.support import KEY, document, run, submission

PULSE = {
    "submit with async: true": "test_pulse::test_a_job_is_accepted_polled_and_stored",
    "the answer is 202 with job_id and a status of pending or processing": "test_seed_pages::test_acknowledgements",
    "the status is asked at GET /job/{jobId}": "test_judges::test_pulse_poll_and_cancel",
    "results come in the poll's answer": "test_pulse::test_a_job_is_accepted_polled_and_stored",
    "POST /extract takes async": "test_judges::test_pulse_extract",
    "POST /split takes async": "test_judges::test_pulse_later_steps",
    "POST /schema takes async": "test_judges::test_pulse_later_steps",
    "POST /extract_async is deprecated": "test_seed_pages::test_the_deprecated_endpoint_is_never_called",
    "statuses pending, processing, completed, failed, canceled": "test_seed_pages::test_job_statuses",
    "DELETE /job/{jobId} cancels a running job": "test_pulse::test_a_running_job_is_pending_and_can_be_cancelled",
    "50 pages and more: always async": (
        "test_mode::test_fifty_pages_are_always_asynchronous_whatever_the_synchronous_limit"
    ),
    "complex schemas gain from async: a chain is asynchronous": "test_mode::test_the_choice",
    "failures are handled gracefully": "test_faults::test_after_the_last_byte_a_submission_is_ambiguous",
    "many documents at once, polled in parallel": "test_seed_pages::test_many_jobs_in_parallel",
    "sync: the full result with 200 and no poll": (
        "test_pulse::test_a_synchronous_answer_is_stored_and_nothing_is_polled"
    ),
    "sync: a timeout is a risk": "test_faults::test_a_synchronous_call_that_takes_too_long_is_ambiguous",
}

NANONETS = {
    "POST /api/v1/extract/async": "test_judges::test_nanonets_extract",
    "Authorization: Bearer KEY": "test_judges::test_nanonets_extract",
    "multipart/form-data": "test_judges::test_nanonets_extract",
    "output_format, required; markdown, html, json, csv, several by comma": "test_seed_pages::test_nanonets_fields",
    "file": "test_judges::test_nanonets_extract",
    "file_url": "test_judges::test_nanonets_extract_by_address",
    "file_base64": "test_judges::test_nanonets_extract_as_base64",
    "custom_instructions, at most 8000 characters": "test_seed_pages::test_nanonets_fields",
    "prompt_mode append or replace": "test_seed_pages::test_nanonets_fields",
    "json_options: a word, a field list, a schema": "test_seed_pages::test_nanonets_fields",
    "csv_options": "test_seed_pages::test_nanonets_fields",
    "include_metadata: bounding_boxes, confidence_score": "test_seed_pages::test_nanonets_fields",
    "empty text means not given": "test_judges::test_nanonets_extract",
    "success, message, record_id and status are always there": "test_seed_pages::test_the_smallest_record",
    "status completed, processing or failed": "test_seed_pages::test_record_statuses",
    "record_id is for retrieving results": "test_judges::test_nanonets_poll_and_listing",
    "result by format, only the requested ones": "test_nanonets::test_a_format_that_did_not_come_is_a_warning",
    "content and metadata of each format": "test_seed_pages::test_the_reference_pages_own_sample",
    "processing_time, filename, output_format, file_size, pages_processed, created_at": (
        "test_seed_pages::test_the_reference_pages_own_sample"
    ),
    "the answer says that the job is queued": "test_nanonets::test_a_job_is_accepted_polled_and_stored",
}


@pytest.mark.parametrize("statement", [*PULSE, *NANONETS])
def test_each_statement_has_a_test(statement: str) -> None:
    module, _, name = {**PULSE, **NANONETS}[statement].partition("::")
    assert callable(getattr(importlib.import_module(f"providers.{module}"), name))


def answered(dialect: str, tmp_path: Path, status: int, body: Any, call: str = "submit", options: Any = None) -> Any:
    """What we make of one answer."""

    async def act(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(status, body)

    async def work(peer: Any) -> Any:
        if call == "submit":
            return await peer.submit(submission(document(tmp_path), options=options or {}), tmp_path / "a")
        return await peer.poll("extract", "j-1", tmp_path / "a")

    with RawServer(act) as server:
        return run(dialect, server.url, work)


@pytest.mark.parametrize("status", ["pending", "processing"])
@pytest.mark.parametrize("code", [200, 202])
def test_acknowledgements(tmp_path: Path, status: str, code: int) -> None:
    taken = answered("pulse", tmp_path, code, {"job_id": "j-1", "status": status})
    assert isinstance(taken, Accepted)
    assert taken.job_id == "j-1"


def test_tables_may_call_the_id_otherwise(tmp_path: Path) -> None:
    assert answered("pulse", tmp_path, 202, {"tables_id": "t-1", "status": "pending"}).job_id == "t-1"


def test_job_statuses(tmp_path: Path) -> None:
    def poll(**answer: Any) -> Any:
        return answered(
            "pulse", tmp_path, 200, {"job_id": "j-1", "created_at": "2026-01-01T00:00:00Z", **answer}, "poll"
        )

    assert poll(status="pending") == Pending("pending")
    assert poll(status="processing") == Pending("processing")
    assert isinstance(poll(status="completed", result={"markdown": "x"}), Answered)
    assert poll(status="failed", error="out of order") == JobFailed("out of order", retryable=True)
    assert poll(status="failed", error={"code": "FILE_003", "message": "?"}) == JobFailed("?", "FILE_003")
    assert poll(status="failed") == JobFailed("the provider gave no reason", retryable=True)
    assert poll(status="canceled") == JobCanceled()
    assert poll(status="completed", result=None).retryable
    assert poll(status="dreaming").warnings == ("the provider gave the job an unknown status: 'dreaming'",)


def test_the_deprecated_endpoint_is_never_called() -> None:
    sources = Path(importlib.import_module("docferry.providers").__path__[0]).glob("*.py")
    assert not [path.name for path in sources if "extract_async" in path.read_text()]


def test_many_jobs_in_parallel(tmp_path: Path) -> None:
    upload = document(tmp_path)

    async def one(peer: Any, number: int) -> str:
        answer = tmp_path / f"answer-{number}"
        name = f"document-{number}.pdf"
        accepted = await peer.submit(submission(upload, idempotency_key=f"key-{number}", upload_name=name), answer)
        assert isinstance(await peer.poll("extract", accepted.job_id, answer), Answered)
        return str(json.loads(answer.read_bytes())["result"]["markdown"].splitlines()[0])

    async def work(peer: Any) -> list[str]:
        return await asyncio.gather(*(one(peer, number) for number in range(40)))

    with FakeProvider("pulse") as fake:
        titles = run("pulse", fake.url, work)
        assert titles == [f"# document-{number}.pdf" for number in range(40)]
        assert len({seen.job_id for seen in fake.seen.submissions}) == 40


NANONETS_FIELDS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"output_format": "markdown"}, {"output_format": "markdown"}),
    ({"output_format": "markdown,json"}, {"output_format": "markdown,json"}),
    ({"output_format": ["markdown", "html", "json", "csv"]}, {"output_format": "markdown,html,json,csv"}),
    ({"custom_instructions": "Format dates as YYYY-MM-DD"}, {"custom_instructions": "Format dates as YYYY-MM-DD"}),
    ({"prompt_mode": "append"}, {"prompt_mode": "append"}),
    ({"prompt_mode": "replace"}, {"prompt_mode": "replace"}),
    ({"json_options": "hierarchy_output"}, {"json_options": "hierarchy_output"}),
    ({"json_options": "table-of-contents"}, {"json_options": "table-of-contents"}),
    ({"json_options": ["field1", "field2"]}, {"json_options": '["field1", "field2"]'}),
    ({"json_options": {"type": "object"}}, {"json_options": '{"type": "object"}'}),
    ({"csv_options": "table"}, {"csv_options": "table"}),
    (
        {"include_metadata": ["bounding_boxes", "confidence_score"]},
        {"include_metadata": "bounding_boxes,confidence_score"},
    ),
]


@pytest.mark.parametrize(("options", "fields"), NANONETS_FIELDS)
def test_nanonets_fields(tmp_path: Path, options: dict[str, Any], fields: dict[str, str]) -> None:
    everything = {"output_format": "json,csv"} | options
    assert check_options("nanonets", "extract", everything) == []
    with FakeProvider("nanonets", {"key": KEY}) as fake:
        run(
            "nanonets", fake.url, lambda peer: peer.submit(submission(document(tmp_path), options=everything), tmp_path)
        )
        assert fake.seen.submissions[0].fields == {"output_format": "json,csv"} | fields


SAMPLE = {
    "success": True,
    "message": "<string>",
    "record_id": "<string>",
    "status": "completed",
    "result": {
        name: {"content": "<string>", "metadata": {"bounding_boxes": {}, "confidence_score": {}}}
        for name in ("markdown", "html", "json", "csv")
    },
    "processing_time": 123,
    "filename": "<string>",
    "output_format": "<string>",
    "file_size": 123,
    "pages_processed": 123,
    "created_at": "2023-11-07T05:31:56Z",
}


def test_the_reference_pages_own_sample(tmp_path: Path) -> None:
    for call in ("submit", "poll"):
        got = answered("nanonets", tmp_path, 202, SAMPLE, call, {"output_format": "markdown"})
        assert isinstance(got, Answered)
        assert got.pages == 123
        assert got.outcome == {
            "processing_time": 123,
            "file_size": 123,
            "created_at": "2023-11-07T05:31:56Z",
            "filename": "<string>",
            "output_format": "<string>",
        }
        made = run(
            "nanonets", "http://x", lambda peer: _outputs(peer, tmp_path / "a", ["markdown", "html", "json", "csv"])
        )
        assert [output.suffix for output in made.outputs] == [".md", ".html", ".csv", ".metadata.json"]
        assert made.missing == ("json: the provider's JSON content is not JSON; it is in the raw answer",)


async def _outputs(peer: Any, answer: Path, formats: list[str]) -> Any:
    return peer.outputs([StoredAnswer("extract", answer, {})], formats)


def test_the_smallest_record(tmp_path: Path) -> None:
    record = {"success": True, "message": "queued", "record_id": "48210", "status": "processing"}
    taken = answered("nanonets", tmp_path, 202, record, options={"output_format": "markdown"})
    assert isinstance(taken, Accepted)
    assert taken.job_id == "48210"


def test_record_statuses(tmp_path: Path) -> None:
    def poll(**record: Any) -> Any:
        return answered("nanonets", tmp_path, 200, {"success": True, "message": "", "record_id": "1", **record}, "poll")

    assert poll(status="processing") == Pending("processing")
    assert poll(status="failed", message="no text found") == JobFailed("no text found", retryable=True)
    assert isinstance(poll(status="completed", result={"html": {"content": "x"}}), Answered)
