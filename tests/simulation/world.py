"""A world that a seed decides: clock, provider, crashes. What runs in it is the real pipeline, ledger and outbox.

Nothing waits: time passes when nobody has anything to do. A crash is an exception that nobody catches, at any
failpoint, before or after any commit, before or after the provider takes a request; after it everything is made
anew from the ledger and the disk, as after a restart.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docferry.durable import replace as write_durably
from docferry.errors import Ambiguous, JobUnknown, Parked, Rejected, ResultGone, Unavailable
from docferry.ledger import Change, Ledger
from docferry.ledger.database import WriterThread, open_for_writing
from docferry.ledger.ledger import FILE_NAME
from docferry.models import Document
from docferry.providers.base import (
    Accepted,
    Answered,
    CancelAnswer,
    Capabilities,
    JobFailed,
    Output,
    OutputSet,
    Pending,
    Pointed,
    PollAnswer,
    ProviderHealth,
    RequestDescription,
    SentFile,
    StoredAnswer,
    Submission,
)


class Crash(BaseException):
    """The process is gone. No code of ours may catch it."""


class SimulatedClock:
    """Time that passes only when the simulation says so."""

    def __init__(self) -> None:
        self.moment = 1_800_000_000.0

    def now(self) -> float:
        return self.moment

    def elapsed(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += seconds


@dataclass
class Dice:
    """Every decision of the world, from one seed."""

    rng: random.Random
    crash_share: float = 0.03
    fault_share: float = 0.25
    request_share: float = 0.03
    crashes: int = 0
    quiet: bool = False  # the end of a schedule: no more crashes or faults

    def may_crash(self, where: str) -> None:
        if not self.quiet and self.rng.random() < self.crash_share:
            self.crashes += 1
            raise Crash(where)

    def faulty(self) -> bool:
        return not self.quiet and self.rng.random() < self.fault_share

    def interferes(self) -> bool:
        """Whether a person asks for something now."""
        return not self.quiet and self.rng.random() < self.request_share


class OneThreadLoop(asyncio.SelectorEventLoop):
    """A loop for a world without threads: what would run in one runs at once, and nobody wakes us from outside.

    A schedule takes one step at a time anyway; handing each write to a thread and back was most of its cost.
    """

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)


class WriterWithoutThread(WriterThread):
    """Commits each request where it is handed in."""

    def start(self) -> None:
        self._connection = open_for_writing(self.path)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._connection.close()

    def _put(self, request: Any) -> None:
        self._commit_group(self._connection, [request])


@functools.cache
def _empty_ledger() -> bytes:
    """The file that a first start leaves; made once, for its tables are a tenth of a schedule's cost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        open_for_writing(path).close()
        return path.read_bytes()


def new_ledger(state: Path) -> None:
    """A ledger without documents."""
    state.mkdir()
    (state / FILE_NAME).write_bytes(_empty_ledger())


class CrashingLedger(Ledger):
    """The real ledger, in a process that may die before or after any commit."""

    def __init__(self, state: Path, dice: Dice) -> None:
        super().__init__(state)
        self._writer = WriterWithoutThread(self.path)
        self._dice = dice

    async def apply(self, *changes: Change) -> Document:
        self._dice.may_crash("before commit")
        document = await super().apply(*changes)
        self._dice.may_crash("after commit")
        return document


@dataclass
class Job:
    """A job that the provider has accepted, which somebody pays for."""

    id: str
    key: str
    upload_name: str
    polls_left: int
    fate: str  # completed | failed | retryable | forgotten | pointed


