"""The engine as a process: starting, announcing, stopping, outliving nobody, keeping order in its folder."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from docferry.engine.__main__ import main as start
from docferry.engine.app import create_app
from docferry.engine.retention import purge
from docferry.engine.settings import Retention, settings_from_json
from docferry.engine.store import Store
from engine.server.machine import REPORT, SAMPLES, EngineProcess, Running, command_line, engine, wait_for, workers_of

COMMAND = [sys.executable, "-m", "docferry.engine"]


def test_sigterm_stops_cleanly_and_waiting_calls_are_told(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, hold_s=60.0) as server:
        answers: list[Any] = []
        calling = threading.Thread(target=lambda: answers.append(server.running.extract(b"x")))
        calling.start()
        workers = wait_for(lambda: workers_of(server.process.pid))
        wait_for(lambda: list(server.state.glob("jobs/*/*/input-0")))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        calling.join()
    assert (answers[0].status_code, answers[0].json()["error"]["code"]) == (503, "PROC_005")
    assert not any(command_line(pid) for pid in workers)
    assert not server.uds.exists()


def test_the_unix_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as server:
        assert stat.S_IMODE(server.uds.stat().st_mode) == 0o600


def test_settings_stay_out_of_the_process_list(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, keys=["hidden key"]) as server:
        assert "hidden key" not in command_line(server.process.pid)
        assert server.running.extract(b"x").status_code == 401


def test_the_engine_stops_when_its_parent_is_gone(tmp_path: Path) -> None:
    uds = tmp_path / "engine.sock"
    script = (
        "import os, subprocess, sys, time\n"
        "command = [*sys.argv[1:], '--parent-pid', str(os.getpid())]\n"
        "child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)\n"
        "while 'listening on' not in child.stderr.readline(): pass\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [*COMMAND, "--state", str(tmp_path), "--uds", str(uds), "--workers", "1"]
    with subprocess.Popen([sys.executable, "-c", script, *command], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert command_line(pid)
        parent.kill()
        parent.wait()
    wait_for(lambda: not command_line(pid))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What an engine that does not start says: one line, with status 2."""
    assert start(arguments) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    return said


def test_wrong_settings_are_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ("--state", str(tmp_path))
    assert "keys are wanted" in refused(capsys, *state, "--host", "0.0.0.0")
    assert "longer than 107 bytes" in refused(capsys, *state, "--uds", str(tmp_path / ("x" * 120)))
    assert "cannot be used" in refused(capsys, "--state", "/proc/nowhere")
    for given, word in [("{", "--settings-json"), ("[]", "JSON object"), ('{"limit": 1}', "settings.limit: unknown")]:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        assert word in refused(capsys, *state, "--settings-json", "-")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in refused(capsys, *state, "--port", port)


def test_two_engines_cannot_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docferry.engine.serve.LOCK_WAIT_S", 0.1)
    with engine(tmp_path), pytest.raises(Exception, match="another engine"), engine(tmp_path):
        pass


def test_a_socket_left_by_a_killed_engine_is_replaced_but_no_other_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EngineProcess(tmp_path) as first:
        first.kill()
    assert first.uds.exists()
    with EngineProcess(tmp_path) as second:
        assert second.running.extract(b"x").status_code == 200
    first.uds.write_text("precious")
    assert "cannot listen" in refused(capsys, "--state", str(tmp_path / "other"), "--uds", str(first.uds))
    assert first.uds.read_text() == "precious"


def test_no_variable_of_the_environment_switches_telemetry_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    app = create_app(settings_from_json({"state": str(tmp_path)}), lambda error: None)
    found = app._native_telemetry.config
    assert not any(found[name] for name in ("auto_configure", "tracing", "metrics", "logs", "operation_spans"))


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_a_picture_is_read_and_understood_without_a_network(tmp_path: Path) -> None:
    uds = tmp_path / "engine.sock"
    command = ["unshare", "-n", *COMMAND, "--state", str(tmp_path / "state"), "--uds", str(uds), "--workers", "1"]
    server = EngineProcess(tmp_path)
    server.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: uds.exists() or server.process.poll())
        with server.client() as http:
            interfaces = Path(f"/proc/{server.process.pid}/net/dev").read_text().splitlines()[2:]
            assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
            answer = http.post("/extract", files={"file": (SAMPLES / "receipt.png").read_bytes()}, timeout=110)
            topics = {"split_input": [{"name": "Baking"}, {"name": "Law"}]}
            split = http.post(
                "/split", json={"extraction_id": answer.json()["extraction_id"], "split_config": topics}, timeout=110
            )
    finally:
        server.process.terminate()
        assert server.process.wait(30) == 0
    assert answer.status_code == 200
    assert "CORNER BAKERY" in answer.json()["markdown"]
    assert split.json()["split_output"]["splits"] == {"Baking": [1], "Law": []}


