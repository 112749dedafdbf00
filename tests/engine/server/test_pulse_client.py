"""The official Pulse client drives every endpoint it knows; what comes back is validated against the contract."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pypdfium2
import pytest
from PIL import Image
from pulse import Pulse
from pulse.core.api_error import ApiError

from engine.server import contract_models as contract
from engine.server.machine import NOTES, REPORT, SAMPLES, Running, engine, wait_for

Model = TypeVar("Model", bound=contract.Model)
ONCE: Any = {"max_retries": 0}
OUTPUT: dict[str, Any] = {"local_path": "results"}
SCHEMA = {"type": "object", "properties": {"dredging": {"type": "number"}}}


class Recorder:
    """The official client, and the last answer as it came over the wire: the client's own models check nothing."""

    def __init__(self, running: Running) -> None:
        self.answers: list[httpx.Response] = []
        http = httpx.Client(timeout=60, event_hooks={"response": [self._keep]})
        self.http = http
        self.client: Any = Pulse(api_key="any", base_url=running.url, httpx_client=http)

    def _keep(self, response: httpx.Response) -> None:
        response.read()
        self.answers.append(response)

    def last(self, model: type[Model], status: int = 200) -> Model:
        answer = self.answers[-1]
        assert answer.status_code == status, answer.text
        return model.model_validate_json(answer.content)


@pytest.fixture
def pulse(shared: Running) -> Any:
    recorder = Recorder(shared)
    yield recorder
    recorder.http.close()


def extraction(pulse: Recorder, path: Path = REPORT, **options: Any) -> contract.PulseExtraction:
    with path.open("rb") as file:
        pulse.client.extract(file=file, request_options=ONCE, **options)
    return pulse.last(contract.PulseExtraction)


def finished(pulse: Recorder, job_id: str, model: type[Model]) -> Model:
    """A job's result once it has completed, polled by the client."""
    wait_for(lambda: pulse.client.jobs.get_job(job_id).status not in {"pending", "processing"})
    job = pulse.last(contract.PulseJob)
    assert job.status == "completed", job.error
    return model.model_validate_json(json.dumps(job.result))


def refused(call: Callable[[], object], status: int) -> contract.PulseErrorDetail:
    with pytest.raises(ApiError) as raised:
        call()
    assert raised.value.status_code == status
    body = raised.value.body
    return contract.PulseError.model_validate(body if isinstance(body, dict) else body.model_dump()).error


def test_extract_with_every_extension(pulse: Recorder) -> None:
    answer = extraction(
        pulse,
        extensions={
            "footnoteReferences": True,
            "chunking": {"chunkTypes": ["page", "header", "recursive", "semantic"], "chunkSize": 500},
            "altOutputs": {"wlbb": True, "returnHtml": True},
        },
    )
    assert answer.page_count == 4
    assert answer.extraction_id
    assert answer.extensions is not None
    assert answer.extensions.chunking is not None
    assert len(answer.extensions.chunking.page or []) >= 4
    assert answer.extensions.altOutputs is not None
    assert answer.extensions.altOutputs.wlbb is not None
    assert len(answer.extensions.altOutputs.wlbb.words) > 100
    assert "<table" in (answer.extensions.altOutputs.html or "")
    assert answer.extensions.footnoteReferences is not None


@pytest.mark.parametrize("name", ["letter.docx", "budget.xlsx", "page.html", "notes.txt"])
def test_extract_other_formats(pulse: Recorder, name: str) -> None:
    assert extraction(pulse, SAMPLES / name).markdown.strip()


def test_extract_bytes_without_a_name(pulse: Recorder) -> None:
    pulse.client.extract(file=REPORT.read_bytes(), pages="2-3", request_options=ONCE)
    assert pulse.last(contract.PulseExtraction).page_count == 2


def test_extract_with_every_deprecated_option(pulse: Recorder) -> None:
    answer = extraction(
        pulse,
        NOTES,
        structured_output={"schema": SCHEMA, "schemaPrompt": "costs", "effort": True},
        chunking="page,header",
        chunk_size=200,
        return_html=True,
        thinking=False,
        extract_figure=True,
        figure_description=True,
        show_images=True,
        custom_prompt="x",
    )
    assert answer.html
    assert answer.chunks is not None
    assert answer.chunks.page
    assert answer.structured_output is not None
    warnings = "\n".join(answer.warnings or [])
    for name in ("structuredOutput", "chunking", "returnHtml", "thinking", "extractFigure", "showImages"):
        assert f"`{name}` is deprecated" in warnings


