"""What the engine knows of one job: the row of its ledger as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from docferry.engine.errors import JobFailure


class JobStatus(StrEnum):
    PENDING = "pending"  # accepted, waits for its document or a worker
    PROCESSING = "processing"  # a worker has it
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"  # it had ended, and its output has been purged

    @property
    def has_ended(self) -> bool:
        return self not in {JobStatus.PENDING, JobStatus.PROCESSING}


class Api(StrEnum):
    PULSE = "pulse"
    NANONETS = "nanonets"


class Link(StrEnum):
    """A large result's single-use link."""

    NONE = ""  # the result is handed out inline
    READY = "ready"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Source:
    """A document that a request brings: an uploaded file, or a URL to fetch it from before the job is queued."""

    name: str
    path: Path | None = None
    url: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A request that is to become a job. ``request`` is JSON and all that a worker needs besides the documents."""

    api: Api
    kind: str
    owner: str  # who may see it: "" where the engine asks for no key
    client: str  # whose turn it is in the queue
    request: Mapping[str, Any]
    sources: tuple[Source, ...] = ()
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A job's document: ``file`` in the job's folder, to be fetched from ``url`` if it is not there."""

    file: str
    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Moments are seconds since the epoch."""

    id: str
    api: Api
    kind: str
    owner: str
    client: str
    status: JobStatus
    created_at: float
    updated_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    request: Mapping[str, Any]
    inputs: tuple[Input, ...]  # none once the job has ended
    input_name: str | None  # of the first document, as it was sent
    input_bytes: int | None
    parent_id: str | None
    error_code: str | None
    error: str | None
    pages: int | None
    result_bytes: int  # all that is kept of it: the answer, what later calls need, pictures
    link: Link
    facts: Mapping[str, Any]  # what the worker said of its result: ids, credits

    @property
    def is_batch(self) -> bool:
        """Whether it has children and no work of its own."""
        return ".batch." in self.kind

    @property
    def failure(self) -> JobFailure | None:
        return JobFailure(self.error_code, self.error or "") if self.error_code else None


@dataclass(frozen=True, slots=True)
class Artefact:
    """A saved output that later requests name: an extraction, a split, a schema run, tables."""

    id: str
    kind: str
    owner: str
    job_id: str
    payload: Mapping[str, Any]


def iso(moment_at: float) -> str:
    """A moment as the APIs write it: UTC with ``Z``, to the millisecond."""
    return datetime.fromtimestamp(moment_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
