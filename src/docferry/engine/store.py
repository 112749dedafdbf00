"""The engine's own ledger: jobs, idempotency keys, saved artefacts and counters. The only SQL of the engine.

A job's files lie in one folder, ``jobs/<two digits>/<id>/``:

    input-…         the documents as they came, until the job has ended
    result.json     the whole answer
    document-….json the extraction, for later split, schema and tables calls; beside it the PDF that its words stand in
    images/         pictures that results refer to

State changes are compare-and-set: a change that finds the job in another state than expected does nothing and says so.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docferry.engine.errors import JobFailure
from docferry.engine.files import INPUT
from docferry.engine.records import Api, Artefact, Input, Job, JobStatus, Link, NewJob
from docferry.engine.sqlite import Connection, Database, Row

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, api TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL, client TEXT NOT NULL,
    status TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, started_at REAL, finished_at REAL,
    attempts INTEGER NOT NULL DEFAULT 0, request TEXT NOT NULL, inputs TEXT NOT NULL, input_name TEXT,
    input_bytes INTEGER, parent_id TEXT, error_code TEXT, error TEXT, pages INTEGER,
    result_bytes INTEGER NOT NULL DEFAULT 0, link TEXT NOT NULL DEFAULT '', facts TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, created_at);
CREATE INDEX IF NOT EXISTS jobs_by_parent ON jobs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, created_at);
CREATE TABLE IF NOT EXISTS idempotency (
    owner TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, job_id TEXT NOT NULL,
    PRIMARY KEY (owner, kind, key)
) STRICT;
CREATE INDEX IF NOT EXISTS idempotency_by_job ON idempotency (job_id);
CREATE TABLE IF NOT EXISTS artefacts (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, owner TEXT NOT NULL, job_id TEXT NOT NULL, payload TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS artefacts_by_job ON artefacts (job_id);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT;
"""

SORT_COLUMNS: Mapping[str, str] = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "original_filename": "input_name",
    "file_size": "input_bytes",
    "processing_status": "status",
}


