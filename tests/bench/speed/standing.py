"""What a daemon costs that stands for months: a full inbox, a long history, many waiting jobs, a huge file, nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from docferry.ledger import Ledger
from docferry.pipeline.pacing import PaceModel, PaceSettings
from speed.contenders import Docferry, FastServer, make_pdf, wait_for
from speed.figures import Row, at_most, below, family, median, memory_mb, reset_peak

BACKLOG_BYTES = 1000
SERVICE_ANSWERS_S = 0.3  # what a service takes over a network; 16 uploads at a time
CLAIMS_AT_ONCE = 512


def ferry(folder: Path, server: FastServer, **more: object) -> Docferry:
    provider = {"dialect": "pulse", "url": server.url}
    rule = {"name": "everything", "provider": "fast", "mode": "async", "deliver": {"formats": ["json"]}}
    return Docferry(folder, {"providers": {"fast": provider}, "rules": [rule], **more})


def backlog(folder: Path, server: FastServer, *, count: int) -> Iterator[Row]:
    """Many files that are there before the daemon is."""
    bare_s, kept_s = _bare_claims(folder / "bare", count), _kept_claims(folder / "kept", count)
    server.script(job_s=3600)
    first_s, claimed_s, peak_mb = _taken_in(folder / "ferry", server, count)
    server.script(job_s=3600, answer_s=SERVICE_ANSWERS_S)
    _, unhurried_s, _ = _taken_in(folder / "unhurried", server, count)
    yield below(f"{count} files there at start: to the first submission", first_s, 3.0, "s")
    yield below(f"{count} files there at start: peak memory", peak_mb, 200.0, "MB")
    yield at_most(
        f"{count} files there at start: to all claimed, against a bare scandir + rename loop",
        claimed_s / bare_s,
        3.0,
        f"{claimed_s:.1f} s",
        f"{bare_s:.2f} s",
    )
    yield at_most(
        f"{count} files there at start: to all claimed, against a loop that keeps what a claim promises",
        claimed_s / kept_s,
        3.0,
        f"{claimed_s:.1f} s",
        f"{kept_s:.2f} s",
    )
    yield at_most(
        f"the same, while the service takes {SERVICE_ANSWERS_S:g} s to answer a submission",
        unhurried_s / kept_s,
        3.0,
        f"{unhurried_s:.1f} s",
        f"{kept_s:.2f} s",
    )


def _taken_in(folder: Path, server: FastServer, count: int) -> tuple[float, float, float]:
    """From a start with ``count`` files: to the first submission, to all claimed, and the peak of memory in MB."""
    daemon = ferry(folder, server)
    _fill(daemon.inbox, count)
    time.sleep(3)  # older than an inbox's settling time, as files are that were there before
    with daemon.start(ready=False):
        began, began_at = time.monotonic(), time.time()
        wait_for(lambda: server.count()["submissions"] > 0 or daemon._has_ended(), every_s=0.02)
        first_s = server.stats()["submissions"][0][0] - began_at
        wait_for(lambda: _claimed(daemon) >= count or daemon._has_ended(), every_s=0.1)
        return first_s, time.monotonic() - began, memory_mb(daemon.pid, "VmHWM")


def _fill(inbox: Path, count: int) -> None:
    for number in range(count):
        (inbox / f"{number:06d}.pdf").write_bytes(make_pdf(number, BACKLOG_BYTES))


def _bare_claims(folder: Path, count: int) -> float:
    """Moves every file of a folder into another: what a claim is made of at least."""
    inbox, work = folder / "inbox", folder / "work"
    inbox.mkdir(parents=True)
    work.mkdir()
    _fill(inbox, count)
    began = time.monotonic()
    with os.scandir(inbox) as entries:
        names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    for name in names:
        os.rename(inbox / name, work / name)
    return time.monotonic() - began


def _kept_claims(folder: Path, count: int) -> float:
    """The same with what a claim must be: a whole file, in a folder with a record of its own, and in a ledger."""
    inbox, work = folder / "inbox", folder / "work"
    inbox.mkdir(parents=True)
    work.mkdir()
    _fill(inbox, count)
    with closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as ledger:
        ledger.execute("PRAGMA journal_mode = WAL")
        ledger.execute("PRAGMA synchronous = FULL")
        ledger.execute("CREATE TABLE documents (name TEXT PRIMARY KEY, size INTEGER, inode INTEGER, claimed_at REAL)")
        began = time.monotonic()
        with os.scandir(inbox) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        for start in range(0, count, CLAIMS_AT_ONCE):
            some = names[start : start + CLAIMS_AT_ONCE]
            rows = [_claim(inbox / name, work / f"{start + place}") for place, name in enumerate(some)]
            _flush(work / f"{start}")
            ledger.execute("BEGIN")
            ledger.executemany("INSERT INTO documents VALUES (?, ?, ?, ?)", rows)
            ledger.execute("COMMIT")
        return time.monotonic() - began


def _claim(file: Path, folder: Path) -> tuple[str, int, int, float]:
    descriptor = os.open(file, os.O_RDONLY)
    before = os.fstat(descriptor)
    os.pread(descriptor, 16, 0)
    os.pread(descriptor, 1024, max(0, before.st_size - 1024))
    os.close(descriptor)
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps({"name": file.name, "inode": before.st_ino}))
    os.rename(file, folder / file.name)
    after = os.lstat(folder / file.name)
    return file.name, after.st_size, after.st_ino, time.time()


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def _claimed(daemon: Docferry) -> int:
    with closing(sqlite3.connect(f"file:{daemon.folder}/state/ledger.sqlite?mode=ro", uri=True)) as ledger:
        return int(ledger.execute("SELECT coalesce(sum(documents), 0) FROM totals").fetchone()[0])


def history(folder: Path, server: FastServer, *, count: int, times: int) -> Iterator[Row]:
    """Start and ``status`` with a long history, against a ledger with one document."""
    server.script()
    ready_s: dict[str, list[float]] = {"short": [], "long": []}
    status_s: dict[str, list[float]] = {"short": [], "long": []}
    daemons = {"short": ferry(folder / "short", server), "long": ferry(folder / "long", server)}
    for daemon in daemons.values():
        with daemon.start():
            (daemon.inbox / "first.pdf").write_bytes(make_pdf(1, 2000))
            daemon.wait_for_receipts(1)
            daemon.stop()
    _multiply(daemons["long"].folder / "state" / "ledger.sqlite", count)
    for _ in range(times):
        for name, daemon in daemons.items():
            began = time.monotonic()
            with daemon.start():
                ready_s[name].append(time.monotonic() - began)
                status_s[name].append(daemon.command("status", "--json"))
                daemon.stop()
    for what, found in (("start to READY", ready_s), ("status", status_s)):
        ours, theirs = median(found["long"]), median(found["short"])
        yield at_most(
            f"{count} ended documents in the ledger: {what}, against an empty one",
            ours / theirs,
            1.5,
            f"{ours * 1000:.0f} ms",
            f"{theirs * 1000:.0f} ms",
        )


def _multiply(ledger: Path, count: int) -> None:
    """Copies the one delivered document with everything that belongs to it, until there are ``count``."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        connection.execute(
            "CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL"
            f" SELECT i + 1 FROM n WHERE i < {int(count)}) SELECT printf('0copy%010d', i) AS id FROM n"
        )
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        connection.execute("BEGIN")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        changed = {
            "documents": {
                "id": "numbers.id",
                "output_key": "numbers.id",
                "sha256": "numbers.id",
                "inode": "numbers.id",
            },
            "steps": {"document": "numbers.id", "job_id": "numbers.id"},
            "deliveries": {"document": "numbers.id", "path": "CAST(t.path || numbers.id AS BLOB)"},
            "events": {"id": "NULL", "document": "numbers.id"},
        }
        for name, new in changed.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            values = ", ".join(new.get(column, f"t.{column}") for column in columns)
            wanted = "WHERE t.document IS NOT NULL" if name == "events" else ""
            connection.execute(f"INSERT INTO {name} SELECT {values} FROM numbers, (SELECT * FROM {name}) AS t {wanted}")
        connection.execute("UPDATE totals SET documents = documents + ? WHERE state = 'delivered'", (count,))
        for _, statement in triggers:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def waiting(folder: Path, server: FastServer, *, count: int, watched_s: float) -> Iterator[Row]:
    """Many jobs that take ten minutes, as this service's jobs do: what waiting for them costs."""
    server.script(job_s=600.0)
    daemon = ferry(folder, server)
    _teach(daemon.folder / "state", "fast", 600.0)
    with daemon.start():
        for number in range(count):
            (daemon.inbox / f"{number:06d}.pdf").write_bytes(make_pdf(number, BACKLOG_BYTES))
        wait_for(lambda: server.count()["submissions"] >= count or daemon._has_ended(), every_s=0.2)
        time.sleep(5)
        polls, began_s, began = server.count()["polls"], daemon.cpu_s(), time.monotonic()
        time.sleep(watched_s)
        took_s = time.monotonic() - began
        share = (daemon.cpu_s() - began_s) / took_s * 100
        polls_per_s = (server.count()["polls"] - polls) / took_s
        yield below(f"{count} waiting jobs of 10 min: CPU share", share, 3.0, "% of a core", polls_per_s=polls_per_s)
        yield Row(f"{count} waiting jobs of 10 min: polls", None, "no limit set", None, f"{polls_per_s:.1f}/s")
        yield below(f"{count} waiting jobs of 10 min: memory", memory_mb(daemon.pid), 150.0, "MB")


