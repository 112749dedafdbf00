"""``engine.s3`` of the YAML, through a real daemon to its engine and on to S3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from daemons import Ferry, wait_for
from docferry.daemon.sockets import ENGINE, socket_path
from peers.s3_server import s3_server


def test_the_daemons_engine_reads_and_writes_s3_with_the_key_from_its_environment(tmp_path: Path) -> None:
    with s3_server("reader", "not told to anyone") as s3:
        s3.region = "eu-central-1"
        s3.buckets["papers"] = {"in/a.txt": b"Dear Sir"}
        settings = {
            "endpoint": s3.endpoint,
            "region": "eu-central-1",
            "access_key_id": "reader",
            "secret_access_key": {"env": "S3_SECRET"},
        }
        with Ferry(tmp_path, {"engine": {"workers": 1, "s3": settings}}) as ferry:
            ferry.start({"S3_SECRET": "not told to anyone"})
            through = httpx.HTTPTransport(uds=str(socket_path(ferry.state, ENGINE)))
            with httpx.Client(transport=through, base_url="http://engine", timeout=60) as http:
                place = {"input": {"s3_prefix": "s3://papers/in"}, "output": {"s3_prefix": "s3://papers/out"}}
                answer = http.post("/batch/extract", json=place)
                assert answer.status_code == 202, answer.text
                ended = wait_for(lambda: unless_under_way(http, answer.json()["batch_job_id"]))
            assert ended["status"] == "completed", ended
            assert json.loads(s3.buckets["papers"]["out/0001-a.txt.json"])["markdown"].strip() == "Dear Sir"
            assert "not told" not in ferry.log_text()


def unless_under_way(http: httpx.Client, job_id: str) -> dict[str, Any] | None:
    job: dict[str, Any] = http.get(f"/job/{job_id}").json()
    return None if job["status"] in ("pending", "processing") else job