def test_extract_with_a_schema_as_text(pulse: Recorder) -> None:
    assert extraction(pulse, NOTES, schema=json.dumps(SCHEMA)).structured_output is not None


def test_storage_off_gives_no_extraction_id(pulse: Recorder) -> None:
    assert extraction(pulse, NOTES, storage={"enabled": False}).extraction_id is None


def test_extract_asynchronously_and_poll(pulse: Recorder) -> None:
    with REPORT.open("rb") as file:
        job_id = pulse.client.extract(file=file, async_=True, request_options=ONCE).job_id
    assert pulse.last(contract.PulseAcknowledgement, 202).status == "pending"
    assert job_id
    assert finished(pulse, job_id, contract.PulseExtraction).page_count == 4


def test_extract_async_is_still_there(pulse: Recorder) -> None:
    pulse.client.extract_async(file=b"text", request_options=ONCE)
    ack = pulse.last(contract.PulseAcknowledgement, 202)
    assert finished(pulse, ack.job_id, contract.PulseExtraction).markdown.strip() == "text"


def test_cancel(pulse: Recorder) -> None:
    job_id = pulse.client.extract(file=b"text", async_=True, request_options=ONCE).job_id
    assert job_id
    pulse.client.jobs.cancel_job(job_id, request_options=ONCE)
    assert pulse.last(contract.PulseCancel).job_id == job_id
    refused(lambda: pulse.client.jobs.cancel_job("none", request_options=ONCE), 404)
    refused(lambda: pulse.client.jobs.get_job("none", request_options=ONCE), 404)


def test_split_schema_and_tables(pulse: Recorder) -> None:
    extraction_id = extraction(pulse).extraction_id
    assert extraction_id
    topics: Any = {"split_input": [{"name": "Costs", "description": "what was paid"}, {"name": "Plans"}]}
    pulse.client.split(extraction_id=extraction_id, split_config=topics, request_options=ONCE)
    split = pulse.last(contract.PulseSplit)
    assert set(split.split_output.splits) == {"Costs", "Plans"}
    wanted: Any = {"input_schema": SCHEMA, "schema_prompt": "the table of costs", "effort": True}
    versions = []
    for _ in range(2):
        pulse.client.schema(extraction_id=extraction_id, schema_config=wanted, request_options=ONCE)
        versions.append(pulse.last(contract.PulseSchema).version)
    assert versions == [1, 2]
    pulse.client.schema(
        split_id=split.split_id,
        split_schema_config={"Costs": {"schema": SCHEMA}, "Unknown": {"schema": SCHEMA}},
        request_options=ONCE,
    )
    by_topic = pulse.last(contract.PulseSplitSchema)
    assert set(by_topic.results) | set(by_topic.errors or {}) == {"Costs", "Unknown"}
    assert by_topic.errors
    assert "no such topic" in by_topic.errors["Unknown"]
    for table_format in ("html", "json"):
        config: Any = {"merge": True, "table_format": table_format}
        pulse.client.tables(extraction_id=extraction_id, tables_config=config, request_options=ONCE)
        assert len(pulse.last(contract.PulseTables).tables_output.tables) == 2


def test_schema_over_several_extractions(pulse: Recorder) -> None:
    ids = [extraction(pulse).extraction_id or "" for _ in range(2)]
    schema = {"type": "object", "properties": {"telephone": {"type": "string"}}}
    pulse.client.schema(extraction_ids=ids, schema_config={"input_schema": schema}, request_options=ONCE)
    answer = pulse.last(contract.PulseSchema)
    assert answer.extraction_ids == ids
    for citation in answer.schema_output.citations["telephone"]:
        assert citation["id"].startswith(f"{citation['extraction_id']}-")
        assert citation["page"] <= 4


@pytest.mark.parametrize("call", ["split", "schema", "tables"])
def test_later_calls_work_asynchronously_too(pulse: Recorder, call: str) -> None:
    extraction_id = extraction(pulse).extraction_id
    more: dict[str, Any] = {
        "split": {"split_config": {"split_input": [{"name": "Costs"}]}},
        "schema": {"schema_config": {"input_schema": SCHEMA}},
        "tables": {},
    }[call]
    getattr(pulse.client, call)(extraction_id=extraction_id, async_=True, request_options=ONCE, **more)
    ack = pulse.last(contract.PulseAcknowledgement, 202)
    if call == "tables":
        assert (ack.model_extra or {})["tables_id"] == ack.job_id
    models: dict[str, type[contract.Model]] = {
        "split": contract.PulseSplit,
        "schema": contract.PulseSchema,
        "tables": contract.PulseTables,
    }
    finished(pulse, ack.job_id, models[call])


