"""The vendors' own clients as judges: for the same call they and we put the same on the wire.

Compared are method, path, query, the header with the key, and the parts of a form (names, order, file name,
content type, content) or the JSON body. JSON text is compared by value: spacing is not part of a contract.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docstrange
import httpx
import pulse
import pytest

from peers.raw_http import Connection, HttpRequest, RawServer
from providers.support import KEY, document, run, submission

CONTENT = b"%PDF-1.7 the same document for both"
NAME = "7f3c9e2ab41d-1.pdf"
FILE = (NAME, CONTENT, "application/pdf")
SCHEMA = {"type": "object", "properties": {"tenant": {"type": "string"}}}
INPUTS = {"extraction_id": "ex-1", "split_id": "sp-1"}


async def _answer(request: HttpRequest, connection: Connection) -> None:
    """Good enough for both clients and for us, whatever was asked."""
    record = {"success": True, "message": "", "record_id": "1", "status": "processing", "results": [], "pagination": {}}
    await connection.answer(200, {"job_id": "1", "created_at": "2026-01-01T00:00:00Z", **record})


def seen(request: HttpRequest) -> dict[str, Any]:
    """What of a request must be the same."""
    facts: dict[str, Any] = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "key": {name: request.headers.get(name) for name in ("x-api-key", "authorization")},
        "type": request.headers.get("content-type", "").partition(";")[0],
    }
    if facts["type"] == "multipart/form-data":
        facts["parts"] = [
            (part.name, part.filename, part.content_type, _value(part.content, part.content_type))
            for part in request.parts()
        ]
    elif request.body:
        facts["json"] = request.json()
    return facts


def _value(content: bytes, content_type: str | None) -> Any:
    return json.loads(content) if content_type == "application/json" else content


@contextmanager
def _pulse(url: str) -> Iterator[Any]:
    with httpx.Client() as client:
        yield pulse.Pulse(api_key=KEY, base_url=url, httpx_client=client)


def _nanonets(url: str) -> Any:
    return docstrange.Docstrange(api_key=KEY, base_url=url, max_retries=0)


JUDGES = {"pulse": _pulse, "nanonets": _nanonets}


def both(
    dialect: str, theirs: Callable[[Any], Any], ours: Callable[[Any], Any], **more: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Does both calls against one server; gives what they and what we sent."""
    with RawServer(_answer) as server:
        with JUDGES[dialect](server.url) as client:
            theirs(client)
        run(dialect, server.url, ours, **more)
        judge, own = (seen(request) for request in server.requests)
    return judge, own


def compare(dialect: str, theirs: Callable[[Any], Any], ours: Callable[[Any], Any], **more: Any) -> dict[str, Any]:
    judge, own = both(dialect, theirs, ours, **more)
    assert own == judge
    return own


PULSE_EXTRACT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "pages and model": ({"pages": "1-2,5", "model": "pulse-ultra-2"}, {"model": "pulse-ultra-2", "pages": "1-2,5"}),
    "a saved preset": ({"extraction_config_id": "c-1"}, {"extraction_config_id": "c-1"}),
    "objects": (
        {
            "storage": {"folderName": "ferry", "enabled": True},
            "figure_processing": {"description": True, "showImages": False},
            "extensions": {
                "footnoteReferences": True,
                "chunking": {"chunkTypes": ["page", "header"], "chunkSize": 2000},
                "altOutputs": {"wlbb": True, "returnHtml": True, "returnXml": False},
            },
            "spreadsheet": {"includeHiddenRows": True, "useRawValues": True, "onlyDataCols": False},
        },
        {
            "spreadsheet": {"include_hidden_rows": True, "use_raw_values": True, "only_data_cols": False},
            "extensions": {
                "footnote_references": True,
                "chunking": {"chunk_types": ["page", "header"], "chunk_size": 2000},
                "alt_outputs": {"wlbb": True, "return_html": True, "return_xml": False},
            },
            "storage": {"folder_name": "ferry", "enabled": True},
            "figureProcessing": {"description": True, "showImages": False},
        },
    ),
    "everything deprecated": (
        {
            "schema_prompt": "p",
            "custom_prompt": "q",
            "chunking": "page,semantic",
            "chunk_size": 500,
            "extract_figure": True,
            "figure_description": False,
            "show_images": True,
            "return_html": True,
            "thinking": False,
            "structured_output": {"schema": SCHEMA, "schemaPrompt": "s", "effort": True},
            "schema": SCHEMA,
        },
        {
            "schema": SCHEMA,
            "structuredOutput": {"schema": SCHEMA, "schemaPrompt": "s", "effort": True},
            "schemaPrompt": "p",
            "customPrompt": "q",
            "chunking": ["page", "semantic"],
            "chunkSize": 500,
            "extractFigure": True,
            "figureDescription": False,
            "showImages": True,
            "returnHtml": True,
            "thinking": False,
        },
    ),
    "a schema as text": ({"schema": json.dumps(SCHEMA)}, {"schema": json.dumps(SCHEMA)}),
}


