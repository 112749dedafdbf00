"""The ledger in trouble: damaged, newer, read-only, on a full disk, gone, or grown old."""

from __future__ import annotations

import asyncio
import os
import sqlite3 as plain_sqlite
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from checker import check_all_ended
from daemons import Ferry, StandingEngine, wait_for
from docferry.errors import LedgerError
from docferry.ledger import Change, Event, Ledger, LedgerReader
from docferry.ledger.integrity import IntegrityCheck
from docferry.ledger.schema import NAMES
from docferry.ledger.upkeep import START, find_old, forget, forget_events
from docferry.models import DocumentState
from ledger.documents import PLAN, make_document, make_step
from peers.fake_provider import FakeProvider

DATA = Path(__file__).parent / "data"
CLAIMED = Event("claimed")


def filled(state: Path, count: int = 2000) -> Path:
    """A ledger of some hundred pages, closed; its path."""
    ledger = Ledger(state).open()
    ledger.add_documents_sync([make_document(number, plan=PLAN) for number in range(count)], CLAIMED)
    ledger.close()
    return ledger.path


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


@pytest.mark.parametrize("damage", [b"not a database at all, but a letter" * 100, b"\0" * 5000])
def test_damaged_file_is_one_line_that_says_what_to_do(tmp_path: Path, damage: bytes) -> None:
    overwrite(filled(tmp_path / "state"), 0, damage)
    with pytest.raises(LedgerError) as caught:
        Ledger(tmp_path / "state").open()
    assert "damaged" in str(caught.value)
    assert "restore a backup" in str(caught.value)
    ferry = Ferry(tmp_path)
    for command in (("run", "--once"), ("jobs",), ("audit",)):
        said = ferry.command(*command).stderr
        assert "damaged" in said
        assert "Traceback" not in said