def _teach(state: Path, provider: str, job_s: float) -> None:
    """The ledger knows how long this service's jobs take, as after a day of use."""
    model = PaceModel.from_json(None, PaceSettings())
    for number in range(60):
        model.learn(job_s * (0.9 + 0.2 * number / 60), polls=3, size_bytes=BACKLOG_BYTES, pages=1)
    ledger = Ledger(state).open()
    asyncio.run(ledger.save_pace(provider, "extract", model.to_json()))
    ledger.close()


def upload(folder: Path, server: FastServer, *, size_bytes: int) -> Iterator[Row]:
    """One huge file: how much memory grows while it is sent."""
    server.script()
    with ferry(folder, server).start() as daemon:
        (daemon.inbox / "small.pdf").write_bytes(make_pdf(1, 2000))
        daemon.wait_for_receipts(1)
        before_mb = memory_mb(daemon.pid)
        reset_peak(daemon.pid)
        staged = folder / "huge.pdf"
        with staged.open("wb") as file:  # a whole document by its beginning and end, with a hole between them
            file.write(make_pdf(2, 2000))
            file.seek(size_bytes - 1000)
            file.write(make_pdf(2, 1000))
        began = time.monotonic()
        os.rename(staged, daemon.inbox / "huge.pdf")
        daemon.wait_for_receipts(2)
        took_s = time.monotonic() - began
        growth_mb = memory_mb(daemon.pid, "VmHWM") - before_mb
    gigabytes = size_bytes / 1e9
    yield below(f"a {gigabytes:.2g} GB upload: growth of memory", growth_mb, 32.0, "MB", took_s=took_s)