@dataclass
class SimulatedProvider:
    """Keeps the protocol's promises and breaks everything else as the dice fall. Survives the daemon's crashes."""

    dice: Dice
    kind: str  # idempotent | listing | plain
    name: str = "peer"
    jobs: list[Job] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            endpoints=frozenset({"extract"}),
            sync_endpoints=frozenset({"extract"}),
            async_endpoints=frozenset({"extract"}),
            can_cancel=True,
            finds_lost_submissions=self.kind == "listing",
            honours_idempotency_key=self.kind == "idempotent",
            formats=frozenset({"markdown", "json"}),
        )

    def describe(self, submission: Submission) -> RequestDescription:
        return RequestDescription("POST", "/extract", {}, [])

    async def submit(self, submission: Submission, answer: Path) -> Accepted:
        self.dice.may_crash("before the request leaves")
        if self.dice.faulty():
            self._refuse()
        job = self._accept(submission)
        self.dice.may_crash("the answer is on its way")
        if self.dice.faulty():
            raise Ambiguous("the connection was cut")
        assert submission.upload is not None
        content = submission.upload.path.read_bytes()
        return Accepted(job.id, SentFile(len(content), hashlib.sha256(content).hexdigest()))

    def _refuse(self) -> None:
        raise self.dice.rng.choice(
            [
                Unavailable("slow down", throttled=True, status=429, retry_after_s=2.0),
                Unavailable("no connection"),
                Parked("the key is wrong", needs_person=True, status=401),
                Rejected("not a document", status=400),
            ]
        )

    def _accept(self, submission: Submission) -> Job:
        if self.kind == "idempotent":
            earlier = next((job for job in self.jobs if job.key == submission.idempotency_key), None)
            if earlier is not None:
                return earlier
        fates = ["completed"] * 6 + (["failed", "retryable", "forgotten", "pointed"] if not self.dice.quiet else [])
        job = Job(
            id=f"job-{len(self.jobs)}",
            key=submission.idempotency_key,
            upload_name=submission.upload_name,
            polls_left=self.dice.rng.randint(0, 3),
            fate=self.dice.rng.choice(fates),
        )
        self.jobs.append(job)
        return job

    async def poll(self, endpoint: str, job_id: str, answer: Path) -> PollAnswer:
        self.dice.may_crash("before a poll")
        if self.dice.faulty():
            raise Unavailable("bad gateway", status=502)
        job = next(job for job in self.jobs if job.id == job_id)
        if job.fate == "forgotten":
            raise JobUnknown("no such job", status=404)
        if job.polls_left > 0:
            job.polls_left -= 1
            return Pending("processing")
        if job.fate in ("failed", "retryable"):
            return JobFailed("it broke", retryable=job.fate == "retryable")
        if job.fate == "pointed":
            return Pointed(f"link/{job_id}")
        return self._store(job, answer)

    async def fetch(self, pointed: str, answer: Path) -> Answered:
        job = next(job for job in self.jobs if pointed == f"link/{job.id}")
        if answer.exists():
            return Answered()
        if job.id in self.taken:
            raise ResultGone("taken already", status=410)
        self.dice.may_crash("before a fetch")
        answered = self._store(job, answer)
        self.taken.add(job.id)
        return answered

    def _store(self, job: Job, answer: Path) -> Answered:
        write_durably(answer, json.dumps({"job": job.id}).encode())
        return Answered(outcome={"extraction_id": f"ex-{job.id}"}, pages=1, credits=1.0)

    async def cancel(self, job_id: str) -> CancelAnswer:
        return CancelAnswer(requested=True)

    async def find_lost(self, upload_names: Sequence[str], since: float) -> Accepted | None:
        self.dice.may_crash("before a look into the listing")
        found = next((job for job in self.jobs if job.upload_name in upload_names), None)
        return Accepted(found.id) if found is not None else None

    def outputs(self, answers: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
        text = b"".join(answer.path.read_bytes() for answer in answers)
        return OutputSet((Output(".md", text, "markdown"), Output(".json", text, "json")))

    async def check(self) -> ProviderHealth:
        return ProviderHealth(True, True, "answers")

    async def aclose(self) -> None:
        return None


def receipts_below(folder: Path) -> Mapping[str, Any]:
    """Every receipt by its path."""
    return {str(path): json.loads(path.read_bytes()) for path in folder.rglob("*.receipt.json")}
