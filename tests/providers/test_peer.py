"""The peer that other tests rely on: as a process, with a memory that survives its restart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import peers.fake_provider


@contextmanager
def process(state: Path, script: dict[str, object]) -> Iterator[str]:
    command = [sys.executable, peers.fake_provider.__file__, "--dialect", "pulse", "--state", str(state)]
    with subprocess.Popen([*command, "--script", json.dumps(script)], stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdout is not None
        try:
            yield json.loads(peer.stdout.readline())["url"]
        finally:
            peer.terminate()


def test_what_was_accepted_and_which_faults_struck_survive_a_restart(tmp_path: Path) -> None:
    script: dict[str, object] = {"faults": [{"on": "submit", "do": "status", "status": 503}]}
    form = {"file": ("a.pdf", b"document", "application/pdf"), "async": (None, "true")}
    with process(tmp_path / "state", script) as url:
        assert httpx.post(f"{url}/extract", files=form).status_code == 503
    with process(tmp_path / "state", script) as url:
        accepted = httpx.post(f"{url}/extract", files=form, headers={"idempotency-key": "k"})
        assert accepted.status_code == 202
    with process(tmp_path / "state", script) as url:
        job = accepted.json()["job_id"]
        assert httpx.get(f"{url}/job/{job}").json()["status"] == "completed"
        stats = httpx.get(f"{url}/_stats").json()
        assert [seen["accepted"] for seen in stats["submissions"]] == [False, True]
        assert stats["submissions"][1]["idempotency_key"] == "k"
        httpx.post(f"{url}/_script", json={"key": "wanted"})
        assert httpx.get(f"{url}/job/{job}").status_code == 401
