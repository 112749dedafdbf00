"""The official Nanonets client drives every operation; what comes back is validated against the contract."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from docstrange import APIStatusError, Docstrange

from engine.server import contract_models as contract
from engine.server.machine import NOTES, REPORT, Running, engine, wait_for

Model = TypeVar("Model", bound=contract.Model)
CATEGORIES = json.dumps([{"name": "Report", "description": "an annual report"}, {"name": "Invoice"}])
METADATA = "bounding_boxes,confidence_score"


class Recorder:
    """The official client in its strict mode, and the last answer as it came over the wire."""

    def __init__(self, running: Running, *, is_strict: bool = True) -> None:
        self.answers: list[httpx.Response] = []
        self.http = httpx.Client(timeout=60, event_hooks={"response": [self._keep]})
        self.client: Any = Docstrange(
            api_key="any",
            base_url=running.url,
            http_client=self.http,
            max_retries=0,
            _strict_response_validation=is_strict,
        )

    def _keep(self, response: httpx.Response) -> None:
        if "event-stream" not in response.headers.get("content-type", ""):
            response.read()
        self.answers.append(response)

    def last(self, model: type[Model], status: int = 200) -> Model:
        answer = self.answers[-1]
        assert answer.status_code == status, answer.text
        return model.model_validate_json(answer.content)


@pytest.fixture
def nanonets(shared: Running) -> Iterator[Recorder]:
    recorder = Recorder(shared)
    yield recorder
    recorder.http.close()


@pytest.fixture
def lax(shared: Running) -> Iterator[Recorder]:
    """For streams: the client's types call their events text, its documentation and its examples objects."""
    recorder = Recorder(shared, is_strict=False)
    yield recorder
    recorder.http.close()


def finished(nanonets: Recorder, record_id: str) -> contract.NanonetsRecord:
    retrieve = nanonets.client.extract.results.retrieve
    wait_for(lambda: retrieve(record_id, include_content=False).status != "processing")
    assert nanonets.last(contract.NanonetsRecord).result is None
    retrieve(record_id)
    return nanonets.last(contract.NanonetsRecord)


def test_async_extraction_of_all_formats(nanonets: Recorder) -> None:
    record = nanonets.client.extract.async_(
        output_format="markdown, html,json,csv,markdown", file=REPORT, csv_options="table", include_metadata=METADATA
    )
    queued = nanonets.last(contract.NanonetsRecord, 202)
    assert (queued.status, queued.filename, queued.file_size) == ("processing", "report.pdf", REPORT.stat().st_size)
    done = finished(nanonets, record.record_id)
    assert (done.status, done.success, done.pages_processed) == ("completed", True, 4)
    assert done.output_format == "markdown, html,json,csv,markdown"
    assert done.processing_time is not None
    assert done.result is not None
    assert done.result.markdown is not None
    assert done.result.markdown.content.count("## Page ") == 4
    assert done.result.markdown.metadata is not None
    assert done.result.markdown.metadata.bounding_boxes is not None
    assert done.result.csv is not None
    assert "North Quay,310" in done.result.csv.content
    assert "\r\n\r\nItem,Budget" in done.result.csv.content
    assert "\n" not in done.result.csv.content.replace("\r\n", "")
    assert done.result.html is not None
    assert "<table" in done.result.html.content
    assert done.result.json_part is not None
    assert isinstance(done.result.json_part.content, dict)


def test_sync_equals_the_record_that_is_polled_afterwards(nanonets: Recorder) -> None:
    options: dict[str, str] = {"output_format": "markdown,json", "json_options": "hierarchy_output"}
    nanonets.client.extract.sync(file=REPORT, **options)
    sync = nanonets.last(contract.NanonetsRecord)
    assert finished(nanonets, sync.record_id) == sync
    queued = nanonets.client.extract.async_(file=REPORT, **options)
    polled = finished(nanonets, queued.record_id)
    assert polled.result == sync.result
    assert sync.result is not None
    assert sync.result.json_part is not None
    tree = contract.NanonetsTree.model_validate(sync.result.json_part.content)
    assert tree.document.tables[0].headers[0] == "Berth"