def test_file_that_was_cut_or_overwritten_inside_is_found_by_the_check(tmp_path: Path) -> None:
    path = filled(tmp_path)
    assert IntegrityCheck(path).run()
    overwrite(path, path.stat().st_size // 2 // 4096 * 4096, b"\xff" * 12288)
    with pytest.raises(LedgerError, match="damaged"):
        IntegrityCheck(path).run()


def test_check_that_was_stopped_says_nothing(tmp_path: Path) -> None:
    check = IntegrityCheck(filled(tmp_path, 10))
    check.stop()
    assert not check.run()


def test_daemon_looks_through_a_ledger_that_was_left_open_and_tells(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}
        with Ferry(tmp_path, config).start() as ferry:
            ferry.kill()
            ferry.start()
            wait_for(lambda: "is sound" in ferry.log_text(), saying=ferry.log_text)
            assert ferry.stop() == 0
        path = filled(ferry.state)
        with plain_sqlite.connect(path) as connection:
            connection.execute("UPDATE memory SET value = 'true' WHERE key = 'unchecked'")
            connection.execute("UPDATE documents SET filed = 1, state = 'skipped'")
            [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events_document'")
        connection.close()
        overwrite(path, (page - 1) * 4096, b"\xff" * 4096)
        with ferry.start():
            wait_for(lambda: any("damaged" in line for line in ferry.ask("status")["trouble"]), saying=ferry.log_text)


def test_ledger_of_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = filled(tmp_path / "state", 1)
    with plain_sqlite.connect(path) as connection:
        table = "_sqlite_migrations"
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = {"migration_set": "docferry", "name": "0099_tomorrow", "applied_at": "2030"}
        chosen = [name for name in columns if name in values]
        connection.execute(
            f"INSERT INTO {table} ({', '.join(chosen)}) VALUES ({', '.join('?' * len(chosen))})",
            [values[name] for name in chosen],
        )
    connection.close()
    done = Ferry(tmp_path).command("run", "--once")
    assert done.returncode == 1
    assert "written by a newer docferry (it has 0099_tomorrow)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_ledgers_of_every_released_schema_open_and_migrate(tmp_path: Path, name: str) -> None:
    """``data/<migration>.sql`` is a dump of a small ledger as that version wrote it. Never edit one; add one."""
    dump = (DATA / f"{name}.sql").read_text()
    (tmp_path / "state").mkdir()
    connection = plain_sqlite.connect(tmp_path / "state" / "ledger.sqlite")
    connection.executescript(dump)
    connection.close()
    ledger = Ledger(tmp_path / "state").open()
    try:
        [document] = asyncio.run(_documents(ledger))
        assert document.plan == PLAN
        assert os.fsencode(document.path) == b"caf\xe9.pdf"
        found = asyncio.run(ledger.document_and_steps(document.id))
        assert found is not None
        assert found[1] == [make_step(document)]
        asyncio.run(ledger.apply(Change(document, replace(document, state=DocumentState.CANCELED), Event("moved"))))
        assert asyncio.run(ledger.recall("paused")) == {"inboxes": ["scans"], "providers": []}
    finally:
        ledger.close()
    with LedgerReader(tmp_path / "state") as reader:
        assert reader.counts() == {"scans": {"canceled": 1}}


async def _documents(ledger: Ledger) -> list[Any]:
    rows = await ledger.open_documents()
    return [await ledger.document(row[0]) for row in rows]


def test_full_disk_changes_nothing_and_writing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """The process may write files of one more megabyte only, until the limit is lifted."""
    script = """
import resource, sys
from pathlib import Path
from docferry.errors import LedgerError
from docferry.ledger import Event, Ledger
from ledger.documents import make_document
ledger = Ledger(Path(sys.argv[1])).open()
ledger.add_documents_sync([make_document(0)], Event("claimed"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
told, number = [make_document(0).id], 1
try:
    while True:
        ledger.add_documents_sync([make_document(number, error="x" * 20000)], Event("claimed"))
        told.append(make_document(number).id)
        number += 1
except LedgerError as error:
    assert ledger.path.name in str(error)
for _ in range(3):
    try:
        ledger.add_documents_sync([make_document(number, error="x" * 200000)], Event("claimed"))
        raise SystemExit("there was room")
    except LedgerError:
        pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.add_documents_sync([make_document(number)], Event("claimed"))
told.append(make_document(number).id)
ledger.close()
print("\\n".join(told))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with LedgerReader(tmp_path) as reader:
        assert sorted(document.id for document in reader.documents(limit=None)) == sorted(done.stdout.split())
    assert IntegrityCheck(tmp_path / "ledger.sqlite").run()


def test_ledger_that_is_gone_is_made_anew_from_the_work_folders(tmp_path: Path) -> None:
    """An engine that honours idempotency keys gives the very same jobs again: nothing is paid for twice."""
    contents = [f"Letter number {number}".encode() for number in range(3)]
    with StandingEngine(tmp_path, hold_s=2.0) as engine:
        config = {"providers": {"local": {"dialect": "pulse", "url": engine.url, "idempotent": True}}}
        with Ferry(tmp_path, config).start() as ferry:
            for number, content in enumerate(contents):
                ferry.drop(content, f"letters/caf\udce9-{number}.txt")
            wait_for(lambda: len(ferry.documents("waiting")) == 3, saying=ferry.log_text)
            ids = {document.id for document in ferry.documents()}
            jobs = {job["id"] for job in engine.jobs()}
            ferry.kill()
            for file in ferry.state.glob("ledger.sqlite*"):
                file.unlink()
            ferry.start(ready=False)
            documents = ferry.wait_for_ended(3)
            assert {document.state for document in documents} == {"delivered"}
            assert {document.id for document in documents} == ids
            assert {job["id"] for job in engine.jobs()} == jobs
            assert ferry.stop() == 0
        check_all_ended(ferry, contents)


def test_paid_jobs_of_a_lost_ledger_are_polled_on_where_the_provider_cannot_be_asked(tmp_path: Path) -> None:
    """Plain Pulse: no idempotency key, no listing. The work folders carry what goes on without a second payment."""
    contents = [f"Letter number {number}".encode() for number in range(3)]
    steps = [{"extract": {}}, {"split": {"split_config": {"split_input": [{"name": "All"}]}}}]
    with FakeProvider("pulse", {"job_s": 600}) as fake:
        config = {
            "providers": {"local": {"dialect": "pulse", "url": fake.url}},
            "rules": [{"name": "everything", "provider": "local", "steps": steps}],
        }
        with Ferry(tmp_path, config).start() as ferry:
            for number, content in enumerate(contents):
                ferry.drop(content, f"letter-{number}.txt")
            wait_for(lambda: len(ferry.documents("waiting")) == 3, saying=ferry.log_text)
            wait_for(lambda: len(list(ferry.inbox.glob(".docferry/*/.docferry.job.json"))) == 3, saying=ferry.log_text)
            broken = next(ferry.inbox.glob(".docferry/*/.docferry.job.json"))
            broken.write_bytes(broken.read_bytes()[:-5])  # as by a crash: this one is paid again, and no worse
            ferry.kill()
            for file in ferry.state.glob("ledger.sqlite*"):
                file.unlink()
            fake.script["job_s"] = 0
            for job in fake.seen.jobs.values():
                job.seconds = 0
            ferry.start(ready=False)
            documents = ferry.wait_for_ended(3)
            assert {document.state for document in documents} == {"delivered"}
            assert ferry.stop() == 0
        extracts = [submission for submission in fake.stats()["submissions"] if submission["endpoint"] == "extract"]
        assert len(extracts) == 3 + 1
        check_all_ended(ferry, contents)


def test_history_is_forgotten_by_age_and_open_or_held_documents_never(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path).open()
    ended = {"state": DocumentState.DELIVERED, "filed": True, "updated_at": 50.0}
    documents = [
        make_document(0, **ended),
        make_document(1, **{**ended, "updated_at": 150.0}),
        make_document(2, state=DocumentState.HELD),
        make_document(3),
        make_document(4, state=DocumentState.FAILED, updated_at=50.0),  # not put away yet
        make_document(5, **ended),
        make_document(200, **ended),
    ]
    ledger.add_documents_sync(documents, CLAIMED)
    steps = (make_step(documents[0]),)
    asyncio.run(ledger.apply(Change(documents[0], documents[0], Event("seen"), steps=steps)))
    for at in (1.0, 99.0, 101.0):
        asyncio.run(ledger.record(Event("offline"), at))
    place, seen = START, []
    while place is not None:
        old = ledger.call_sync(partial(find_old, before=100.0, after=place, limit=2))
        seen += old.documents
        place = old.next
    assert [document.id for document in seen] == [documents[0].id, documents[5].id]
    asyncio.run(ledger.apply(Change(documents[5], replace(documents[5], state=DocumentState.QUEUED), Event("retried"))))
    gone = ledger.call_sync(partial(forget, documents=seen, memory_key="to tidy", folders=["x"]))
    assert gone == [documents[0].id], "the other one was brought back meanwhile"
    assert ledger.call_sync(partial(forget_events, before=100.0, limit=10)) == 2
    assert asyncio.run(ledger.recall("to tidy")) == ["x"]
    ledger.close()
    with LedgerReader(tmp_path) as reader:
        assert len(reader.documents(limit=None)) == 6
        assert reader.events(documents[0].id) == []
        assert reader.all_steps(documents[0]) == []
        assert [event["at"] for event in reader.events(None)] == [101.0]


def test_daemon_forgets_what_is_older_than_keep_history(tmp_path: Path) -> None:
    refuse = {"on": "submit", "do": "status", "status": 422, "skip": 1, "times": 1}
    steps = [{"extract": {}}, {"split": {"split_config": {"split_input": [{"name": "All"}]}}}]
    with FakeProvider("pulse", {"faults": [refuse]}) as fake:
        config: dict[str, Any] = {
            "providers": {"local": {"dialect": "pulse", "url": fake.url}},
            "rules": [{"name": "everything", "provider": "local", "steps": steps}],
        }
        ferry = Ferry(tmp_path, config)
        ferry.drop(b"fails in its second step", "fails.txt")
        assert ferry.run_once().returncode == 1
        [failed] = ferry.documents()
        work = ferry.inbox / ".docferry" / failed.id
        assert list(work.glob("*.answer.json"))
        ferry.write({**config, "keep_history": "1s"})
        with ferry.start():
            wait_for(lambda: not ferry.documents(), saying=ferry.log_text)
            wait_for(lambda: not work.exists(), saying=ferry.log_text)
            assert ferry.stop() == 0
    assert (ferry.failed / "fails.txt").exists()
    assert ferry.command("audit", "--deep").returncode == 0
    with LedgerReader(ferry.state) as reader:
        assert reader.events(failed.id) == []
