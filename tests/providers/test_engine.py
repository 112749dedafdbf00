"""Both dialects against the embedded engine, over its Unix socket: real jobs, real answers."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from docferry.config.models import ProviderConfig
from docferry.errors import JobUnknown, Rejected, ResultGone
from docferry.providers.base import (
    Accepted,
    Answered,
    JobCanceled,
    Pending,
    Pointed,
    Provider,
    StoredAnswer,
    Submission,
    Upload,
)
from docferry.providers.build import create_provider
from engine.server.machine import REPORT, EngineProcess

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def engine_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with EngineProcess(tmp_path_factory.mktemp("engine")) as engine:
        yield engine.uds


def local(dialect: str, engine_socket: Path) -> Provider:
    config = ProviderConfig.model_validate({"name": "local", "dialect": dialect, "engine": "embedded"})
    return create_provider(config, key=None, engine_socket=engine_socket)


def run(dialect: str, engine_socket: Path, work: Any) -> Any:
    async def whole() -> Any:
        peer = local(dialect, engine_socket)
        try:
            return await work(peer)
        finally:
            await peer.aclose()

    return asyncio.run(whole())


def submission(key: str, endpoint: str = "extract", path: Path | None = REPORT, **more: Any) -> Submission:
    upload = Upload(path, path.stat().st_size, "application/pdf") if path else None
    given: dict[str, Any] = {"endpoint": endpoint, "options": {}, "mode": "async", "upload": upload}
    return Submission(**given | {"idempotency_key": key, "upload_name": f"{key}.pdf"} | more)


async def ended(peer: Any, endpoint: str, job_id: str, answer: Path) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while isinstance(polled := await peer.poll(endpoint, job_id, answer), Pending):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return polled


async def done(peer: Any, request: Submission, answer: Path) -> Any:
    """The step's result, whichever way it was asked for."""
    taken = await peer.submit(request, answer)
    if isinstance(taken, Accepted):
        return await ended(peer, request.endpoint, taken.job_id, answer)
    return taken


def test_a_pulse_chain_from_extract_to_tables(engine_socket: Path, tmp_path: Path) -> None:
    steps: list[tuple[str, dict[str, Any]]] = [
        (
            "extract",
            {
                "extensions": {
                    "chunking": {"chunkTypes": ["page", "header"], "chunkSize": 500},
                    "altOutputs": {"returnHtml": True, "wlbb": True},
                },
                "storage": {"folderName": "ferry"},
            },
        ),
        ("split", {"split_config": {"split_input": [{"name": "money", "description": "income and costs"}]}}),
        ("schema", {"schema_config": {"input_schema": {"type": "object", "properties": {"year": {"type": "string"}}}}}),
        ("tables", {"tables_config": {"merge": True}}),
    ]

    async def work(peer: Any) -> Any:
        outcome: dict[str, Any] = {}
        answers = []
        for number, (endpoint, options) in enumerate(steps):
            answer = tmp_path / f"step-{number}"
            path = REPORT if endpoint == "extract" else None
            request = submission(f"chain-{number}", endpoint, path, options=options, inputs=outcome)
            answered = await done(peer, request, answer)
            assert isinstance(answered, Answered), answered
            outcome |= answered.outcome
            answers.append(StoredAnswer(endpoint, answer, options))
        return peer.outputs(answers, ["markdown", "html", "json", "csv", "chunks", "split", "schema", "tables", "raw"])

    made = run("pulse", engine_socket, work)
    suffixes = [output.suffix for output in made.outputs]
    assert made.missing == ()
    for suffix in (".md", ".html", ".json", ".chunks.json", ".split.json", ".schema.json", ".tables.json", ".raw.json"):
        assert suffix in suffixes
    assert any(suffix.endswith(".csv") for suffix in suffixes)
    assert b"Northwind Harbour" in made.outputs[0].content