def idle(folder: Path, server: FastServer, *, inboxes: int, files: int, watched_s: float) -> Iterator[Row]:
    """Inboxes full of files that a rule leaves where they are."""
    places = {name: f"./{name}" for name in ("outbox", "archive", "failed")}
    rules = [{"name": "left", "when": {"name": "*.pdf"}, "ignore": True}, {"name": "everything", "provider": "fast"}]
    named = [{"name": f"inbox{number}", "path": f"./inbox{number}", **places} for number in range(inboxes)]
    daemon = ferry(folder, server, inboxes=named, rules=rules)
    for number in range(inboxes):
        (folder / f"inbox{number}").mkdir()
        for file in range(files):
            (folder / f"inbox{number}" / f"{file:06d}.pdf").write_bytes(make_pdf(file, BACKLOG_BYTES))
    time.sleep(3)
    with daemon.start():
        time.sleep(10)
        began_s, began = daemon.cpu_s(), time.monotonic()
        time.sleep(watched_s)
        share = (daemon.cpu_s() - began_s) / (time.monotonic() - began) * 100
        memory = sum(memory_mb(pid) for pid in family(daemon.pid))
    yield below(f"idle, {inboxes} inboxes of {files} files: CPU share", share, 0.5, "% of a core", memory_mb=memory)