@pytest.mark.parametrize("case", PULSE_EXTRACT)
@pytest.mark.parametrize("mode", ["async", "sync"])
def test_pulse_extract(tmp_path: Path, case: str, mode: str) -> None:
    theirs, ours = PULSE_EXTRACT[case]
    flag = {"async_": True} if mode == "async" else {}
    own = compare(
        "pulse",
        lambda client: client.extract(file=FILE, **theirs, **flag),
        lambda peer: _submit(peer, tmp_path, options=ours, mode=mode),
    )
    names = [part[0] for part in own["parts"]]
    assert ("async" in names) == (mode == "async")
    assert mode == "sync" or names.index("async") < names.index("file")


def _submit(peer: Any, tmp_path: Path, **more: Any) -> Any:
    upload = None if "file_url" in more else document(tmp_path, CONTENT)
    return peer.submit(submission(upload, upload_name=NAME, inputs=INPUTS, **more), tmp_path / "answer")


def test_pulse_extract_by_address(tmp_path: Path) -> None:
    address = "https://example.org/lease.pdf"
    own = compare(
        "pulse",
        lambda client: client.extract(file_url=address, pages="1", async_=True),
        lambda peer: _submit(peer, tmp_path, options={"pages": 1}, file_url=address),
    )
    assert [part[0] for part in own["parts"]] == ["fileUrl", "pages", "async"]


TOPICS = {"parties": {"schema": SCHEMA}, "costs": {"schema": SCHEMA, "effort": True, "schema_prompt": "p"}}

PULSE_STEPS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "split": (
        "split",
        {"extraction_id": "ex-1", "split_config": {"split_input": [{"name": "parties", "description": "who signs"}]}},
        {"splitConfig": {"splitInput": [{"name": "parties", "description": "who signs"}]}},
    ),
    "split by saved config": (
        "split",
        {"extraction_id": "ex-1", "split_config_id": "s-1"},
        {"split_config_id": "s-1"},
    ),
    "schema": (
        "schema",
        {"extraction_id": "ex-1", "schema_config": {"input_schema": SCHEMA, "schema_prompt": "p", "effort": True}},
        {"schema_config": {"inputSchema": SCHEMA, "schemaPrompt": "p", "effort": True}},
    ),
    "schema by saved config": (
        "schema",
        {"extraction_id": "ex-1", "schema_config_id": "c-1"},
        {"schemaConfigId": "c-1"},
    ),
    "schema for each topic": (
        "schema",
        {"split_id": "sp-1", "split_schema_config": TOPICS},
        {"split_schema_config": TOPICS},
    ),
    "tables": (
        "tables",
        {"extraction_id": "ex-1", "tables_config": {"merge": True, "table_format": "html", "charts_to_tables": False}},
        {"tablesConfig": {"merge": True, "tableFormat": "html", "chartsToTables": False}},
    ),
    "tables, plain": ("tables", {"extraction_id": "ex-1"}, {}),
}


@pytest.mark.parametrize("case", PULSE_STEPS)
def test_pulse_later_steps(tmp_path: Path, case: str) -> None:
    endpoint, theirs, ours = PULSE_STEPS[case]
    compare(
        "pulse",
        lambda client: getattr(client, endpoint)(**theirs, async_=True),
        lambda peer: _submit(peer, tmp_path, endpoint=endpoint, options=ours),
    )


def test_pulse_poll_and_cancel(tmp_path: Path) -> None:
    compare(
        "pulse",
        lambda client: client.jobs.get_job(job_id="9b1f-1"),
        lambda peer: peer.poll("extract", "9b1f-1", tmp_path / "a"),
    )
    compare(
        "pulse",
        lambda client: client.jobs.cancel_job(job_id="9b1f-1"),
        lambda peer: peer.cancel("9b1f-1"),
    )


NANONETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one format": ({"output_format": "markdown"}, {"output_format": "markdown"}),
    "everything": (
        {
            "output_format": "markdown,json,csv",
            "csv_options": "table",
            "custom_instructions": "Format dates as YYYY-MM-DD",
            "include_metadata": "bounding_boxes,confidence_score",
            "json_options": '["invoice_no", "total"]',
            "prompt_mode": "replace",
        },
        {
            "prompt_mode": "replace",
            "json_options": ["invoice_no", "total"],
            "include_metadata": ["bounding_boxes", "confidence_score"],
            "custom_instructions": "Format dates as YYYY-MM-DD",
            "csv_options": "table",
            "output_format": ["markdown", "json", "csv"],
        },
    ),
    "a schema": (
        {"output_format": "json", "json_options": json.dumps(SCHEMA)},
        {"output_format": "json", "json_options": SCHEMA},
    ),
    "a word": (
        {"output_format": "json", "json_options": "table-of-contents"},
        {"output_format": ["json"], "json_options": "table-of-contents"},
    ),
    "empty text is left out": (
        {"output_format": "html", "custom_instructions": "", "csv_options": ""},
        {"output_format": "html", "custom_instructions": "", "csv_options": None},
    ),
}


@pytest.mark.parametrize("case", NANONETS)
@pytest.mark.parametrize("mode", ["async", "sync"])
def test_nanonets_extract(tmp_path: Path, case: str, mode: str) -> None:
    theirs, ours = NANONETS[case]
    compare(
        "nanonets",
        lambda client: getattr(client.extract, "async_" if mode == "async" else "sync")(file=FILE, **theirs),
        lambda peer: _submit(peer, tmp_path, options=ours, mode=mode),
    )


def test_nanonets_extract_by_address(tmp_path: Path) -> None:
    address = "https://example.org/a.pdf"
    options = {"output_format": "markdown", "prompt_mode": "append"}
    compare(
        "nanonets",
        lambda client: client.extract.async_(file_url=address, **options),
        lambda peer: _submit(peer, tmp_path, options=options, file_url=address),
    )


def test_nanonets_extract_as_base64(tmp_path: Path) -> None:
    text = base64.b64encode(CONTENT).decode()
    options = {"output_format": "markdown", "prompt_mode": "append"}
    compare(
        "nanonets",
        lambda client: client.extract.async_(file_base64=text, **options),
        lambda peer: _submit(peer, tmp_path, options=options),
        send_file_as="base64",
    )


def test_nanonets_poll_and_listing(tmp_path: Path) -> None:
    compare(
        "nanonets",
        lambda client: client.extract.results.retrieve("48210"),
        lambda peer: peer.poll("extract", "48210", tmp_path / "a"),
    )
    compare(
        "nanonets",
        lambda client: client.extract.results.list(page=1, page_size=50, sort_by="created_at", sort_order="desc"),
        lambda peer: peer.find_lost(["x"], 0),
    )


def test_nanonets_classify(tmp_path: Path) -> None:
    categories = [{"name": "invoice", "description": "asks for money"}, {"name": "letter"}]
    compare(
        "nanonets",
        lambda client: client.classify.sync(categories=json.dumps(categories), file=FILE),
        lambda peer: _submit(peer, tmp_path, endpoint="classify", options={"categories": categories}, mode="sync"),
    )


def test_nanonets_classify_as_a_batch_of_one(tmp_path: Path) -> None:
    """The vendor's client names the part ``files[]`` and adds text parts by a known defect (contract, 3.3)."""
    categories = [{"name": "invoice"}]
    judge, own = both(
        "nanonets",
        lambda client: client.classify.batch(categories=json.dumps(categories), files=[FILE]),
        lambda peer: _submit(peer, tmp_path, endpoint="classify", options={"categories": categories}),
    )
    assert own["path"] == judge["path"] == "/api/v1/classify/batch"
    assert files(own) == [("files", *part[1:]) for part in files(judge)]
    assert categories_of(own) == categories_of(judge)


def files(request: dict[str, Any]) -> list[Any]:
    return [part for part in request["parts"] if part[1] is not None]


def categories_of(request: dict[str, Any]) -> list[Any]:
    return [part for part in request["parts"] if part[0] == "categories"]
