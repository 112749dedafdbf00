"""kill -9 at any moment: the same jobs are polled again, and every document is delivered once."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

from daemons import SAMPLES, Ferry, StandingEngine, wait_for
from peers.fake_provider import FakeProvider


def test_killed_daemon_goes_on_polling_the_same_jobs(tmp_path: Path) -> None:
    """The engine is a process of its own, so that its jobs survive the daemon."""
    with StandingEngine(tmp_path, hold_s=5.0) as engine:
        config = {"providers": {"local": {"dialect": "pulse", "url": engine.url, "idempotent": True}}}
        with Ferry(tmp_path, config).start() as ferry:
            for number in range(4):
                ferry.drop(f"Letter number {number}".encode(), f"letter-{number}.txt")
            wait_for(lambda: len(ferry.documents("waiting")) == 4, saying=ferry.log_text)
            before = {job["id"] for job in engine.jobs()}
            ferry.kill()
            ferry.start(ready=False)
            documents = ferry.wait_for_ended(4)
            assert {document.state for document in documents} == {"delivered"}
            assert {job["id"] for job in engine.jobs()} == before
            assert ferry.stop() == 0
    receipts = ferry.receipts()
    assert {name for receipt in receipts.values() for name in receipt["job_ids"]} == before
    for number in range(4):
        assert f"Letter number {number}" in (ferry.outbox / f"letter-{number}.txt.md").read_text()
    assert len(list(ferry.outbox.iterdir())) == 4 * 3 + 1  # Markdown, JSON and receipt of each, and our marker


def test_killed_during_synchronous_calls_gets_the_answers_of_the_same_jobs(tmp_path: Path) -> None:
    """mode: auto calls the engine synchronously for letters; their jobs go on in it and are not run again."""
    with StandingEngine(tmp_path, hold_s=5.0) as engine:
        config = {
            "providers": {"local": {"dialect": "pulse", "url": engine.url, "idempotent": True}},
            "rules": [{"name": "all", "provider": "local", "deliver": {"formats": ["markdown"]}}],
        }
        with Ferry(tmp_path, config).start() as ferry:
            for number in range(3):
                ferry.drop(f"Letter number {number}".encode(), f"letter-{number}.txt")
            wait_for(lambda: len(engine.jobs()) == 3, saying=ferry.log_text)
            waits_for = {document.waits_for for document in ferry.documents()}
            ferry.kill()
            assert waits_for == {"the answer of local to a synchronous extract call"}
            assert {document.state for document in ferry.documents()} == {"submitting"}
            ferry.start(ready=False)
            assert {document.state for document in ferry.wait_for_ended(3)} == {"delivered"}
            assert len(engine.jobs()) == 3
    receipts = list(ferry.receipts().values())
    assert {step["mode"] for receipt in receipts for step in receipt["steps"]} == {"sync"}
    for number in range(3):
        assert f"Letter number {number}" in (ferry.outbox / f"letter-{number}.txt.md").read_text()


def test_killed_before_the_answer_is_sent_again_under_the_same_key(tmp_path: Path) -> None:
    """The intent is on disk before the request leaves; an idempotent provider then gives the same job."""
    with FakeProvider("pulse", {"idempotent": True}) as fake:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url, "idempotent": True}}}
        with Ferry(tmp_path, config).start({"DOCFERRY_FAILPOINT": "submit.answered"}) as ferry:
            ferry.drop(SAMPLES / "notes.txt")
            assert ferry.process is not None
            wait_for(lambda: ferry.process is not None and ferry.process.poll() is not None, saying=ferry.log_text)
            ferry.start(ready=False)
            [document] = ferry.wait_for_ended(1)
        submissions = [submission for submission in fake.stats()["submissions"] if submission["accepted"]]
    assert document.state == "delivered"
    assert len({submission["job_id"] for submission in submissions}) == 1


def test_daemon_stops_in_order_at_sigterm(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"job_s": 2}) as fake:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}
        with Ferry(tmp_path, config).start() as ferry:
            ferry.drop(SAMPLES / "notes.txt")
            wait_for(lambda: ferry.documents("waiting"), saying=ferry.log_text)
            assert ferry.stop() == 0
            assert [document.state for document in ferry.documents()] == ["waiting"]
            ferry.start(ready=False)
            assert [document.state for document in ferry.wait_for_ended(1)] == ["delivered"]
        assert len(fake.stats()["submissions"]) == 1


def test_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with Ferry(tmp_path).start() as ferry:
        done = ferry.run_once()
        assert done.returncode != 0
        assert "another docferry" in done.stderr
        assert "Traceback" not in done.stderr


def test_closing_the_terminal_ends_a_daemon_that_was_started_in_it(tmp_path: Path) -> None:
    ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": "http://127.0.0.1:9"}}})
    screen, terminal = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    words = [sys.executable, "-m", "docferry", "run", "-c", str(ferry.config)]
    with ferry, ferry.log.open("wb") as log:
        ferry.process = subprocess.Popen(words, stdin=terminal, stdout=log, stderr=log, preexec_fn=take_terminal)
        os.close(terminal)
        wait_for(ferry.is_ready, saying=ferry.log_text)
        os.close(screen)
        assert ferry.process.wait(timeout=60) == 0, ferry.log_text()
    assert "stopped; 0 documents go on at the next start" in ferry.log_text()