@pytest.mark.parametrize("path", ["/sync", "/async"])
def test_only_requested_formats_are_populated(shared: Running, path: str) -> None:
    answer = shared.http.post(
        f"/api/v1/extract{path}", files={"file": NOTES.read_bytes()}, data={"output_format": "html"}
    )
    record = shared.record(answer.json()["record_id"])
    assert set(record["result"]) == {"html"}
    assert set(record["result"]["html"]) == {"content"}


def json_of(nanonets: Recorder, json_options: str, **more: Any) -> contract.NanonetsJson:
    nanonets.client.extract.sync(output_format="json", file=REPORT, json_options=json_options, **more)
    result = nanonets.last(contract.NanonetsRecord).result
    assert result is not None
    assert result.json_part is not None
    return result.json_part


def test_json_as_table_of_contents(nanonets: Recorder) -> None:
    content = contract.NanonetsContents.model_validate(json_of(nanonets, "table-of-contents").content)
    titles = [entry.title for entry in content.hierarchy]
    assert titles[0] == "Northwind Harbour Annual Report 2025"
    assert content.hierarchy[1].parent_ids == [content.hierarchy[0].id]


def test_json_by_field_list_with_scores(nanonets: Recorder) -> None:
    part = json_of(nanonets, '["telephone", "no such thing"]', include_metadata="confidence_score, unknown word")
    assert isinstance(part.content, dict)
    assert set(part.content) == {"telephone", "no such thing"}
    assert part.content["no such thing"] is None
    assert part.metadata is not None
    assert part.metadata.confidence_score is not None
    assert set(part.metadata.confidence_score) == set(part.content)
    assert part.metadata.bounding_boxes is None


def test_json_by_schema_gives_rows_as_objects_of_scores(nanonets: Recorder) -> None:
    rows = {"type": "array", "items": {"type": "object", "properties": {"Berth": {"type": "string"}}}}
    schema = {"type": "object", "properties": {"berths": rows}}
    part = json_of(nanonets, json.dumps(schema), include_metadata="confidence_score")
    assert isinstance(part.content, dict)
    assert part.metadata is not None
    assert part.metadata.confidence_score is not None
    scores = part.metadata.confidence_score["berths"]
    assert isinstance(scores, dict)
    assert list(scores) == [str(number) for number in range(len(part.content["berths"] or []))]


def test_an_unknown_word_of_json_options_is_ignored(nanonets: Recorder) -> None:
    assert isinstance(json_of(nanonets, "nonsense").content, dict)


def test_json_can_be_sent_as_text(tmp_path: Path) -> None:
    with engine(tmp_path, json_as_string=True) as running:
        nanonets = Recorder(running)
        content = json_of(nanonets, "table-of-contents").content
        assert isinstance(content, str)
        assert "hierarchy" in json.loads(content)
        nanonets.http.close()


def test_base64_documents(nanonets: Recorder) -> None:
    encoded = base64.encodebytes(NOTES.read_bytes()).decode()
    nanonets.client.extract.sync(output_format="markdown", file_base64=encoded)
    record = nanonets.last(contract.NanonetsRecord)
    assert (record.status, record.file_size) == ("completed", NOTES.stat().st_size)
    assert "quay meeting" in nanonets.answers[-1].text


def test_bytes_without_a_name_are_recognised_by_content(nanonets: Recorder) -> None:
    nanonets.client.extract.sync(output_format="markdown", file=REPORT.read_bytes())
    record = nanonets.last(contract.NanonetsRecord)
    assert (record.filename, record.status, record.pages_processed) == ("upload", "completed", 4)


def test_a_document_that_fails_in_a_sync_call_is_a_failed_record(nanonets: Recorder) -> None:
    nanonets.client.extract.sync(output_format="markdown", file=b"%PDF-broken")
    record = nanonets.last(contract.NanonetsRecord)
    assert (record.status, record.success, record.result) == ("failed", False, None)
    assert "damaged" in record.message


