"""Keys, owners, what is logged, and what is fetched for guests."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from docferry.engine.fetch import is_public, name_of_url
from docferry.engine.settings import SettingsError, settings_from_json
from engine.server import contract_models as contract
from engine.server.machine import NOTES, Running, engine

KEYS = ["first key", "second key"]
FIRST, SECOND = ({"x-api-key": key} for key in KEYS)
BEARER_FIRST, BEARER_SECOND = ({"authorization": f"Bearer {key}"} for key in KEYS)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with engine(tmp_path_factory.mktemp("locked"), keys=KEYS) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "code"), [({}, "AUTH_001"), ({"x-api-key": ""}, "AUTH_001"), ({"x-api-key": "first"}, "AUTH_002")]
)
def test_pulse_wants_a_known_key(locked: Running, headers: dict[str, str], code: str) -> None:
    for path in ("/extract", "/split", "/schema", "/tables", "/batch/extract", "/pipeline/execute", "/webhook"):
        answer = locked.http.post(path, headers=headers, content=b"not even read")
        assert answer.status_code == 401
        assert contract.PulseError.model_validate_json(answer.content).error.code == code
    assert locked.http.get("/job/none", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "header", ["", "first key", "bearer first key", "Bearer  first key", "Bearer first key, second key"]
)
def test_nanonets_wants_a_known_key_exactly(locked: Running, header: str) -> None:
    headers = {"authorization": header.encode()} if header else {}
    for path in ("/api/v1/extract/async", "/api/v1/classify/sync", "/v1/chat/completions"):
        answer = locked.http.post(path, headers=headers, content=b"not even read")
        assert answer.status_code == 401
        contract.NanonetsDetail.model_validate_json(answer.content)


def test_keys_see_only_what_is_theirs(locked: Running) -> None:
    answer = locked.http.post("/extract", files={"file": b"x"}, headers=FIRST)
    extraction = answer.json()["extraction_id"]
    job_id = locked.http.post("/extract", files={"file": b"x"}, data={"async": "true"}, headers=FIRST).json()["job_id"]
    assert locked.http.get(f"/job/{job_id}", headers=FIRST).status_code == 200
    assert locked.http.get(f"/job/{job_id}", headers=SECOND).status_code == 403
    assert locked.http.delete(f"/job/{job_id}", headers=SECOND).status_code == 403
    assert locked.http.post("/tables", json={"extraction_id": extraction}, headers=SECOND).status_code == 404
    form: dict[str, Any] = {"files": {"file": b"x"}, "data": {"output_format": "markdown"}}
    record = locked.http.post("/api/v1/extract/sync", headers=BEARER_FIRST, **form).json()["record_id"]
    assert locked.http.get(f"/api/v1/extract/results/{record}", headers=BEARER_SECOND).status_code == 404
    assert locked.http.get("/api/v1/extract/results", headers=BEARER_SECOND).json()["results"] == []
    assert len(locked.http.get("/api/v1/extract/results", headers=BEARER_FIRST).json()["results"]) == 1


def test_idempotency_keys_are_each_owners_own(locked: Running) -> None:
    shared_key = {"Idempotency-Key": "both use it"}
    jobs = [
        locked.http.post("/extract", files={"file": b"x"}, data={"async": "1"}, headers=owner | shared_key).json()
        for owner in (FIRST, SECOND)
    ]
    assert jobs[0]["job_id"] != jobs[1]["job_id"]


def test_a_refused_upload_still_gets_its_answer(locked: Running) -> None:
    answer = locked.http.post("/extract", files={"file": b"x" * 20_000_000})
    assert answer.status_code == 401


def test_the_log_holds_no_secrets(locked: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        locked.http.post("/extract?token=hidden", files={"file": b"body text"}, headers=FIRST)
        locked.http.get("/job/none?key=hidden", headers=FIRST)
        locked.http.get("/api/v1/extract/results/a%0Ab", headers=BEARER_FIRST)
        url = "http://127.0.0.1/signed?signature=hidden"
        locked.http.post("/extract", json={"fileUrl": url, "password": "hidden"}, headers=FIRST)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("docferry")]
    assert any(message.startswith("POST /extract status=200") for message in ours)
    for message in ours:
        for secret in (*KEYS, "hidden", "body text", "\n"):
            assert secret not in message


def test_a_password_is_forgotten_with_the_job(shared: Running) -> None:
    shared.extract(NOTES.read_bytes(), password="open sesame")
    ledger = sqlite3.connect(f"file:{shared.settings.state / 'engine.sqlite'}?mode=ro", uri=True)
    requests = [row[0] for row in ledger.execute("SELECT request FROM jobs WHERE finished_at IS NOT NULL")]
    ledger.close()
    assert requests
    assert not any("open sesame" in request for request in requests)


def test_an_engine_that_others_can_reach_wants_keys(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="keys are wanted"):
        settings_from_json({"state": str(tmp_path), "host": "0.0.0.0"})
    settings_from_json({"state": str(tmp_path), "host": "0.0.0.0", "keys": ["k"]})


@contextmanager
def document_server() -> Iterator[str]:
    """Serves ``/notes.txt``, redirects ``/moved``, turns in circles at ``/circle``, answers slowly at ``/slow``."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            moved = {"/moved": "/notes.txt?x=1", "/circle": "/circle", "/away": "file:///etc/passwd"}
            if self.path in moved:
                self.send_response(302)
                self.send_header("Location", moved[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path == "/slow":
                over.wait(30)
            body = NOTES.read_bytes()
            self.send_response(200 if self.path.startswith(("/notes", "/slow")) else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()
        thread.join()


def fetched(running: Running, url: str) -> httpx.Response:
    return running.http.post("/extract", json={"fileUrl": url})


def test_documents_are_fetched_from_urls(tmp_path: Path) -> None:
    with document_server() as base, engine(tmp_path, allow_private_urls=True) as running:
        assert "quay meeting" in fetched(running, f"{base}/notes.txt").json()["markdown"]
        assert "quay meeting" in fetched(running, f"{base}/moved").json()["markdown"]
        form = {"output_format": "markdown", "file_url": f"{base}/notes.txt?signature=hidden"}
        record = running.http.post("/api/v1/extract/sync", files={"a": ""}, data=form).json()
        assert (record["filename"], record["file_size"]) == ("notes.txt", NOTES.stat().st_size)
        for path in ("/missing", "/circle", "/away"):
            answer = fetched(running, base + path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "FILE_005")


def test_downloads_have_limits_of_size_and_time(tmp_path: Path) -> None:
    limits = {"upload_bytes": 100, "fetch_time_s": 0.5}
    with document_server() as base, engine(tmp_path, allow_private_urls=True, limits=limits) as running:
        assert fetched(running, f"{base}/notes.txt").json()["error"]["code"] == "FILE_002"
        assert "longer than" in fetched(running, f"{base}/slow").json()["error"]["message"]


def test_a_waiting_download_can_be_cancelled(tmp_path: Path) -> None:
    with document_server() as base, engine(tmp_path, allow_private_urls=True) as running:
        job_id = running.http.post("/extract", json={"fileUrl": f"{base}/slow", "async": True}).json()["job_id"]
        running.http.delete(f"/job/{job_id}")
        assert running.poll(job_id)["status"] == "canceled"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/latest", "http://0/"]
)
def test_private_addresses_are_not_fetched_from(shared: Running, url: str) -> None:
    answer = fetched(shared, url)
    assert answer.status_code == 400
    assert "private address" in answer.json()["error"]["message"]


@pytest.mark.parametrize("url", ["ftp://x/", "file:///etc/passwd", "nonsense", "http://", "http://[", "http://a b/"])
def test_what_is_no_web_address_is_not_fetched(shared: Running, url: str) -> None:
    assert fetched(shared, url).json()["error"]["code"] == "FILE_005"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.example/a/b%20c.pdf?sig=1#p", "b c.pdf"),
        ("https://x.example/", "document"),
        ("https://x.example", "document"),
        ("https://x.example/a/", "a"),
    ],
)
def test_names_of_urls(url: str, name: str) -> None:
    assert name_of_url(url) == name
