"""What arrives over the wire: every shape of form the contract knows, and hostile ones."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.pulse.options import ExtractRequest, SchemaRequest
from docferry.engine.pulse.reading import as_declared, plain, read_options
from engine.server.machine import REPORT, Running, engine

FORM = {"content-type": "multipart/form-data; boundary=B"}


def part(name: str, value: bytes, headers: str = "", disposition: str = "") -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"{disposition}\r\n{headers}\r\n'
    return head.encode() + value + b"\r\n"


def post(running: Running, *parts: bytes, path: str = "/extract") -> Any:
    return running.http.post(path, content=b"".join(parts) + b"--B--\r\n", headers=FORM)


def test_options_after_the_file_count(shared: Running) -> None:
    file = part("file", REPORT.read_bytes(), disposition='; filename="report.pdf"')
    answer = post(shared, file, part("pages", b"2"), part("async", b"false"))
    assert answer.json()["page_count"] == 1


@pytest.mark.parametrize("headers", ["", "Content-Type: application/json\r\n"])
def test_objects_come_as_json_parts_and_as_text(shared: Running, headers: str) -> None:
    wanted = b'{"alt_outputs": {"returnHtml": true}}'
    answer = post(shared, part("extensions", wanted, headers), part("file", b"x", disposition='; filename="x"'))
    assert set(answer.json()["extensions"]) == {"altOutputs"}


def test_null_objects_are_absent(shared: Running) -> None:
    nothing = part("storage", b"null", "Content-Type: application/json\r\n")
    answer = post(shared, nothing, part("file", b"x", disposition='; filename="x"'))
    assert "extraction_id" in answer.json()


def test_a_schema_inside_a_json_string_is_decoded_twice(shared: Running) -> None:
    schema = json.dumps(json.dumps({"type": "object", "properties": {"a": {}}})).encode()
    parts = (
        part("schema", schema, "Content-Type: application/json\r\n"),
        part("file", b"x", disposition='; filename=""'),
    )
    assert post(shared, *parts).json()["input_schema"]["properties"] == {"a": {}}


def test_a_form_of_the_closing_boundary_only_is_valid_and_empty(shared: Running) -> None:
    answer = post(shared)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "REQ_001")


def test_raw_utf8_file_names_are_kept(shared: Running) -> None:
    name = "Ångström – 東京.txt"
    files = part("file", b"x", disposition=f'; filename="{name}"'), part("output_format", b"markdown")
    assert post(shared, *files, path="/api/v1/extract/async").json()["filename"] == name


def test_a_name_with_a_path_in_it_is_only_a_name(shared: Running) -> None:
    files = part("file", b"x", disposition='; filename="../../etc/passwd"'), part("output_format", b"markdown")
    answer = post(shared, *files, path="/api/v1/extract/sync")
    assert (answer.status_code, answer.json()["filename"]) == (200, "../../etc/passwd")


def test_chunked_bodies_are_taken(shared: Running) -> None:
    def body() -> Iterator[bytes]:
        yield part("async", b"false")
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n'
        for _ in range(4):
            yield b"some text of a longer document\n" * 2000
        yield b"\r\n--B--\r\n"

    answer = shared.http.post("/extract", content=body(), headers=FORM)
    assert answer.status_code == 200
    assert answer.json()["markdown"].count("longer document") == 8_000


def test_json_with_a_url_is_taken_by_extract(shared: Running) -> None:
    answer = shared.http.post("/extract", json={"file-url": "http://127.0.0.1/x", "async": None})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "FILE_005")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "REQ_001"),
        ({"fileUrl": "http://x/", "file": b"x"}, "REQ_003"),
        ({"file": b""}, "FILE_004"),
        ({"file": REPORT.read_bytes(), "pages": "9"}, "REQ_006"),
        ({"file": REPORT.read_bytes(), "pages": "3-2"}, "REQ_006"),
        ({"file": b"x", "pages": "first"}, "REQ_006"),
        ({"file": b"x", "extensions": '{"chunking": {"chunkTypes": ["page"], "chunkSize": 99}}'}, "REQ_005"),
        ({"file": b"x", "chunkSize": "10001"}, "REQ_005"),
        ({"file": b"x", "extensions": "{"}, "REQ_003"),
        ({"file": b"x", "model": "other"}, "REQ_003"),
        ({"file": b"x", "async": "perhaps"}, "REQ_003"),
        ({"file": b"x", "extractionConfigId": "saved"}, "STORAGE_001"),
        ({"file": b"\x7fELF\x00\x01\x02" + bytes(range(256))}, "FILE_001"),
    ],
)
def test_mistakes_have_the_documented_codes(shared: Running, fields: dict[str, Any], code: str) -> None:
    parts = [
        part(name, value, disposition='; filename="x"') if isinstance(value, bytes) else part(name, value.encode())
        for name, value in fields.items()
    ]
    answer = post(shared, *parts)
    assert answer.json()["error"]["code"] == code
    assert answer.status_code in {400, 404}


@pytest.mark.parametrize(
    "body",
    [b"", b"--B", b"no boundary at all", b"--B\r\n\r\n--B", b"--B\r\n" + b"x" * 100_000, part("file", b"x")[:40]],
)
def test_broken_forms_are_400(shared: Running, body: bytes) -> None:
    for path in ("/extract", "/api/v1/extract/async"):
        answer = shared.http.post(path, content=body, headers=FORM)
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"])
def test_other_kinds_of_bodies_are_400(shared: Running, kind: str) -> None:
    answer = shared.http.post("/extract", content=b"a=b", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "REQ_002")


def test_deep_json_is_400(shared: Running) -> None:
    deep = b'{"a":' * 100_000
    assert shared.http.post("/split", content=deep).status_code == 400
    assert shared.extract(b"x", schema="[" * 100_000).status_code == 400


def test_too_much_is_413_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with engine(tmp_path, limits={"upload_bytes": 100_000, "field_bytes": 10_000}) as running:
        large = running.extract(b"x" * 3_000_000)
        assert (large.status_code, large.json()["error"]["code"]) == (413, "FILE_002")
        assert running.extract(b"x", schemaPrompt="y" * 20_000).status_code == 413
        assert running.http.post("/split", json={"x": "y" * 20_000}).status_code == 413
        form = {"output_format": "markdown", "file_base64": "eHh4" * 100_000}
        assert running.http.post("/api/v1/extract/async", files={"a": b""}, data=form).status_code == 413
        many = b"".join(part("a", b"") for _ in range(1001))
        assert post(running, many).status_code == 400
        assert list((tmp_path / "incoming").iterdir()) == []


def test_a_connection_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    with engine(tmp_path) as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = "POST /extract HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n"
            connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=B\r\n\r\n".encode())
            connection.sendall(part("file", b"x" * 2_000_000, disposition='; filename="x"'))
        assert running.extract(b"another").status_code == 200
    assert list((tmp_path / "incoming").iterdir()) == []


@given(st.text("abcABC_-", max_size=12))
def test_plain_names_ignore_case_and_separators(name: str) -> None:
    assert plain(name) == plain(name.upper()) == plain("_".join(name)) == plain(plain(name))


SPELLINGS = [str.upper, lambda name: name.replace("U", "_u"), lambda name: name.replace("U", "-u")]


@given(st.sampled_from(SPELLINGS), st.text(max_size=20))
def test_fields_are_found_under_every_spelling(spell: Any, url: str) -> None:
    assert read_options(ExtractRequest, {spell("fileUrl"): url}).file_url == url


user_keys = st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.text(max_size=5), max_size=4)


@given(user_keys)
def test_user_schemas_and_topics_are_not_touched(properties: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": properties}
    config = {"schema_config": {"input_schema": schema}}
    assert as_declared(SchemaRequest, config)["schema_config"]["input_schema"] == schema
    topics = {"split_schema_config": {name: {"schema": schema} for name in properties}}
    assert set(as_declared(SchemaRequest, topics)["split_schema_config"]) == set(properties)
