"""The commands say the same with and without a daemon, and retry and cancel work in every state."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from commands import docferry
from daemons import SAMPLES, Ferry, wait_for
from docferry.ledger import Event, Ledger
from ledger.documents import make_document
from peers.fake_provider import FakeProvider


def fake_config(fake: FakeProvider) -> dict[str, object]:
    return {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}


def test_status_jobs_and_why_of_a_running_and_a_stopped_daemon(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, fake_config(fake)).start() as ferry:
        ferry.drop(SAMPLES / "notes.txt", "acme/notes.txt")
        [document] = ferry.wait_for_ended(1)
        running = [ferry.ask("status"), ferry.ask("jobs"), ferry.ask("why", document.id)]
        assert ferry.stop() == 0
        stopped = [ferry.ask("status"), ferry.ask("jobs"), ferry.ask("why", document.id)]
    assert running[0]["running"]
    assert not stopped[0]["running"]
    assert running[0]["inboxes"][0]["documents"] == stopped[0]["inboxes"][0]["documents"] == {"delivered": 1}
    assert running[1:] == stopped[1:]
    [why] = running[2]
    assert [event["kind"] for event in why["events"]] == [
        "claimed",
        "routed",
        "submitting",
        "accepted",
        "completed",
        "delivering",
        "delivered",
    ]
    assert why["steps"][0]["job_id"] in (ferry.outbox / "acme/notes.txt.receipt.json").read_text()


def test_why_finds_a_document_by_every_name_it_has(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, fake_config(fake)).start() as ferry:
        dropped = ferry.drop(SAMPLES / "notes.txt", "acme/notes.txt")
        [document] = ferry.wait_for_ended(1)
        job = ferry.ask("why", document.id)[0]["steps"][0]["job_id"]
        names = [
            document.id,
            document.id[:12],
            job,
            "acme/notes.txt",
            str(dropped),
            str(ferry.archive / "acme/notes.txt"),
            str(ferry.outbox / "acme/notes.txt.md"),
            document.sha256,
        ]
        for name in names:
            assert [entry["id"] for entry in ferry.ask("why", str(name))] == [document.id], name


def test_why_says_what_is_not_known_and_what_only_lies_there(tmp_path: Path) -> None:
    ferry = Ferry(tmp_path)
    ferry.drop(SAMPLES / "notes.txt", "acme/notes.txt")

    unknown = docferry("why", "-c", ferry.config, "never-seen.pdf")
    assert unknown.returncode == 1
    assert "no document, job or file is known" in unknown.stdout
    waiting = docferry("why", "-c", ferry.config, "acme/notes.txt")  # as `status` shows it, from wherever one asks
    assert waiting.returncode == 0
    assert "no daemon runs that would take it" in waiting.stdout


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Ferry:
    """A ledger with five documents, and no daemon."""
    ferry = Ferry(tmp_path_factory.mktemp("idle"))
    ledger = Ledger(ferry.state).open()
    ledger.add_documents_sync([make_document(number) for number in range(5)], Event("claimed"))
    ledger.close()
    return ferry


@pytest.mark.parametrize(
    ("arguments", "words", "remedy"),
    [
        (["rnu"], "no such command 'rnu'. Did you mean run?", "docferry --help"),
        (["-c", "x.yaml", "status"], "no option -c before a command", "after the command"),
        (["status", "--jsn"], "no such option '--jsn'", "docferry status --help"),
        (["backup"], "missing argument 'FILE'", "docferry backup --help"),
        (["jobs", "-n", "-3"], "-3 is not in the range", "docferry jobs --help"),
        (["audit", "--days", "-1"], "-1.0 is not in the range", "docferry audit --help"),
        (["jobs", "--inbox", "nix"], "there is no inbox nix", "known are scans"),
        (["backup", "nowhere/copy"], "there is no folder nowhere", "mkdir -p nowhere"),
        (["why", " "], "which document?", "docferry jobs"),
        (["retry"], "retry: which documents?", "docferry jobs"),
        (["retry", "nix"], "no document is known as 'nix'", "docferry jobs"),
        (["explain"], "nothing to explain", "name a FILE"),
    ],
)
def test_wrong_usage_is_one_line_with_a_remedy(idle: Ferry, arguments: list[str], words: str, remedy: str) -> None:
    configured = arguments[0] not in ("-c", "rnu")
    done = docferry(*arguments, *(["-c", idle.config] if configured else []))

    assert (done.returncode, done.stdout) == (2, "")
    line, hint = done.stderr.splitlines()
    assert line.startswith("docferry: ")
    assert words in line
    assert hint.startswith("  ")
    assert remedy in hint


def test_why_lists_documents_when_a_name_may_mean_many(idle: Ferry) -> None:
    done = docferry("why", "-c", idle.config, "00000")

    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1 + 5
    assert "00000 may mean any of these 5 documents: name one by its id" in done.stderr


def test_failed_document_is_retried_while_the_daemon_runs_and_while_it_does_not(tmp_path: Path) -> None:
    failing = {"on": "any", "do": "job", "status": "failed", "message": "unsupported document", "times": 2}
    with FakeProvider("pulse", {"faults": [failing]}) as fake, Ferry(tmp_path, fake_config(fake)).start() as ferry:
        ferry.drop(SAMPLES / "notes.txt")
        [document] = ferry.wait_for_ended(1)
        assert document.state == "failed"
        assert (ferry.failed / "notes.txt.error.json").exists()
        fake.script["faults"] = []
        assert ferry.command("retry", document.id).returncode == 0
        wait_for(lambda: ferry.documents("delivered"), saying=ferry.log_text)
        assert not (ferry.failed / "notes.txt").exists()
        assert not (ferry.failed / "notes.txt.error.json").exists()
        assert ferry.stop() == 0
        assert ferry.command("retry", document.id).returncode == 0  # delivered: done anew from the start
        assert [document.state for document in ferry.documents()] == ["queued"]
        assert ferry.run_once().returncode == 0
    assert sorted(path.name for path in ferry.archive.iterdir() if path.suffix == ".txt") == ["notes.txt"]
    assert len(list(ferry.outbox.glob("notes.txt*"))) == 3  # the same names, replaced


def test_cancel_tells_the_provider_and_puts_the_original_away(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"job_s": 600}) as fake, Ferry(tmp_path, fake_config(fake)).start() as ferry:
        ferry.drop(SAMPLES / "notes.txt")
        [document] = wait_for(lambda: ferry.documents("waiting"), saying=ferry.log_text)
        assert ferry.command("cancel", document.id).returncode == 0
        [ended] = ferry.wait_for_ended(1)
        assert ended.state == "canceled"
        assert len(fake.stats()["cancels"]) == 1
        assert (ferry.failed / "notes.txt").exists()
        again = docferry("cancel", "-c", ferry.config, document.id)
        assert again.returncode == 1
        assert "has ended already" in again.stderr


def test_file_moved_from_failed_back_into_the_inbox_is_a_new_document(tmp_path: Path) -> None:
    failing = {"on": "any", "do": "job", "status": "failed", "message": "unsupported document", "times": 1}
    with FakeProvider("pulse", {"faults": [failing]}) as fake, Ferry(tmp_path, fake_config(fake)).start() as ferry:
        ferry.drop(SAMPLES / "notes.txt")
        ferry.wait_for_ended(1)
        (ferry.failed / "notes.txt").rename(ferry.inbox / "notes.txt")
        states = {document.state.value for document in ferry.wait_for_ended(2)}
    assert states == {"failed", "delivered"}


def test_pause_and_resume_an_inbox(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, fake_config(fake)).start() as ferry:
        assert "paused" in docferry("pause", "-c", ferry.config, "scans").stdout
        ferry.drop(SAMPLES / "notes.txt")
        wait_for(lambda: ferry.ask("status")["inboxes"][0]["waiting_files"], saying=ferry.log_text)
        assert ferry.ask("status")["inboxes"][0]["state"] == "paused"
        assert ferry.documents() == []
        assert ferry.stop() == 0
        # Without a daemon the ledger is told, and the next one goes by it.
        assert ferry.command("pause", "nobody").returncode == 2
        assert "from the next start on" in ferry.command("resume", "scans").stdout
        ferry.start()
        assert [document.state for document in ferry.wait_for_ended(1)] == ["delivered"]


def test_backup_is_a_whole_ledger_and_never_overwrites(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, fake_config(fake)).start() as ferry:
        ferry.drop(SAMPLES / "notes.txt")
        ferry.wait_for_ended(1)
        copy = tmp_path / "copy" / "ledger.sqlite"
        copy.parent.mkdir()
        assert docferry("backup", "-c", ferry.config, copy).returncode == 0
        assert docferry("backup", "-c", ferry.config, copy).returncode == 2
        assert ferry.stop() == 0
    ferry.state.joinpath("ledger.sqlite").unlink()
    copy.rename(ferry.state / "ledger.sqlite")
    assert [entry["state"] for entry in ferry.ask("jobs")] == ["delivered"]
    assert ferry.ask("audit")["ok"]


@pytest.mark.parametrize("dialect", ["pulse", "nanonets"])
def test_explain_shows_the_very_requests_that_are_sent(tmp_path: Path, dialect: str) -> None:
    steps: dict[str, list[Any]] = {
        "pulse": [
            {
                "extract": {
                    "pages": "1",
                    "customPrompt": "for {customer}",
                    "extensions": {"chunking": {"chunkTypes": ["page"], "chunkSize": 900}},
                }
            },
            {"schema": {"schema_config": {"input_schema": {"type": "object", "properties": {"name": {}}}}}},
        ],
        "nanonets": [{"extract": {"output_format": ["markdown", "json"], "json_options": ["total", "{customer}"]}}],
    }
    when = {"type": "text/plain", "regex": "^(?P<customer>[^/]+)/"}
    with FakeProvider(dialect, {"key": "k-1"}) as fake:
        provider = {"dialect": dialect, "url": fake.url, "key": {"env": "A_KEY"}}
        rules = [{"name": "all", "when": when, "provider": "peer", "mode": "async", "steps": steps[dialect]}]
        ferry = Ferry(tmp_path, {"providers": {"peer": provider}, "rules": rules})
        dropped = ferry.drop(SAMPLES / "notes.txt", "acme/notes.txt")
        done = docferry("explain", "-c", ferry.config, "--json", dropped)
        assert done.returncode == 0, done.stderr
        os.environ["A_KEY"] = "k-1"
        try:
            assert ferry.run_once().returncode == 0, ferry.log_text()
        finally:
            del os.environ["A_KEY"]
        sent = fake.stats()["submissions"]
        [document] = ferry.documents()

    requests = json.loads(done.stdout)[0]["requests"]
    assert len(requests) == len(sent) == len(steps[dialect])
    for index, (told, made) in enumerate(zip(requests, sent, strict=True)):
        assert told["mode"] == made["mode"]
        key = dict(told["headers"]).get("idempotency-key", "").replace("0" * 16, document.id)
        assert key in ("", made["idempotency_key"])
        fields = {name: value for name, value in told["fields"] if name not in ("file", "extraction_id")}
        got = {name: value for name, value in made["fields"].items() if name not in ("file", "extraction_id")}
        assert {name: _plain(value) for name, value in fields.items()} == {
            name: _plain(value) for name, value in got.items()
        }, index


def _plain(value: object) -> object:
    """A field's value whichever way it travelled: as JSON inside a form, or in a body that is JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