def test_a_long_document_is_refused_in_a_sync_call(tmp_path: Path) -> None:
    with engine(tmp_path, limits={"sync_pages": 3}) as running:
        answer = running.http.post(
            "/api/v1/extract/sync", files={"file": REPORT.read_bytes()}, data={"output_format": "markdown"}
        )
        assert answer.status_code == 400
        assert "maximum" in contract.NanonetsDetail.model_validate_json(answer.content).detail
        assert running.http.get("/api/v1/extract/results").json()["results"] == []


def test_stream_in_pieces(lax: Recorder, shared: Running) -> None:
    with lax.client.extract.stream(output_format="markdown", file=REPORT) as stream:
        events: list[Any] = list(stream)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "metadata"
    assert kinds[-1] == "done"
    text = "".join(event["data"] for event in events if event["type"] == "content")
    assert text == shared.record(events[-1]["record_id"])["result"]["markdown"]["content"]


def test_stream_all_at_once(lax: Recorder) -> None:
    with lax.client.extract.stream(output_format="html", file=NOTES, enable_streaming=False) as stream:
        events: list[Any] = list(stream)
    [complete] = [event for event in events if event["type"] == "complete"]
    assert "quay meeting" in complete["data"]
    assert not [event for event in events if event["type"] == "content"]


def test_stream_of_a_document_that_fails(lax: Recorder) -> None:
    with lax.client.extract.stream(output_format="html", file=b"%PDF-broken") as stream:
        events: list[Any] = list(stream)
    assert events[-1]["type"] == "error"
    assert "damaged" in events[-1]["error"]


def test_stream_of_a_document_that_is_too_long_queues_it(tmp_path: Path) -> None:
    with engine(tmp_path, limits={"stream_pages": 3}) as running:
        lax = Recorder(running, is_strict=False)
        with lax.client.extract.stream(output_format="markdown", file=REPORT) as stream:
            events: list[Any] = list(stream)
        assert (events[-1]["type"], events[-1]["total_pages"]) == ("async_queued", 4)
        assert finished(lax, events[-1]["record_id"]).status == "completed"
        lax.http.close()


def test_batch_by_the_official_client(nanonets: Recorder) -> None:
    nanonets.client.extract.batch(files=[REPORT, NOTES, ("empty.pdf", b"")], output_format="markdown")
    batch = nanonets.last(contract.NanonetsBatch, 202)
    assert (batch.total_files, batch.accepted_files, batch.rejected_files) == (3, 3, 0)
    assert [record.filename for record in batch.records] == ["report.pdf", "notes.txt", "empty.pdf"]
    ended = [finished(nanonets, record.record_id) for record in batch.records]
    assert [record.status for record in ended] == ["completed", "completed", "failed"]


def test_batch_by_repeated_files_parts(shared: Running) -> None:
    files = [("files", ("a.txt", b"a")), ("files", ("b.txt", b"b"))]
    answer = shared.http.post("/api/v1/extract/batch", files=files, data={"output_format": "markdown"})
    assert answer.status_code == 202
    records = contract.NanonetsBatch.model_validate_json(answer.content).records
    assert [record.filename for record in records] == ["a.txt", "b.txt"]


def test_batches_without_files_or_with_too_many(shared: Running) -> None:
    form = {"output_format": "markdown"}
    none = shared.http.post("/api/v1/extract/batch", files={"other": b"x"}, data=form)
    many = shared.http.post("/api/v1/extract/batch", files=[("files", b"x")] * 51, data=form)
    for answer in (none, many):
        assert answer.status_code == 400
        contract.NanonetsDetail.model_validate_json(answer.content)


def test_classify_sync(nanonets: Recorder) -> None:
    nanonets.client.classify.sync(categories=CATEGORIES, file=REPORT)
    answer = nanonets.last(contract.NanonetsClassification)
    assert answer.result.total_pages == 4
    assert {page.category for page in answer.result.pages} <= {"Report", "Invoice", "Other"}
    polled = nanonets.client.extract.results.retrieve(answer.result.record_id)
    assert polled.status == "completed"
    assert nanonets.answers[-1].json()["result"] == nanonets.answers[-2].json()["result"]