def test_unknown_extractions_are_404(pulse: Recorder) -> None:
    topics: Any = {"split_input": [{"name": "x"}]}
    config: Any = {"input_schema": SCHEMA}
    refused(lambda: pulse.client.split(extraction_id="none", split_config=topics, request_options=ONCE), 404)
    refused(lambda: pulse.client.schema(extraction_id="none", schema_config=config, request_options=ONCE), 404)
    refused(lambda: pulse.client.schema(split_id="none", split_schema_config={"x": config}, request_options=ONCE), 404)
    refused(lambda: pulse.client.tables(extraction_id="none", request_options=ONCE), 404)
    refused(lambda: pulse.client.split(extraction_id="x", split_config_id="saved", request_options=ONCE), 404)


def test_batches_and_what_is_made_of_them(pulse: Recorder) -> None:
    files: Any = [
        {"filename": "report.pdf", "content": base64.b64encode(REPORT.read_bytes()).decode()},
        {"filename": "broken.pdf", "content": base64.b64encode(b"%PDF-broken").decode()},
    ]
    pulse.client.batch.extract(input={"files": files}, output=OUTPUT, workers=2, request_options=ONCE)
    batch = pulse.last(contract.PulseBatchAcknowledgement, 202)
    assert batch.total_files == 2
    done = finished(pulse, batch.batch_job_id, contract.PulseBatchResult)
    assert (done.total, done.completed, done.failed) == (2, 1, 1)
    assert [item.status for item in done.items] == ["completed", "failed"]
    topics: Any = {"split_input": [{"name": "Costs"}, {"name": "Traffic"}]}
    config: Any = {"input_schema": SCHEMA}
    chosen: Any = {"batch_extract_id": batch.batch_job_id, "output": OUTPUT, "request_options": ONCE}
    pulse.client.batch.split(split_config=topics, **chosen)
    split = pulse.last(contract.PulseBatchAcknowledgement, 202)
    assert split.total_extractions == 1
    assert finished(pulse, split.batch_job_id, contract.PulseBatchResult).completed == 1
    pulse.client.batch.schema(schema_config=config, **chosen)
    schema = pulse.last(contract.PulseBatchAcknowledgement, 202)
    assert finished(pulse, schema.batch_job_id, contract.PulseBatchResult).completed == 1
    pulse.client.batch.tables(**chosen)
    tables = pulse.last(contract.PulseBatchAcknowledgement, 202)
    assert finished(pulse, tables.batch_job_id, contract.PulseBatchResult).completed == 1
    pulse.client.batch.schema(schema_config=config, page_range="9", **chosen)
    outside = pulse.last(contract.PulseBatchAcknowledgement, 202)
    assert finished(pulse, outside.batch_job_id, contract.PulseBatchResult).failed == 1
    topic_configs: Any = {"Costs": {"schema": SCHEMA}}
    pulse.client.batch.schema(
        batch_split_id=split.batch_job_id, split_schema_config=topic_configs, output=OUTPUT, request_options=ONCE
    )
    by_topic = pulse.last(contract.PulseBatchAcknowledgement, 202)
    assert by_topic.total_splits == 1
    assert finished(pulse, by_topic.batch_job_id, contract.PulseBatchResult).completed == 1
    pulse.client.schema(extraction_id=batch.batch_job_id, schema_config=config, request_options=ONCE)
    assert len(pulse.last(contract.PulseSchema).extraction_ids or []) == 1


def test_pipeline(pulse: Recorder, shared: Running) -> None:
    steps = {
        "extract": {},
        "split": {"split_input": [{"name": "Costs"}, {"name": "Plans"}]},
        "schema": {"input_schema": SCHEMA},
    }
    with REPORT.open("rb") as file:
        answer = shared.http.post("/pipeline/execute", files={"file": file}, data={"steps": json.dumps(steps)})
    assert answer.status_code == 200
    results = contract.PulsePipeline.model_validate_json(answer.content).results
    assert list(results) == ["extract", "split", "schema"]
    wrong: Any = {"schema": {"input_schema": SCHEMA}, "extract": {}}
    refused(lambda: pulse.client.pipeline.execute(steps=wrong, file_url="http://x/y", request_options=ONCE), 400)
    alone: Any = {"extract": {}}
    refused(lambda: pulse.client.pipeline.execute(steps=alone, file_url="http://127.0.0.1/", request_options=ONCE), 400)