@pytest.mark.parametrize(("dialect", "options"), [("pulse", {}), ("nanonets", {"output_format": "markdown"})])
def test_the_same_idempotency_key_gives_the_same_job(
    engine_socket: Path, tmp_path: Path, dialect: str, options: dict[str, Any]
) -> None:
    async def work(peer: Any) -> None:
        assert peer.capabilities.honours_idempotency_key
        first = await peer.submit(submission("once", options=options), tmp_path / "a")
        again = await peer.submit(submission("once", options=options), tmp_path / "a")
        other = await peer.submit(submission("twice", options=options), tmp_path / "a")
        assert first.job_id == again.job_id != other.job_id
        assert first.sent.sha256 == hashlib.sha256(REPORT.read_bytes()).hexdigest()

    run(dialect, engine_socket, work)


def test_a_large_result_comes_by_its_link_once(engine_socket: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    for number in range(75):
        canvas.drawString(72, 700, f"page {number + 1} of the long report")
        canvas.showPage()
    canvas.save()
    path = tmp_path / "long.pdf"
    path.write_bytes(buffer.getvalue())

    async def work(peer: Any) -> None:
        pointed = await done(peer, submission("long", path=path), tmp_path / "a")
        assert isinstance(pointed, Pointed)
        assert pointed.pages == 75
        answered = await peer.fetch(pointed.url, tmp_path / "a")
        assert answered.outcome["extraction_id"] == pointed.outcome["extraction_id"]
        made = peer.outputs([StoredAnswer("extract", tmp_path / "a", {})], ["markdown"])
        assert b"page 75 of the long report" in made.outputs[0].content
        with pytest.raises(ResultGone):
            await peer.fetch(pointed.url, tmp_path / "b")

    run("pulse", engine_socket, work)


def test_refusals_and_cancelling(engine_socket: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.bin").write_bytes(b"\x00\x01 nothing that can be read")

    async def work(peer: Any) -> None:
        with pytest.raises(JobUnknown):
            await peer.poll("extract", "no-such-job", tmp_path / "a")
        assert not (await peer.cancel("no-such-job")).requested
        with pytest.raises(Rejected):
            await peer.submit(submission("odd", path=tmp_path / "odd.bin", mode="sync"), tmp_path / "a")
        accepted = await peer.submit(submission("cancelled"), tmp_path / "a")
        assert (await peer.cancel(accepted.job_id)).requested
        assert isinstance(await ended(peer, "extract", accepted.job_id, tmp_path / "a"), JobCanceled | Answered)
        assert (await peer.check()).key_accepted

    run("pulse", engine_socket, work)


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_nanonets_formats_and_the_listing(engine_socket: Path, tmp_path: Path, mode: str) -> None:
    options = {
        "output_format": ["markdown", "html", "json", "csv"],
        "json_options": ["year", "title"],
        "include_metadata": ["bounding_boxes", "confidence_score"],
    }

    async def work(peer: Any) -> Any:
        since = time.time()
        request = submission(f"nano-{mode}", options=options, mode=mode)
        answered = await done(peer, request, tmp_path / "a")
        assert isinstance(answered, Answered)
        found = await peer.find_lost(["other.pdf", f"nano-{mode}.pdf"], since)
        assert found.job_id == answered.job_id
        assert await peer.find_lost(["never-sent.pdf"], since) is None
        assert (await peer.check()).key_accepted
        return peer.outputs([StoredAnswer("extract", tmp_path / "a", options)], ["markdown", "html", "json", "csv"])

    made = run("nanonets", engine_socket, work)
    suffixes = {output.suffix for output in made.outputs}
    assert {".md", ".html", ".json", ".metadata.json"} <= suffixes
    assert made.missing == ()


def test_a_classification_is_a_job_too(engine_socket: Path, tmp_path: Path) -> None:
    options = {"categories": [{"name": "annual report"}, {"name": "recipe"}]}

    async def work(peer: Any) -> None:
        answered = await done(peer, submission("class", "classify", options=options), tmp_path / "a")
        assert isinstance(answered, Answered)
        assert answered.outcome["class"] in ("annual report", "recipe", "Other")

    run("nanonets", engine_socket, work)