def test_classify_a_document_that_fails(nanonets: Recorder) -> None:
    nanonets.client.classify.sync(categories=CATEGORIES, file=b"%PDF-broken")
    answer = nanonets.last(contract.NanonetsClassification)
    assert not answer.success
    assert answer.result.error
    assert "damaged" in answer.result.error


def test_classify_batch(nanonets: Recorder) -> None:
    nanonets.client.classify.batch(categories=CATEGORIES, files=[REPORT, NOTES])
    batch = nanonets.last(contract.NanonetsClassificationBatch, 202)
    assert (batch.total_files, batch.successful_files, batch.failed_files) == (2, 2, 0)
    for queued in batch.results:
        record = wait_for(lambda: done(nanonets, queued.record_id))  # noqa: B023
        result = contract.NanonetsFileResult.model_validate(record["result"])
        assert result.filename == queued.filename
        assert len(result.pages) == result.total_pages > 0


def done(nanonets: Recorder, record_id: str) -> dict[str, Any] | None:
    nanonets.client.extract.results.retrieve(record_id)
    record: dict[str, Any] = nanonets.answers[-1].json()
    return record if record["status"] == "completed" else None


def test_list_paging_and_sorting(tmp_path: Path) -> None:
    with engine(tmp_path) as running:
        nanonets = Recorder(running)
        names = ["b.txt", "c.txt", "a.txt", "e.txt", "d.txt"]
        for size, name in enumerate(names, 1):
            running.http.post(
                "/api/v1/extract/async", files={"file": (name, b"x" * size)}, data={"output_format": "markdown"}
            )
        results = nanonets.client.extract.results
        assert [record.filename for record in results.list(page_size=2)] == names[::-1]
        assert len(nanonets.answers) == 4  # the client goes on until it gets an empty page
        assert nanonets.last(contract.NanonetsList).results == []
        first = results.list(page_size=3, sort_by="original_filename", sort_order="asc")
        assert [record.filename for record in first.results] == ["a.txt", "b.txt", "c.txt"]
        page = nanonets.last(contract.NanonetsList).pagination
        assert (page.total_count, page.total_pages, page.has_next, page.has_previous) == (5, 2, True, False)
        largest = results.list(sort_by="file_size", sort_order="desc", page_size=1)
        assert [record.filename for record in largest.results] == ["d.txt"]
        nanonets.http.close()


@pytest.mark.parametrize("query", ["page=0", "page_size=0", "page_size=101", "sort_by=x", "sort_order=x", "page=x"])
def test_bad_list_parameters_are_422(shared: Running, query: str) -> None:
    answer = shared.http.get(f"/api/v1/extract/results?{query}")
    assert answer.status_code == 422
    problems = contract.NanonetsProblems.model_validate_json(answer.content)
    assert problems.detail[0].loc == ["query", query.split("=")[0]]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "output_format"),
        ({"output_format": " , "}, "output_format"),
        ({"output_format": "json", "custom_instructions": "x" * 8001}, "custom_instructions"),
        ({"output_format": "json", "prompt_mode": "other"}, "prompt_mode"),
        ({"output_format": "json", "json_options": "[1]"}, "json_options"),
        ({"output_format": "json", "json_options": "{"}, "json_options"),
        ({"output_format": "json", "enable_streaming": "perhaps"}, "enable_streaming"),
    ],
)
def test_invalid_fields_are_422(shared: Running, form: dict[str, str], field: str) -> None:
    answer = shared.http.post("/api/v1/extract/async", files={"file": b"x"}, data=form)
    assert answer.status_code == 422
    problems = contract.NanonetsProblems.model_validate_json(answer.content)
    assert [problem.loc for problem in problems.detail] == [["body", field]]