def test_pictures_of_a_result(pulse: Recorder, shared: Running) -> None:
    job_id = shared.submit(b"text")
    shared.ended(job_id)
    pictures = shared.settings.state / "jobs" / job_id[:2] / job_id / "images"
    pictures.mkdir()
    (pictures / "1-figure.png").write_bytes(b"\x89PNG picture")
    assert b"".join(pulse.client.results.get_image(job_id, "1-figure.png")) == b"\x89PNG picture"
    assert pulse.answers[-1].headers["content-type"] == "image/png"
    refused(lambda: list(pulse.client.results.get_image(job_id, "none.png", request_options=ONCE)), 404)
    refused(lambda: list(pulse.client.results.get_image(job_id, "..%2Fresult.json", request_options=ONCE)), 404)
    refused(lambda: list(pulse.client.results.get_image(job_id, "result.json", request_options=ONCE)), 400)
    refused(lambda: list(pulse.client.results.get_pdf(job_id, request_options=ONCE)), 404)


def test_addresses_of_pictures_lead_to_this_server(pulse: Recorder, tmp_path: Path, shared: Running) -> None:
    path = tmp_path / "figure.pdf"
    path.write_bytes(report_with_picture())
    with path.open("rb") as file:
        answer = pulse.client.extract(
            file=file,
            pages="4",
            figure_processing={"showImages": True},
            request_options=ONCE,
        )
    assert answer.markdown
    [figure] = pulse.last(contract.PulseExtraction).bounding_boxes.Images
    if figure.image_url is not None:
        assert shared.http.get(figure.image_url).status_code == 200


def report_with_picture() -> bytes:
    """The report with a picture on its last page."""
    picture, saved = io.BytesIO(), io.BytesIO()
    Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50).convert("RGB").save(picture, "JPEG")
    pdf = pypdfium2.PdfDocument(REPORT)
    page = pdf[3]
    image = pypdfium2.PdfImage.new(pdf)
    image.load_jpeg(picture)
    image.set_matrix(pypdfium2.PdfMatrix().scale(300, 200).translate(100, 200))
    page.insert_obj(image)
    page.gen_content()
    pdf.save(saved)
    pdf.close()
    return saved.getvalue()


def test_what_is_not_offered_is_a_clear_403(pulse: Recorder) -> None:
    form = pulse.client.form
    assert "not offered" in refused(lambda: form.detect(file=b"x", request_options=ONCE), 403).message
    refused(lambda: form.fill(instructions="x", file=b"x", request_options=ONCE), 403)
    refused(lambda: form.clear(file=b"x", request_options=ONCE), 403)
    refused(lambda: pulse.client.webhooks.create_webhook_link(request_options=ONCE), 403)


def test_a_large_result_is_taken_once(tmp_path: Path) -> None:
    with engine(tmp_path, large_results={"pages": 4}) as running:
        pulse = Recorder(running)
        with REPORT.open("rb") as file:
            pulse.client.extract(file=file, request_options=ONCE)
        pointer = pulse.last(contract.PulsePointer)
        job_id = pointer.url.rsplit("/", 1)[1]
        assert pointer.url == f"{running.url}/large_results/{job_id}"
        polled = contract.PulsePointer.model_validate(running.poll(job_id)["result"])
        assert polled == pointer
        assert pulse.client.large_results.get_large_result(job_id, request_options=ONCE).markdown
        taken = pulse.last(contract.PulseExtraction)
        assert (taken.page_count, taken.extraction_id) == (4, pointer.extraction_id)
        refused(lambda: pulse.client.large_results.get_large_result(job_id, request_options=ONCE), 410)
        refused(lambda: pulse.client.large_results.get_large_result("none", request_options=ONCE), 404)
        assert pointer.extraction_id
        pulse.client.tables(extraction_id=pointer.extraction_id, request_options=ONCE)
        assert pulse.last(contract.PulseTables).tables_output.tables
        pulse.http.close()
