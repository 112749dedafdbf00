"""A job's life over HTTP: accepted durably, run by a worker, polled, cancelled, survived."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from docferry.engine.records import Api, NewJob
from docferry.engine.store import Store
from engine.server.machine import (
    NOTES,
    REPORT,
    EngineProcess,
    Running,
    command_line,
    engine,
    wait_for,
    worker_pids,
    workers_of,
)


def test_a_synchronous_call_answers_with_the_whole_result(shared: Running) -> None:
    answer = shared.extract(NOTES.read_bytes())
    assert answer.status_code == 200
    assert "Notes of the quay meeting" in answer.json()["markdown"]


def test_async_and_sync_answers_of_the_same_call_are_equal(shared: Running) -> None:
    fields = {"extensions": '{"chunking": {"chunkTypes": ["page"]}, "altOutputs": {"wlbb": true, "returnHtml": true}}'}
    sync = shared.extract(REPORT.read_bytes(), "report.pdf", **fields).json()
    polled = shared.ended(shared.submit(REPORT.read_bytes(), "report.pdf", **fields))["result"]
    for answer in (sync, polled):
        del answer["extraction_id"], answer["plan_info"]  # a new extraction, and a running total
    assert sync == polled


def test_a_document_that_cannot_be_read_fails_alone(shared: Running) -> None:
    answer = shared.ended(shared.submit(b"%PDF-1.7 not really", "broken.pdf"))
    assert answer["status"] == "failed"
    assert answer["error_code"] == "FILE_003"
    assert "damaged" in answer["error"]
    assert "result" not in answer


def test_a_synchronous_call_on_a_broken_document_is_a_400(shared: Running) -> None:
    answer = shared.extract(b"%PDF-1.7 not really", "broken.pdf")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "FILE_003"


def test_an_idempotency_key_gives_the_earlier_job_whatever_is_sent(shared: Running) -> None:
    key = {"Idempotency-Key": "one document, one job"}
    first = shared.http.post("/extract", files={"file": b"first"}, data={"async": "true"}, headers=key)
    second = shared.http.post("/extract", files={"file": b"second"}, data={"async": "true"}, headers=key)
    assert first.status_code == second.status_code == 202
    assert first.json()["job_id"] == second.json()["job_id"]
    assert shared.ended(first.json()["job_id"])["result"]["markdown"].strip() == "first"
    third = shared.http.post("/extract", files={"file": b"third"}, headers=key)
    assert third.json()["markdown"].strip() == "first"


def test_an_idempotency_key_of_another_operation_is_another_key(shared: Running) -> None:
    key = {"Idempotency-Key": "shared between operations"}
    extraction = shared.http.post("/extract", files={"file": b"text"}, headers=key).json()["extraction_id"]
    tables = shared.http.post("/tables", json={"extraction_id": extraction}, headers=key)
    assert tables.json()["tables_output"] == {"tables": []}


def test_idempotency_keys_can_be_switched_off(tmp_path: Path) -> None:
    with engine(tmp_path, idempotency=False) as running:
        headers = {"Idempotency-Key": "ignored"}
        answers = [
            running.http.post("/extract", files={"file": b"x"}, data={"async": "true"}, headers=headers).json()
            for _ in range(2)
        ]
        assert answers[0]["job_id"] != answers[1]["job_id"]


def test_jobs_and_results_survive_kill_9(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as first:
        done = first.running.submit(b"done before")
        first.running.ended(done)
        first.kill()
    with EngineProcess(tmp_path, hold_s=60.0) as second:
        assert second.running.poll(done)["result"]["markdown"].strip() == "done before"
        running = second.running.submit(b"in a worker's hands")
        waiting = second.running.submit(b"in the queue")
        wait_for(lambda: second.running.has_status(running, "processing"))
        assert second.running.poll(waiting)["status"] == "pending"
        workers = workers_of(second.process.pid)
        second.kill()
    wait_for(lambda: not any(command_line(pid) for pid in workers))
    with EngineProcess(tmp_path) as third:
        assert third.running.ended(running)["result"]["markdown"].strip() == "in a worker's hands"
        assert third.running.ended(waiting)["result"]["markdown"].strip() == "in the queue"


def test_an_idempotency_key_survives_kill_9(tmp_path: Path) -> None:
    key = {"Idempotency-Key": "kept"}
    with EngineProcess(tmp_path) as first:
        job_id = first.running.http.post("/extract", files={"file": b"x"}, data={"async": "true"}, headers=key).json()
        first.kill()
    with EngineProcess(tmp_path) as second:
        again = second.running.http.post("/extract", files={"file": b"y"}, data={"async": "true"}, headers=key).json()
        assert again["job_id"] == job_id["job_id"]


def test_a_job_that_outlives_several_servers_is_blamed_for_it(tmp_path: Path) -> None:
    job_id = asyncio.run(started_three_times(Store(tmp_path)))
    with engine(tmp_path) as running:
        answer = running.poll(job_id)
    assert answer["status"] == "failed"
    assert "died 3 times" in answer["error"]


async def started_three_times(store: Store) -> str:
    new = NewJob(Api.PULSE, "pulse.extract", owner="", client="", request={})
    job_id = await store.add("deadly", new, now=0.0)
    for _ in range(3):
        await store.requeue_started(now=0.0)
        assert await store.start(job_id, now=0.0)
    store.close()
    return job_id


def test_cancel_stops_the_worker_of_a_running_job(tmp_path: Path) -> None:
    with engine(tmp_path, hold_s=60.0) as running:
        job_id = running.submit(b"x")
        wait_for(lambda: running.has_status(job_id, "processing"))
        [worker] = worker_pids_of(running)
        answer = running.http.delete(f"/job/{job_id}")
        assert answer.status_code == 200
        assert answer.json() == {"job_id": job_id, "message": "Job cancelled successfully"}
        assert command_line(worker) == ""
        assert running.poll(job_id)["status"] == "canceled"


def worker_pids_of(running: Running) -> list[int]:
    """The workers of this engine: their scratch folder lies in its state folder."""
    marker = str(running.settings.state).encode()
    return [pid for pid in worker_pids() if marker in Path(f"/proc/{pid}/environ").read_bytes()]


def test_cancel_takes_a_waiting_job_out_of_the_queue(tmp_path: Path) -> None:
    with engine(tmp_path, hold_s=60.0) as running:
        busy, waiting = running.submit(b"x"), running.submit(b"y")
        running.http.delete(f"/job/{waiting}")
        assert running.poll(waiting)["status"] == "canceled"
        assert running.poll(busy)["status"] in {"pending", "processing"}
        running.http.delete(f"/job/{busy}")


def test_cancelling_an_ended_job_changes_nothing(shared: Running) -> None:
    job_id = shared.submit(b"quick")
    before = shared.ended(job_id)
    answer = shared.http.delete(f"/job/{job_id}")
    assert answer.status_code == 200
    assert "already ended" in answer.json()["message"]
    assert shared.poll(job_id) == before


def test_a_job_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    with engine(tmp_path, hold_s=60.0, limits={"job_time_s": 0.5}) as running:
        answer = running.ended(running.submit(b"x"))
        assert (answer["status"], answer["error_code"]) == ("failed", "PROC_001")
        assert running.ended(running.submit(b"y"))["error_code"] == "PROC_001"


def test_a_job_that_needs_too_much_memory_fails_alone(tmp_path: Path) -> None:
    large = b"".join(b"line %d of a long text\n\n" % number for number in range(2_000_000))
    with engine(tmp_path, limits={"memory_bytes": 128 * 1024 * 1024}) as running:
        assert running.ended(running.submit(large))["error_code"] == "PROC_002"
        assert running.ended(running.submit(b"small"))["status"] == "completed"


def test_a_worker_that_dies_fails_its_job_and_is_replaced(tmp_path: Path) -> None:
    with engine(tmp_path, hold_s=1.0) as running:
        job_id = running.submit(b"x")
        wait_for(lambda: running.has_status(job_id, "processing"))
        for worker in worker_pids_of(running):
            os.kill(worker, signal.SIGKILL)
        assert running.ended(job_id)["error_code"] == "PROC_003"
        assert running.ended(running.submit(b"next"))["result"]["markdown"].strip() == "next"


def test_too_many_waiting_jobs_are_refused_with_a_time_to_come_again(tmp_path: Path) -> None:
    with engine(tmp_path, hold_s=60.0, limits={"queued_jobs": 1}) as running:
        busy = running.submit(b"busy")
        wait_for(lambda: running.has_status(busy, "processing"))
        running.submit(b"waiting")
        answer = running.extract(b"one too many", **{"async": "true"})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0


def test_unknown_jobs_are_404_and_errors_have_the_documented_shape(shared: Running) -> None:
    for answer in (shared.http.get("/job/none"), shared.http.delete("/job/none")):
        assert answer.status_code == 404
        assert set(answer.json()["error"]) == {"code", "message"}


def test_extract_async_works_and_says_that_it_is_deprecated(shared: Running) -> None:
    answer = shared.http.post("/extract_async", files={"file": b"old way"})
    assert answer.status_code == 202
    assert answer.headers["Deprecation"].startswith("@")
    assert "deprecated" in answer.headers["Warning"]
    assert shared.ended(answer.json()["job_id"])["status"] == "completed"


def test_an_idle_worker_gives_its_memory_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docferry.engine.pool.IDLE_S", 0.2)
    monkeypatch.setattr("docferry.engine.pool.IDLE_BYTES", 1)
    with engine(tmp_path) as running:
        first = wait_for(lambda: worker_pids_of(running))
        wait_for(lambda: set(worker_pids_of(running)) - set(first))
        assert running.ended(running.submit(b"x"))["status"] == "completed"