def test_results_expire_by_age_and_then_are_forgotten(tmp_path: Path) -> None:
    with engine(tmp_path) as running:
        extraction = running.extract(REPORT.read_bytes()).json()["extraction_id"]
        job_id = running.submit(b"x")
        running.ended(job_id)
        store = Store(tmp_path)
        retention = Retention(age_s=100.0)
        asyncio.run(purge(store, retention, time.time() + 50))
        assert running.poll(job_id)["status"] == "completed"
        asyncio.run(purge(store, retention, time.time() + 150))
        answer = running.poll(job_id)
        assert (answer["status"], "result" in answer) == ("expired", False)
        assert running.http.post("/tables", json={"extraction_id": extraction}).status_code == 404
        assert list((tmp_path / "jobs").glob("*/*")) == []
        asyncio.run(purge(store, retention, time.time() + 500))
        assert running.http.get(f"/job/{job_id}").status_code == 404
        store.close()


def test_results_expire_when_they_are_too_many(tmp_path: Path) -> None:
    with engine(tmp_path) as running:
        jobs = [running.submit(b"x" * 1000) for _ in range(3)]
        for job_id in jobs:
            running.ended(job_id)
        store = Store(tmp_path)
        size = store.kept_bytes()[0][1]
        asyncio.run(purge(store, Retention(total_bytes=2 * size), time.time()))
        assert [running.poll(job_id)["status"] for job_id in jobs] == ["expired", "completed", "completed"]
        store.close()


def test_what_no_job_owns_is_removed_at_the_start(tmp_path: Path) -> None:
    for orphan in ("jobs/aa/aaaa/input-0", "incoming/half"):
        (tmp_path / orphan).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / orphan).write_text("x")
    with engine(tmp_path):
        assert list(tmp_path.glob("jobs/*/*")) == []
        assert list(tmp_path.glob("incoming/*")) == []


def test_inputs_go_when_their_job_has_ended(shared: Running) -> None:
    def left_of(**fields: str) -> list[str]:
        job_id = shared.submit(REPORT.read_bytes(), "report.pdf", **fields)
        shared.ended(job_id)
        folder = shared.settings.state / "jobs" / job_id[:2] / job_id
        return sorted("".join(path.suffixes) for path in folder.iterdir())

    assert left_of() == [".json", ".json", ".source.pdf"]  # a saved extraction keeps the PDF that its words stand in
    assert left_of(storage='{"enabled": false}') == [".json"]


def test_batches_write_where_the_settings_allow_and_nowhere_else(tmp_path: Path) -> None:
    allowed = tmp_path / "out"
    allowed.mkdir()
    with engine(tmp_path / "state", batch_output=str(allowed)) as running:
        files = [{"filename": "a/../b.txt", "content": "eA=="}]
        body: dict[str, Any] = {"input": {"files": files}, "output": {"local_path": "deep/er"}}
        batch = running.http.post("/batch/extract", json=body).json()
        running.ended(batch["batch_job_id"])
        [written] = allowed.rglob("*.json")
        assert written.parent == allowed / "deep" / "er"
        assert json.loads(written.read_text())["markdown"].strip() == "x"
        for outside in ("..", "/etc", "a/../../b"):
            body["output"] = {"local_path": outside}
            assert running.http.post("/batch/extract", json=body).status_code == 403


def test_clients_take_turns(tmp_path: Path) -> None:
    with engine(tmp_path, keys=["many", "one"], hold_s=0.2) as running:
        form: dict[str, Any] = {"files": {"file": b"x"}, "data": {"async": "true"}}
        many = [running.http.post("/extract", headers={"x-api-key": "many"}, **form).json()["job_id"] for _ in range(6)]
        one = running.http.post("/extract", headers={"x-api-key": "one"}, **form).json()["job_id"]
        headers = {"x-api-key": "one"}
        wait_for(lambda: running.http.get(f"/job/{one}", headers=headers).json()["status"] == "completed")
        last = running.http.get(f"/job/{many[-1]}", headers={"x-api-key": "many"}).json()
        assert last["status"] == "pending"
