"""Values asked for later are those that are found at once, though a saved extraction keeps no words of a text layer."""

from __future__ import annotations

import json
import sqlite3
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter

from corpus import invoices
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.extraction.pdf import with_words
from docferry.engine.extraction.read import read_document
from docferry.engine.files import to_json
from engine.server.machine import REPORT, Running

INVOICE = invoices.make_invoice(11)
SCHEMA = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string"},
        "total_due": {"type": "number"},
        "customer": {"type": "string"},
        "colour": {"type": "string"},
    },
}


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return invoices.invoice_pdf(INVOICE)


def encrypted(content: bytes, password: str) -> bytes:
    writer, buffer = PdfWriter(clone_from=PdfReader(BytesIO(content))), BytesIO()
    writer.encrypt(password, algorithm="AES-256")
    writer.write(buffer)
    return buffer.getvalue()


def found_later(engine: Running, content: bytes, **fields: str) -> dict[str, Any]:
    extraction = engine.extract(content, "invoice.pdf", **fields).json()
    wanted = {"extraction_id": extraction["extraction_id"], "schema_config": {"input_schema": SCHEMA}}
    answer = engine.http.post("/schema", json=wanted)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["schema_output"])


def test_a_schema_applied_later_finds_what_it_finds_at_once(shared: Running, pdf: bytes) -> None:
    later = found_later(shared, pdf)
    at_once = shared.extract(pdf, "invoice.pdf", schema=json.dumps(SCHEMA)).json()["structured_output"]
    assert later == at_once
    values = dict(INVOICE.fields)
    assert later["values"]["invoice_number"] == values["Invoice number"]
    assert later["values"]["colour"] is None
    [citation] = later["citations"]["invoice_number"]
    assert citation["page"] == 1
    assert citation["box"]


def test_a_document_with_a_password_needs_it_only_once(shared: Running, pdf: bytes) -> None:
    assert found_later(shared, encrypted(pdf, "open sesame"), password="open sesame") == found_later(shared, pdf)


@pytest.mark.parametrize("storage", [{}, {"storage": {"enabled": False}}])
def test_a_pipeline_finds_the_same_whether_or_not_it_stores(shared: Running, pdf: bytes, storage: Any) -> None:
    steps = {"extract": storage, "schema": {"input_schema": SCHEMA}}
    answer = shared.http.post(
        "/pipeline/execute", files={"file": ("invoice.pdf", pdf)}, data={"steps": json.dumps(steps)}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"]["schema"]["schema_output"] == found_later(shared, pdf)


def test_a_pipeline_that_deletes_leaves_nothing_but_its_answer(shared: Running, pdf: bytes) -> None:
    form = {"steps": '{"extract": {}}', "auto_delete": "true", "async": "true"}
    job_id = shared.http.post("/pipeline/execute", files={"file": ("invoice.pdf", pdf)}, data=form).json()["job_id"]
    assert shared.ended(job_id)["result"]["auto_delete"] is True
    assert [path.name for path in (shared.settings.state / "jobs" / job_id[:2] / job_id).iterdir()] == ["result.json"]


def test_what_has_no_effect_is_said(shared: Running, pdf: bytes) -> None:
    extraction = shared.extract(pdf, "invoice.pdf", storage='{"folderName": "Invoices"}').json()
    assert any("folderName" in warning for warning in extraction["warnings"])
    config = {"input_schema": SCHEMA, "effort": True}
    found = {"extraction_id": extraction["extraction_id"], "schema_config": config}
    assert any("effort" in warning for warning in shared.http.post("/schema", json=found).json()["warnings"])


def test_words_read_later_are_those_read_at_once() -> None:
    whole = read_document(REPORT, ReadOptions(words=True))
    saved = read_document(REPORT, ReadOptions(recognised_words=True))
    assert saved != whole
    assert with_words(saved, REPORT) == whole


def test_what_is_kept_counts_with_all_that_belongs_to_it(shared: Running, pdf: bytes) -> None:
    answer = shared.extract(pdf, "invoice.pdf")
    artefact = shared.http.post("/tables", json={"extraction_id": answer.json()["extraction_id"]})
    assert artefact.status_code == 200
    [folder] = [
        path.parent for path in shared.settings.state.glob(f"jobs/*/*/document-{answer.json()['extraction_id']}.json")
    ]
    kept = sum(path.stat().st_size for path in folder.iterdir())
    assert kept > len(answer.content) + len(pdf)
    assert kept_bytes(shared.settings.state, folder.name) == kept


def kept_bytes(state: Path, job_id: str) -> int:
    ledger = sqlite3.connect(f"file:{state / 'engine.sqlite'}?mode=ro", uri=True)
    try:
        return int(ledger.execute("SELECT result_bytes FROM jobs WHERE id = ?", (job_id,)).fetchone()[0])
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [({"a": [1, 0.5, None, True, "é"]}, '{"a":[1,0.5,null,true,"é"]}'), ([float("nan"), 1e400], "[null,null]"),
     (["half \ud83d of a pair"], '["half ? of a pair"]'), ({1: "x"}, '{"1":"x"}')],
)  # fmt: skip
def test_results_are_json_whatever_a_document_holds(value: Any, wanted: str) -> None:
    assert to_json(value).decode() == wanted