@dataclass(frozen=True, slots=True)
class Page:
    jobs: tuple[Job, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, as one change of the ledger."""

    status: JobStatus
    failure: JobFailure | None = None
    pages: int | None = None
    result_bytes: int = 0
    link: Link = Link.NONE
    facts: Mapping[str, Any] | None = None
    artefacts: tuple[Artefact, ...] = ()
    credits: float = 0.0


class Store:
    def __init__(self, state: Path) -> None:
        self.jobs_folder = state / "jobs"
        self.jobs_folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(state / "engine.sqlite", SCHEMA)

    def close(self) -> None:
        self._database.close()

    def folder(self, job_id: str) -> Path:
        """Where a job's files lie. Ids are ours, never a client's: look the job up first."""
        return self.jobs_folder / job_id[:2] / job_id

    async def add(self, job_id: str, job: NewJob, now: float) -> str:
        """The id under which ``job`` now exists, durably: the earlier one if its idempotency key was seen before."""

        def change(db: Connection) -> str:
            return _add(db, job_id, job, now)

        return await self._database.write(change)

    async def add_batch(self, parent: tuple[str, NewJob], children: Sequence[tuple[str, NewJob]], now: float) -> str:
        """The parent's id, its children added; the earlier batch's, and nothing added, if its key was seen before."""
        parent_id, job = parent

        def change(db: Connection) -> str:
            accepted_id = _add(db, parent_id, job, now, status=JobStatus.PROCESSING)
            if accepted_id == parent_id:
                for child_id, child in children:
                    _add(db, child_id, child, now, parent_id=parent_id)
            return accepted_id

        return await self._database.write(change)

    def find(self, job_id: str) -> Job | None:
        row = self._database.row("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return _job(row) if row else None

    def unfinished(self) -> list[Job]:
        rows = self._database.rows("SELECT * FROM jobs WHERE status IN ('pending', 'processing') ORDER BY created_at")
        return [_job(row) for row in rows]

    def children(self, parent_id: str) -> list[Job]:
        rows = self._database.rows("SELECT * FROM jobs WHERE parent_id = ? ORDER BY rowid", (parent_id,))
        return [_job(row) for row in rows]

    def ids(self) -> set[str]:
        return {row["id"] for row in self._database.rows("SELECT id FROM jobs")}

    def page(
        self, kinds: Sequence[str], owner: str, *, sort_by: str, descending: bool, page: int, page_size: int
    ) -> Page:
        """One page of an owner's jobs; empty past the end. Jobs of the same sort value come in order of arrival."""
        order = "DESC" if descending else "ASC"
        places = ", ".join("?" * len(kinds))
        where = f"FROM jobs WHERE owner = ? AND status != 'expired' AND kind IN ({places})"
        query = f"SELECT * {where} ORDER BY {SORT_COLUMNS[sort_by]} {order}, rowid {order} LIMIT ? OFFSET ?"
        rows = self._database.rows(query, (owner, *kinds, page_size, (page - 1) * page_size))
        total = self._database.row(f"SELECT count(*) AS total {where}", (owner, *kinds))
        return Page(tuple(_job(row) for row in rows), total["total"] if total else 0)

    async def start(self, job_id: str, now: float) -> bool:
        """Mark a pending job as processing; False if it is no longer pending."""
        query = (
            "UPDATE jobs SET status = 'processing', started_at = ?, updated_at = ?, attempts = attempts + 1 "
            "WHERE id = ? AND status = 'pending'"
        )
        return await self._changes_one(query, (now, now, job_id))

    async def requeue_started(self, now: float) -> None:
        """Bring the jobs whose workers went away with the server back to pending. Batches have no worker."""
        query = "UPDATE jobs SET status = 'pending', updated_at = ? WHERE status = 'processing' AND kind NOT LIKE ?"
        await self._database.write(lambda db: db.execute(query, (now, "%.batch.%")).rowcount)

    async def set_input_bytes(self, job_id: str, size_bytes: int) -> bool:
        """Record the size of a document that was fetched; False if the job is no longer pending."""
        query = "UPDATE jobs SET input_bytes = ? WHERE id = ? AND status = 'pending'"
        return await self._changes_one(query, (size_bytes, job_id))

    async def end(self, job_id: str, ending: Ending, now: float) -> bool:
        """Record how an unfinished job ended, with its artefacts; False if it had ended before: a cancel came first."""

        def change(db: Connection) -> bool:
            return _end(db, job_id, ending, now)

        return await self._database.write(change)

    async def take_link(self, job_id: str) -> bool:
        """Use up a large result's link; False if another download has done so."""
        return await self._changes_one("UPDATE jobs SET link = 'taken' WHERE id = ? AND link = 'ready'", (job_id,))

    async def expire(self, job_id: str, now: float) -> None:
        """Forget a job's output, keep its row: polls can say that it expired."""

        def change(db: Connection) -> None:
            db.execute("UPDATE jobs SET status = 'expired', updated_at = ? WHERE id = ?", (now, job_id))
            db.execute("DELETE FROM artefacts WHERE job_id = ?", (job_id,))

        await self._database.write(change)

    async def forget(self, job_ids: Iterable[str]) -> None:
        wanted = [(job_id,) for job_id in job_ids]

        def change(db: Connection) -> None:
            for table, column in (("jobs", "id"), ("artefacts", "job_id"), ("idempotency", "job_id")):
                db.executemany(f"DELETE FROM {table} WHERE {column} = ?", wanted)  # noqa: S608

        await self._database.write(change)

    def ended_before(self, moment_at: float) -> list[Job]:
        query = "SELECT * FROM jobs WHERE finished_at < ? AND status NOT IN ('pending', 'processing')"
        return [_job(row) for row in self._database.rows(query, (moment_at,))]

    def kept_bytes(self) -> list[tuple[str, int]]:
        """Ended jobs that still have output, oldest first, with the bytes they keep."""
        where = "finished_at IS NOT NULL AND status != 'expired'"
        rows = self._database.rows(f"SELECT id, result_bytes FROM jobs WHERE {where} ORDER BY finished_at")  # noqa: S608
        return [(row["id"], row["result_bytes"]) for row in rows]

    def artefact(self, artefact_id: str) -> Artefact | None:
        row = self._database.row("SELECT * FROM artefacts WHERE id = ?", (artefact_id,))
        return _artefact(row) if row else None

    def artefacts_of(self, job_id: str) -> list[Artefact]:
        return [_artefact(row) for row in self._database.rows("SELECT * FROM artefacts WHERE job_id = ?", (job_id,))]

    async def count_up(self, name: str, by: float = 1.0) -> float:
        """The counter's value after adding ``by``."""

        def change(db: Connection) -> float:
            return _count_up(db, name, by)

        return await self._database.write(change)

    def counter(self, name: str) -> float:
        row = self._database.row("SELECT value FROM counters WHERE name = ?", (name,))
        return float(row["value"]) if row else 0.0

    async def _changes_one(self, query: str, values: tuple[Any, ...]) -> bool:
        changes: Callable[[Connection], bool] = lambda db: db.execute(query, values).rowcount == 1  # noqa: E731
        return await self._database.write(changes)


def new_id() -> str:
    return str(uuid.uuid4())


def input_file(number: int) -> str:
    """The name of a job's document in its folder."""
    return f"{INPUT}-{number}"


def _add(
    db: Connection,
    job_id: str,
    job: NewJob,
    now: float,
    *,
    status: JobStatus = JobStatus.PENDING,
    parent_id: str | None = None,
) -> str:
    if job.idempotency_key is not None:
        key = (job.owner, job.kind, job.idempotency_key)
        found = db.execute("SELECT job_id FROM idempotency WHERE owner = ? AND kind = ? AND key = ?", key).fetchone()
        if found:
            return str(found["job_id"])
        db.execute("INSERT INTO idempotency (owner, kind, key, job_id) VALUES (?, ?, ?, ?)", (*key, job_id))
    inputs = [
        {"file": input_file(number), "name": source.name, "url": source.url}
        for number, source in enumerate(job.sources)
    ]
    first = job.sources[0] if job.sources else None
    columns = "id, api, kind, owner, client, status, created_at, updated_at, request, inputs, parent_id"
    db.execute(
        f"INSERT INTO jobs ({columns}, input_name, input_bytes) VALUES ({', '.join('?' * 13)})",  # noqa: S608
        (
            *(job_id, job.api, job.kind, job.owner, job.client, status, now, now, json.dumps(job.request)),
            *(json.dumps(inputs), parent_id, first.name if first else None, first.size_bytes if first else None),
        ),
    )
    return job_id


def _end(db: Connection, job_id: str, ending: Ending, now: float) -> bool:
    failure = ending.failure
    query = (
        "UPDATE jobs SET status = ?, updated_at = ?, finished_at = ?, error_code = ?, error = ?, pages = ?, "
        "result_bytes = ?, link = ?, facts = ?, "
        "inputs = '[]', request = json_remove(request, '$.options.password', "  # secrets go when they are not needed
        "'$.config.excel_template', '$.steps.schema.excel_template') "  # and so does what is large
        "WHERE id = ? AND status IN ('pending', 'processing')"
    )
    values = (
        *(ending.status, now, now, failure.code if failure else None, failure.message if failure else None),
        *(ending.pages, ending.result_bytes, ending.link, json.dumps(dict(ending.facts or {})), job_id),
    )
    if db.execute(query, values).rowcount != 1:
        return False
    for artefact in ending.artefacts:
        row = (artefact.id, artefact.kind, artefact.owner, artefact.job_id, json.dumps(artefact.payload))
        db.execute("INSERT INTO artefacts (id, kind, owner, job_id, payload) VALUES (?, ?, ?, ?, ?)", row)
    _count_up(db, "pages", ending.pages or 0)
    _count_up(db, "credits", ending.credits)
    return True


def _count_up(db: Connection, name: str, by: float) -> float:
    query = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
    row = db.execute(query + " RETURNING value", (name, by)).fetchone()
    return float(row["value"])


def _job(row: Row) -> Job:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over its values
    values["api"] = Api(values["api"])
    values["status"] = JobStatus(values["status"])
    values["link"] = Link(values["link"])
    values["request"] = json.loads(values["request"])
    values["inputs"] = tuple(Input(**entry) for entry in json.loads(values["inputs"]))
    values["facts"] = json.loads(values["facts"])
    return Job(**values)


def _artefact(row: Row) -> Artefact:
    return Artefact(row["id"], row["kind"], row["owner"], row["job_id"], json.loads(row["payload"]))
