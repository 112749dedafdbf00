"""``audit`` finds nothing wrong with any state in which a document can be left, and finds what is."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from commands import docferry
from daemons import Ferry, wait_for
from docferry.config import load
from docferry.daemon.audit import Finding, audit
from docferry.intake.record import Record, to_bytes
from docferry.ledger import LedgerReader
from docferry.models import Document
from peers.fake_provider import FakeProvider

TEXT = b"A letter.\n"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider("pulse", {}) as provider:
        yield provider


def ferry_with(folder: Path, fake: FakeProvider, rule: dict[str, Any] | None = None, **inbox: Any) -> Ferry:
    rules = [{"name": "everything", "provider": "local", "mode": "async", **(rule or {})}]
    return Ferry(folder, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}, "rules": rules}, **inbox)


def findings(ferry: Ferry, *, deep: bool = True) -> list[Finding]:
    return list(audit(load(ferry.config, environ=os.environ), deep=deep).findings)


def kinds(ferry: Ferry) -> list[tuple[str, str]]:
    return sorted({(finding.kind, Path(finding.path).name) for finding in findings(ferry)})


def test_every_way_to_end_is_in_order(tmp_path: Path, fake: FakeProvider) -> None:
    refuse = {"on": "any", "do": "job", "status": "failed", "message": "corrupted document", "match": "unreadable"}
    fake.script["faults"] = [refuse | {"times": 0}]
    ferry = ferry_with(tmp_path, fake, duplicates="link")
    long = "n" * 240 + "-bad.txt"  # its error file needs a shorter name
    dropped = {"good.txt": TEXT, "bad.txt": b"unreadable", long: b"unreadable too", "no\u00a0break.txt": b"x"}
    for name, content in dropped.items():
        ferry.drop(content, name)
    assert ferry.run_once().returncode == 1
    ferry.drop(TEXT, "again.txt")  # linked to the first
    assert ferry.run_once().returncode == 0
    states = sorted(document.state.value for document in ferry.documents())
    assert states == ["delivered", "delivered", "delivered", "failed", "failed"]
    assert [document for document in ferry.documents() if document.linked_to]
    assert findings(ferry) == []
    assert findings(ferry, deep=False) == []


@pytest.mark.parametrize("after", ["delete", "keep"])
def test_originals_that_are_not_ours_any_more_are_not_missed(tmp_path: Path, fake: FakeProvider, after: str) -> None:
    inbox = {"after": after, "archive": None} | ({"claim": "leave"} if after == "keep" else {})
    ferry = ferry_with(tmp_path, fake, **inbox)
    original = ferry.drop(TEXT, "a.txt")
    assert ferry.run_once().returncode == 0
    assert [document.state for document in ferry.documents()] == ["delivered"]
    assert original.exists() == (after == "keep")
    assert findings(ferry) == []
    original.write_bytes(b"its owner goes on writing")
    assert findings(ferry) == []


def test_failed_document_that_stayed_in_its_inbox(tmp_path: Path, fake: FakeProvider) -> None:
    fake.script["faults"] = [{"on": "any", "do": "job", "status": "failed", "message": "corrupted", "times": 0}]
    ferry = ferry_with(tmp_path, fake, claim="leave", after="keep", archive=None)
    ferry.drop(TEXT, "sub/a.txt")
    assert ferry.run_once().returncode == 1
    assert findings(ferry) == []
    (ferry.failed / "sub/a.txt.error.json").unlink()
    assert kinds(ferry) == [("missing", "a.txt.error.json")]


def test_partial_results_and_kept_answers(tmp_path: Path, fake: FakeProvider) -> None:
    fake.script["faults"] = [{"on": "submit", "do": "status", "status": 422, "skip": 1, "times": 1}]
    steps = [{"extract": {}}, {"split": {"split_config": {"split_input": [{"name": "All"}]}}}]
    ferry = ferry_with(tmp_path, fake, {"steps": steps})
    ferry.drop(TEXT, "a.txt")
    assert ferry.run_once().returncode == 1
    [document] = ferry.documents()
    assert document.partial
    assert findings(ferry) == []
    [answer] = (ferry.inbox / ".docferry" / document.id).glob("*.answer.json")
    kept = answer.read_bytes()
    answer.unlink()
    assert kinds(ferry) == [("missing", answer.name)]
    answer.write_bytes(kept)
    assert ferry.command("retry", document.id).returncode == 0
    assert findings(ferry) == []  # queued again, nothing moved yet
    assert ferry.run_once().returncode == 0
    assert findings(ferry) == []


def test_open_and_held_and_canceled(tmp_path: Path, fake: FakeProvider) -> None:
    fake.script |= {"job_s": 600, "faults": [{"on": "submit", "do": "accept_then_cut", "match": "hold", "times": 0}]}
    with ferry_with(tmp_path, fake, {"on_ambiguous": "hold"}).start() as ferry:
        ferry.drop(b"hold", "hold.txt")
        ferry.drop(TEXT, "wait.txt")
        wait_for(lambda: len(ferry.documents("waiting", "held")) == 2, saying=ferry.log_text)
        assert findings(ferry) == []
        for document in ferry.documents():
            assert ferry.command("cancel", document.id).returncode == 0
        ferry.wait_for_ended(2)
        assert findings(ferry) == []
        assert ferry.stop() == 0
    (ferry.failed / "wait.txt").unlink()
    assert kinds(ferry) == [("missing", "wait.txt")]


def test_results_replaced_by_another_document_or_a_second_run_are_not_missed(
    tmp_path: Path, fake: FakeProvider
) -> None:
    wide = {"deliver": {"formats": ["markdown", "json", "raw"], "on_existing": "replace"}}
    ferry = ferry_with(tmp_path, fake, wide)
    ferry.drop(TEXT, "a.txt")
    assert ferry.run_once().returncode == 0
    [first] = ferry.documents()
    narrow = {"deliver": {"formats": ["markdown"], "on_existing": "replace"}}
    again = ferry_with(tmp_path, fake, narrow)
    assert again.command("retry", first.id).returncode == 0
    assert again.run_once().returncode == 0
    assert sorted(path.name for path in ferry.outbox.glob("a.txt*")) == ["a.txt.md", "a.txt.receipt.json"]
    assert findings(ferry) == [], "the second run's rows are the only ones"
    ferry.drop(b"another letter", "a.txt")
    assert again.run_once().returncode == 0
    assert len(ferry.documents("delivered")) == 2
    assert findings(ferry) == [], "the first document's results made way"
    (ferry.outbox / "a.txt.md").unlink()
    assert kinds(ferry) == [("missing", "a.txt.md")]


def test_skipped_duplicate(tmp_path: Path, fake: FakeProvider) -> None:
    ferry = ferry_with(tmp_path, fake, duplicates="skip")
    ferry.drop(TEXT, "a.txt")
    assert ferry.run_once().returncode == 0
    ferry.drop(TEXT, "b.txt")
    assert ferry.run_once().returncode == 0
    assert sorted(document.state.value for document in ferry.documents()) == ["delivered", "skipped"]
    assert findings(ferry) == []


def test_failed_original_that_a_person_took_back_into_the_inbox(tmp_path: Path, fake: FakeProvider) -> None:
    fake.script["faults"] = [{"on": "any", "do": "job", "status": "failed", "message": "corrupted", "times": 1}]
    ferry = ferry_with(tmp_path, fake)
    ferry.drop(TEXT, "a.txt")
    assert ferry.run_once().returncode == 1
    (ferry.failed / "a.txt").rename(ferry.inbox / "a.txt")
    assert ferry.run_once().returncode == 0
    assert findings(ferry) == []


def test_what_is_amiss_is_found(tmp_path: Path, fake: FakeProvider) -> None:
    ferry = ferry_with(tmp_path, fake)
    for name in ("a.txt", "b.txt", "c.txt"):
        ferry.drop(TEXT + name.encode(), name)
    assert ferry.run_once().returncode == 0
    (ferry.outbox / "a.txt.md").unlink()
    markdown = ferry.outbox / "b.txt.md"
    markdown.write_bytes(b"#" * markdown.stat().st_size)
    (ferry.archive / "c.txt").unlink()
    (ferry.archive / "c.txt").mkdir()
    os.mkfifo(ferry.outbox / "pipe.receipt.json")
    (ferry.outbox / "deep.receipt.json").write_bytes(b"[" * 200_000)
    outside = {"document": "x", "delivered_at": "2020-01-01T00:00:00Z", "outputs": [{"name": "../x", "bytes": 1}]}
    (ferry.outbox / "stray.receipt.json").write_text(json.dumps(outside))
    assert kinds(ferry) == [
        ("changed", "b.txt.md"),
        ("changed", "c.txt"),
        ("extra", "deep.receipt.json"),
        ("extra", "pipe.receipt.json"),
        ("extra", "stray.receipt.json"),
        ("missing", "a.txt.md"),
    ]
    assert ferry.command("audit", "--deep").returncode == 1


def test_stray_work_folders_of_ours_are_told_and_those_of_another_daemon_are_not(
    tmp_path: Path, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    ferry = ferry_with(tmp_path, fake)
    ferry.drop(TEXT, "a.txt")
    assert ferry.run_once().returncode == 0
    with LedgerReader(ferry.state) as ledger:
        owner = ledger.memory("owner")
    [document] = ferry.documents()
    for name, whose in (("0" * 16, "someone else"), ("1" * 16, owner)):
        folder = ferry.inbox / ".docferry" / name
        folder.mkdir()
        record = Record(name, "scans", "b.txt", document.identity, 0.0, whose)
        (folder / ".docferry.json").write_bytes(to_bytes([record]))
    bare = ferry.inbox / ".docferry" / ("2" * 16)
    bare.mkdir()
    now = time.time()
    assert findings(ferry) == [], "they are just being made"
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert kinds(ferry) == [("extra", "1" * 16), ("extra", bare.name)]


def test_what_ended_long_ago_costs_no_look_at_a_file(
    tmp_path: Path, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linear in what is open and what was claimed lately: counted in files looked at, with 10,000 that have ended."""
    ferry = ferry_with(tmp_path, fake)
    ferry.drop(TEXT, "ended.txt")
    assert ferry.run_once().returncode == 0
    assert docferry("pause", "-c", ferry.config, "local").returncode == 0
    for number in range(3):
        ferry.drop(b"waits", f"{number}.txt")
    assert ferry.run_once().returncode == 1
    looked_at: list[str] = []
    really_lstat = os.lstat

    def counted_lstat(path: Any, **options: Any) -> os.stat_result:
        looked_at.append(os.fspath(path))
        return really_lstat(path, **options)

    monkeypatch.setattr(os, "lstat", counted_lstat)
    config = load(ferry.config, environ=os.environ)
    since = time.time()
    few = audit(config, since=since)
    looks = list(looked_at)
    [ended] = ferry.documents("delivered")
    _copy_in_ledger(ferry, ended, 10_000)
    looked_at.clear()
    many = audit(config, since=since)
    assert (few.ok, few.documents, few.files) == (many.ok, many.documents, many.files) == (True, 3, 3)
    assert looked_at == looks
    assert len(audit(config, since=0.0).findings) == 0
    assert len(looked_at) > 10_000, "this would be seen"


def _copy_in_ledger(ferry: Ferry, document: Document, count: int) -> None:
    """So many documents more that ended as this one did, at its very places, long ago."""
    with closing(sqlite3.connect(ferry.state / "ledger.sqlite")) as connection, connection:
        for table, key in (("documents", "id"), ("deliveries", "document")):
            found = connection.execute(f"SELECT * FROM {table} WHERE {key} = ?", (document.id,))
            columns = [name for name, *_ in found.description]
            for row in found.fetchall():
                values = dict(zip(columns, row, strict=True))
                values |= {"claimed_at": 1.0, "output_key": None} if table == "documents" else {}
                connection.executemany(
                    f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})",
                    ([*{**values, key: f"{number:016d}"}.values()] for number in range(count)),
                )
