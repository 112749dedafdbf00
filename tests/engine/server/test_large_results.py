"""Large results are handed out once, and not lost to a download that was cut."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from engine.server.machine import Running, engine, wait_for

LONG = 20_000  # paragraphs: more than the buffers of a connection hold


@contextmanager
def large_result(folder: Path, paragraphs: int = 100, **settings: Any) -> Iterator[tuple[Running, str]]:
    """An engine with one completed large result, and the path of its link."""
    text = b"".join(b"paragraph %d of a long text\n\n" % number for number in range(paragraphs))
    with engine(folder, large_results={"bytes": 1000, **settings}) as running:
        result = running.ended(running.submit(text))["result"]
        assert set(result) == {"is_url", "url", "extraction_id", "page_count", "plan_info"}
        yield running, result["url"].removeprefix(running.url)


def cut_download(running: Running, path: str) -> None:
    """Read the first bytes of a large result, then break the connection."""
    host, port = running.url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that most of it stays with the server
        connection.connect((host, int(port)))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_download_that_was_cut_can_be_repeated(tmp_path: Path) -> None:
    with large_result(tmp_path, LONG) as (running, path):
        cut_download(running, path)
        answer = wait_for(lambda: successful(running.http.get(path)))  # once the server has noticed the cut
        assert answer.json()["markdown"].count("paragraph") == LONG
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert running.http.get(path).status_code == 410


def successful(answer: httpx.Response) -> httpx.Response | None:
    return answer if answer.status_code == 200 else None


def test_a_strict_link_is_used_up_by_a_download_that_was_cut(tmp_path: Path) -> None:
    with large_result(tmp_path, LONG, strict=True) as (running, path):
        cut_download(running, path)
        wait_for(lambda: running.http.get(path).status_code == 410)


def test_of_two_downloads_at_once_one_gets_it(tmp_path: Path) -> None:
    with large_result(tmp_path, LONG) as (running, path), running.http.stream("GET", path) as first:
        assert first.status_code == 200
        with httpx.Client(base_url=running.url) as other:
            assert other.get(path).status_code == 410
        assert json.loads(first.read())["page_count"] == 1


def test_a_link_dies_after_its_time(tmp_path: Path) -> None:
    with large_result(tmp_path, link_s=0.0) as (running, path):
        answer = running.http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "STORAGE_410")


def test_a_link_needs_no_key_but_polling_does(tmp_path: Path) -> None:
    with engine(tmp_path, large_results={"bytes": 1}, keys=["k"]) as running:
        answer = running.http.post("/extract", files={"file": b"x"}, headers={"x-api-key": "k"}).json()
        assert running.http.get(answer["url"]).status_code == 200


def test_the_pointer_survives_its_download(tmp_path: Path) -> None:
    with large_result(tmp_path) as (running, path):
        job_id = path.rsplit("/", 1)[1]
        before = running.poll(job_id)
        assert running.http.get(path).status_code == 200
        assert running.poll(job_id) == before


def test_credits_are_reported_by_the_price_list_where_wanted(tmp_path: Path) -> None:
    with engine(tmp_path, credit_billing=True) as running:
        first = running.extract(b"x").json()
        second = running.extract(b"x", model="pulse-ultra-2").json()
        assert (first["credits_used"], second["credits_used"]) == (1.0, 10.0)
        assert second["plan_info"]["total_credits_used"] == 11.0
        topics = {"split_input": [{"name": "a"}]}
        split = {"extraction_id": first["extraction_id"], "split_config": topics}
        assert running.http.post("/split", json=split).json()["credits_used"] == 2.0