@pytest.mark.parametrize(
    "categories", ["", "x", "[]", "{}", '["a"]', '[{"name": ""}]', '[{"name": "a", "description": 1}]']
)
def test_invalid_categories_are_422(shared: Running, categories: str) -> None:
    answer = shared.http.post("/api/v1/classify/sync", files={"file": b"x"}, data={"categories": categories})
    assert answer.status_code == 422
    contract.NanonetsProblems.model_validate_json(answer.content)


@pytest.mark.parametrize(
    ("files", "form"),
    [
        ({"other": ("x", b"x")}, {}),
        ({"file": ("a", b"x")}, {"file_url": "http://127.0.0.1/x"}),
        ({"file": ("a", b"x")}, {"file_base64": "eA=="}),
        ({"file": ("a", b"x")}, {"output_format": "markdown,pdf"}),
        ({"file": ("a", b"")}, {}),
    ],
)
def test_bad_input_is_400_with_a_sentence(shared: Running, files: dict[str, Any], form: dict[str, str]) -> None:
    answer = shared.http.post("/api/v1/extract/async", files=files, data={"output_format": "markdown", **form})
    assert answer.status_code == 400
    contract.NanonetsDetail.model_validate_json(answer.content)


def test_empty_text_parts_do_not_count(shared: Running) -> None:
    empty = dict.fromkeys(("file_url", "file_base64", "custom_instructions", "json_options", "include_metadata"), "")
    answer = shared.http.post(
        "/api/v1/extract/sync", files={"file": b"text"}, data={"output_format": "markdown", **empty}
    )
    assert answer.status_code == 200


def test_unknown_records_are_404(nanonets: Recorder) -> None:
    with pytest.raises(APIStatusError) as raised:
        nanonets.client.extract.results.retrieve("none")
    assert raised.value.status_code == 404
    contract.NanonetsDetail.model_validate(raised.value.body)


def test_instructions_without_a_language_model_are_warned_about(shared: Running) -> None:
    form = {"output_format": "markdown", "custom_instructions": "shout"}
    record = shared.http.post("/api/v1/extract/sync", files={"file": b"text"}, data=form).json()
    assert "no language model is configured" in record["warnings"][0]


def test_chat_without_a_language_model_says_so(nanonets: Recorder) -> None:
    with pytest.raises(APIStatusError) as raised:
        nanonets.client.chat.create_completion(model="any", messages=[{"role": "user", "content": []}])
    assert raised.value.status_code == 403
    assert "engine.llm" in contract.NanonetsDetail.model_validate(raised.value.body).detail


def test_chat_about_a_document_through_the_language_model(tmp_path: Path) -> None:
    with language_model() as (url, seen), engine(tmp_path, llm={"url": url, "model": "m", "key": "secret"}) as running:
        nanonets = Recorder(running)
        document = "data:text/plain;base64," + base64.b64encode(NOTES.read_bytes()).decode()
        parts: Any = [
            {"type": "text", "text": "Who was present?"},
            {"type": "file_url", "file_url": {"url": document}},
        ]
        nanonets.client.chat.create_completion(model="any", messages=[{"role": "user", "content": parts}])
        assert nanonets.answers[-1].json()["choices"][0]["message"]["content"] == "Nadia, Piotr and Zoë"
        assert "Notes of the quay meeting" in json.dumps(seen[0]["messages"])
        chunks = running.http.post(
            "/v1/chat/completions",
            json={"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True},
        ).text
        payloads = [json.loads(line[len("data: ") :]) for line in chunks.splitlines() if line]
        assert payloads[0]["choices"][0]["delta"]["content"] == "Nadia, Piotr and Zoë"
        assert payloads[-1]["choices"][0]["finish_reason"] == "stop"
        missing = running.http.post("/v1/chat/completions", json={"model": "m"})
        assert missing.status_code == 422
        contract.NanonetsProblems.model_validate_json(missing.content)
        nanonets.http.close()


class language_model:  # noqa: N801 - used as a context
    """A server that speaks the OpenAI interface and always knows the same answer."""

    def __enter__(self) -> tuple[str, list[dict[str, Any]]]:
        seen: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                message = {"role": "assistant", "content": "Nadia, Piotr and Zoë"}
                answer = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}/v1", seen

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
