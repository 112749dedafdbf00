"""Batches from S3 and to S3, against a server that speaks its protocol and checks signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from docferry.engine.s3 import S3
from docferry.engine.settings import S3Settings, SettingsError, settings_from_json
from engine.server.machine import REPORT, Running, engine
from peers.s3_server import S3Server, s3_server

KEYS = {"access_key_id": "reader", "secret_access_key": "not told to anyone"}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server(**KEYS) as server:
        server.buckets["papers"] = {}
        yield server


def papers(s3: S3Server) -> dict[str, bytes]:
    return s3.buckets["papers"]


@pytest.fixture(scope="module")
def served(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "out").mkdir()
    limits = {"batch_files": 3, "upload_bytes": 100_000}
    settings = {"endpoint": s3.endpoint, **KEYS}
    with engine(folder / "state", s3=settings, limits=limits, batch_output=str(folder / "out")) as running:
        yield running


def batch(running: Running, given: dict[str, Any], output: dict[str, Any] | None = None) -> httpx.Response:
    body = {"input": given, "output": output or {"s3_prefix": "s3://papers/out"}}
    return running.http.post("/batch/extract", json=body)


def test_what_lies_below_a_prefix_is_extracted_and_results_go_where_they_are_wanted(
    s3: S3Server, served: Running
) -> None:
    papers(s3)["in/2026/report.pdf"] = REPORT.read_bytes()
    papers(s3)["in/a note é%.txt"] = b"Dear Sir"
    papers(s3)["in/too-large.txt"] = b"x" * 100_001
    papers(s3)["in/folder/"] = b""
    papers(s3)["input.txt"] = b"beside the folder"
    answer = batch(served, {"s3_prefix": "s3://papers/in"}, {"s3_prefix": "s3://papers/out/", "local_path": "here"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["total_files"] == 3
    result = served.ended(answer.json()["batch_job_id"])["result"]
    assert [(item["filename"], item["status"]) for item in result["items"]] == [
        ("report.pdf", "completed"),
        ("a note é%.txt", "completed"),
        ("too-large.txt", "failed"),
    ]
    assert "100000 bytes" in result["items"][2]["error"]
    polled = served.poll(result["items"][1]["job_id"])["result"]
    assert polled["markdown"].strip() == "Dear Sir"
    assert json.loads(papers(s3)["out/0002-a_note_é_.txt.json"]) == polled
    assert "Annual Report" in json.loads(papers(s3)["out/0001-report.pdf.json"])["markdown"]
    assert served.settings.batch_output is not None
    local = served.settings.batch_output / "here" / "0002-a_note_é_.txt.json"
    assert json.loads(local.read_text()) == polled


def test_later_batches_write_to_s3_too(s3: S3Server, served: Running) -> None:
    extraction_id = served.extract(REPORT.read_bytes(), "report.pdf").json()["extraction_id"]
    body = {"extraction_ids": [extraction_id], "output": {"s3_prefix": "s3://papers"}}
    served.ended(served.http.post("/batch/tables", json=body).json()["batch_job_id"])
    assert len(json.loads(papers(s3)["0001-tables.json"])["tables_output"]["tables"]) == 2


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("s3://papers/nothing/", "0 documents"),
        ("s3://papers/many/", "more than 3"),
        ("s3://missing/in", "NoSuchBucket"),
        ("https://papers/in", "no S3 location"),
        ("s3://127.0.0.1:80/x", "no S3 location"),
    ],
)
def test_a_prefix_that_gives_no_batch_says_why(s3: S3Server, served: Running, prefix: str, message: str) -> None:
    for number in range(4):
        papers(s3)[f"many/{number}.txt"] = b"x"
    answer = batch(served, {"s3_prefix": prefix})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "REQ_003"
    assert message in answer.json()["error"]["message"]


def test_a_result_that_s3_does_not_take_fails_its_job_and_says_so(served: Running) -> None:
    files = {"files": [{"filename": "a.txt", "content": "eA=="}]}
    answer = batch(served, files, {"s3_prefix": "s3://missing/out"})
    [item] = served.ended(answer.json()["batch_job_id"])["result"]["items"]
    assert item["status"] == "failed"
    assert "not delivered" in item["error"]
    assert "NoSuchBucket" in item["error"]


def test_keys_of_s3_are_in_no_answer_and_no_file(s3: S3Server, served: Running) -> None:
    papers(s3)["secret/a.txt"] = b"x"
    job_id = batch(served, {"s3_prefix": "s3://papers/secret/"}).json()["batch_job_id"]
    assert KEYS["secret_access_key"] not in json.dumps(served.ended(job_id))
    kept = [path for path in served.settings.state.rglob("*") if path.is_file()]
    assert kept
    assert all(KEYS["secret_access_key"].encode() not in path.read_bytes() for path in kept)
    assert KEYS["secret_access_key"] not in repr(served.settings)


def test_without_access_to_s3_the_answer_says_which_setting_is_missing(shared: Running) -> None:
    for answer in (
        batch(shared, {"s3_prefix": "s3://papers/in"}, {"local_path": "x"}),
        batch(shared, {"files": [{"filename": "a.txt", "content": "eA=="}]}),
    ):
        assert answer.status_code == 403
        assert "settings.s3" in answer.json()["error"]["message"]
    url = shared.http.post("/extract", json={"fileUrl": "s3://papers/a.txt"})
    assert url.json()["error"]["code"] == "FILE_005"


def test_a_large_result_is_one_request(s3: S3Server) -> None:
    data = b"x" * (6 << 20)
    S3(S3Settings(endpoint=s3.endpoint, **KEYS)).write("s3://papers/large.json", data)
    assert papers(s3)["large.json"] == data
    assert [one for one in s3.requests if "/large" in one] == ["PUT /papers/large.json"]


def test_a_wrong_key_is_said_to_be_one(s3: S3Server, tmp_path: Path) -> None:
    settings = {"endpoint": s3.endpoint, **KEYS, "secret_access_key": "another"}
    with engine(tmp_path / "state", s3=settings) as running:
        answer = batch(running, {"s3_prefix": "s3://papers/in"})
    assert answer.status_code == 400
    assert "SignatureDoesNotMatch" in answer.json()["error"]["message"]


def test_half_of_a_key_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="go together"):
        settings_from_json({"state": str(tmp_path), "s3": {"access_key_id": "reader"}})
