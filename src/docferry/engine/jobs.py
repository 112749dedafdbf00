"""Jobs from acceptance to their end: the ledger decides, the pool works, waiting callers are told.

A job is durable before anyone hears of its id. What was pending or processing when a server died is pending again when
the next one starts, and is run again; a job that was being processed at three such deaths is blamed for them.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from docferry.engine import sqlite
from docferry.engine.errors import JobFailure, Refusal, busy
from docferry.engine.fetch import Fetcher, FetchFailed
from docferry.engine.files import INPUT, settle, sync_folder
from docferry.engine.pool import Assignment, Outcome, Pool, ProcessPool, Verdict
from docferry.engine.records import Artefact, Input, Job, JobStatus, Link, NewJob, Source
from docferry.engine.s3 import S3, settings_as_message
from docferry.engine.settings import EngineSettings
from docferry.engine.store import Ending, Store, input_file, new_id

log = logging.getLogger(__name__)

Result = TypeVar("Result")
DEATHS_BLAMED_ON_A_JOB = 3
BLAMED = "the engine died {} times while it worked on this document"
LEDGER_PAUSE_S = 1.0  # before an outcome that could not be written is tried again
QUEUE_PAUSE_S = 15  # Retry-After when too many jobs wait


class Jobs:
    """Also the pool's owner: it says what a task is when its turn has come, and records what became of it."""

    def __init__(self, settings: EngineSettings, store: Store, failed: Callable[[BaseException], None]) -> None:
        self.store = store
        self._settings = settings
        objects = S3(settings.s3) if settings.s3 is not None else None
        self._fetcher = Fetcher(settings.limits, allow_private=settings.allow_private_urls, objects=objects)
        self._pool: Pool = ProcessPool(
            self,
            workers=settings.worker_count,
            threads=settings.threads,
            memory_bytes=settings.limits.memory_bytes,
            scratch=settings.state / "scratch",
            failed=failed,
        )
        self._failed = failed
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._pages: dict[str, int] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Take up what an earlier server left, then work."""
        for job in self.store.unfinished():
            if job.attempts >= DEATHS_BLAMED_ON_A_JOB:
                await self._end(job, Ending(JobStatus.FAILED, JobFailure("PROC_003", BLAMED.format(job.attempts))))
        await self.store.requeue_started(time.time())
        for job in self.store.unfinished():
            if job.is_batch:
                await self._settle_parent(job.id)
            else:
                self._launch(job)
        self._pool.start()

    async def close(self) -> None:
        """Stop working. What is unfinished stays so in the ledger."""
        self.release()
        for fetch in self._fetches.values():
            fetch.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)
        await self._pool.close()

    def release(self) -> None:
        """Let callers that wait for jobs go: the server stops."""
        self._closing.set()
        for job_id in list(self._changed):
            self._notify(job_id)

    async def submit(self, new: NewJob) -> Job:
        """The accepted job, durably; the earlier one if its idempotency key was seen before."""
        self._refuse_if_busy(1)
        job_id = new_id()
        try:
            await asyncio.to_thread(_settle_inputs, new.sources, self.store.folder(job_id))
            accepted_id = await self.store.add(job_id, new, time.time())
        except (OSError, sqlite.DatabaseError):  # a full disk: leave no half of a job behind
            await self._remove_folder(job_id)
            raise
        job = self._known(accepted_id)
        if accepted_id == job_id:
            self._launch(job)
        else:
            await self._remove_folder(job_id)
        return job

    async def submit_batch(self, parent: NewJob, children: Sequence[NewJob]) -> tuple[Job, list[Job]]:
        """A parent and its children, all or none; the earlier batch if the parent's idempotency key was seen before."""
        self._refuse_if_busy(len(children))
        parent_id = new_id()
        rows = [(new_id(), child) for child in children]
        for child_id, child in rows:
            await asyncio.to_thread(_settle_inputs, child.sources, self.store.folder(child_id))
        accepted_id = await self.store.add_batch((parent_id, parent), rows, time.time())
        accepted = self.store.children(accepted_id)
        for job in accepted if accepted_id == parent_id else ():
            self._launch(job)
        for child_id, _ in rows if accepted_id != parent_id else ():
            await self._remove_folder(child_id)
        return self._known(accepted_id), accepted

    def _refuse_if_busy(self, more: int) -> None:
        if self._pool.waiting + more > self._settings.limits.queued_jobs:
            raise busy(f"{self._pool.waiting} jobs are waiting; try again later", QUEUE_PAUSE_S)

    def find(self, job_id: str) -> Job | None:
        return self.store.find(job_id)

    async def ended(self, job_id: str) -> Job:
        """The job once it has ended. A Refusal (503) if the server stops before."""
        while not (job := self._known(job_id)).status.has_ended:
            await self.changed(job_id)
        return job

    async def changed(self, job_id: str, timeout_s: float | None = None) -> bool:
        """Wait until the job's status or announced pages change; False if nothing did within the time."""
        if self._closing.is_set():
            raise Refusal("PROC_005", "the engine is stopping; the job goes on when it is started again")
        changed = self._changed[job_id]
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return False
        return True

    def announced_pages(self, job_id: str) -> int | None:
        """The page count of a job that is being processed, as soon as its worker knows it."""
        return self._pages.get(job_id)

    async def cancel(self, job: Job) -> Job:
        """Cancel an unfinished job and its children; its worker has been stopped when this returns."""
        for child in self.store.children(job.id):
            await self.cancel(child)
        if not job.status.has_ended:
            await self._end(job, Ending(JobStatus.CANCELED))
            if (fetch := self._fetches.get(job.id)) is not None:
                fetch.cancel()
            await self._pool.cancel(job.id)
        return self._known(job.id)

    def result_path(self, job: Job) -> Path:
        return self.store.folder(job.id) / "result.json"

    async def remove(self, job: Job) -> None:
        """Forget an ended job altogether."""
        await self.store.forget([job.id])
        await self._remove_folder(job.id)

    # The pool's side.

    async def begin(self, task_id: str) -> Assignment | None:
        job = self.store.find(task_id)
        if job is None or not await _insist(lambda: self.store.start(task_id, time.time())):
            return None
        self._notify(task_id)
        settings = self._settings
        message = {
            "id": job.id,
            "kind": job.kind,
            "request": job.request,
            "folder": str(self.store.folder(job.id)),
            "inputs": [{"path": str(self._path(job, entry)), "name": entry.name} for entry in job.inputs],
            "sources": self._sources(job),
            "llm": _language_model(settings),
            "s3": settings_as_message(settings.s3) if settings.s3 and job.request.get("deliver_to_s3") else None,
            "max_pages": settings.limits.pages,
            "threads": settings.threads,
            "credits_used": self.store.counter("credits"),
            "pages_used": self.store.counter("pages"),
            "bills_credits": settings.credit_billing,
            "hold_s": settings.hold_s,
        }
        return Assignment(message, settings.limits.job_time_s * max(1, len(job.inputs)))

    async def finish(self, task_id: str, outcome: Outcome) -> None:
        job = self.store.find(task_id)
        if job is not None:
            await self._end(job, self._ending(job, outcome))

    def report(self, task_id: str, event: Mapping[str, Any]) -> None:
        total = event.get("total")
        if event.get("event") == "pages" and isinstance(total, int):
            self._pages[task_id] = total
            self._notify(task_id)

    # Steps.

    def _launch(self, job: Job) -> None:
        """Queue the job for a worker, after its documents have been fetched if they must be."""
        missing = [entry for entry in job.inputs if entry.url is not None and not self._path(job, entry).exists()]
        if not missing:
            self._pool.submit(job.client, job.id)
            return
        fetch = asyncio.create_task(self._fetch(job, missing))
        self._fetches[job.id] = fetch
        fetch.add_done_callback(lambda done: self._fetch_ended(job.id, done))

    def _fetch_ended(self, job_id: str, fetch: asyncio.Task[None]) -> None:
        self._fetches.pop(job_id, None)
        if not fetch.cancelled() and (error := fetch.exception()) is not None:
            self._failed(error)

    async def _fetch(self, job: Job, missing: Sequence[Input]) -> None:
        folder = self.store.folder(job.id)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for entry in missing:
                await self._fetch_one(job, entry)
        except FetchFailed as error:
            await self._end(job, Ending(JobStatus.FAILED, JobFailure(error.code, error.message)))
            return
        except OSError as error:
            message = f"the document could not be stored: {error.strerror}"
            await self._end(job, Ending(JobStatus.FAILED, JobFailure("GENERAL_503", message)))
            return
        self._pool.submit(job.client, job.id)

    async def _fetch_one(self, job: Job, entry: Input) -> None:
        target = self.store.folder(job.id) / f"fetching-{entry.file}"
        assert entry.url is not None
        size_bytes = await self._fetcher.fetch(entry.url, target)
        await asyncio.to_thread(settle, target, self._path(job, entry))
        if entry is job.inputs[0]:
            await self.store.set_input_bytes(job.id, size_bytes)

    async def _end(self, job: Job, ending: Ending) -> None:
        """Record the end, whatever it takes, then tell everyone who waits. The first recorded end counts."""
        is_first = await _insist(lambda: self.store.end(job.id, ending, time.time()))
        if is_first:
            log.info("job ended job=%s kind=%s state=%s", job.id, job.kind, ending.status)
            await self._clear_input(job.id)
        self._pages.pop(job.id, None)
        self._notify(job.id)
        if job.parent_id is not None and is_first:
            await self._settle_parent(job.parent_id)

    async def _settle_parent(self, parent_id: str) -> None:
        parent = self.store.find(parent_id)
        children = self.store.children(parent_id)
        if parent is not None and not parent.status.has_ended and all(child.status.has_ended for child in children):
            pages = sum(child.pages or 0 for child in children)
            await self._end(parent, Ending(JobStatus.COMPLETED, pages=None, facts={"pages": pages}))

    def _ending(self, job: Job, outcome: Outcome) -> Ending:
        if outcome.verdict is Verdict.CANCELED:
            return Ending(JobStatus.CANCELED)
        failure = _failure(outcome, self._settings)
        if failure is not None:
            return Ending(JobStatus.FAILED, failure)
        try:
            return self._completion(job, outcome.answer["facts"])
        except (KeyError, TypeError):  # a worker that a document has taken over may say anything
            log.exception("a worker's answer makes no sense job=%s", job.id)
            return Ending(JobStatus.FAILED, JobFailure("PROC_003", "the document confused its worker process"))

    def _completion(self, job: Job, facts: Mapping[str, Any]) -> Ending:
        artefacts = tuple(
            Artefact(entry["id"], entry["kind"], job.owner, job.id, entry["payload"]) for entry in facts["saved"]
        )
        return Ending(
            JobStatus.COMPLETED,
            pages=facts["pages"],
            result_bytes=facts["kept_bytes"],
            link=self._link(job, facts),
            facts=facts["pointer"],
            artefacts=artefacts,
            credits=facts["credits"],
        )

    def _link(self, job: Job, facts: Mapping[str, Any]) -> Link:
        large = self._settings.large_results
        has_links = job.kind in {"pulse.extract", "pulse.split", "pulse.schema", "pulse.tables"}
        is_large = (facts["pages"] or 0) >= large.pages or facts["result_bytes"] >= large.bytes
        return Link.READY if has_links and is_large else Link.NONE

    def _path(self, job: Job, entry: Input) -> Path:
        return self.store.folder(job.id) / entry.file

    def _sources(self, job: Job) -> dict[str, str]:
        """Where the saved extractions lie that the job works on; one that has expired is simply not there."""
        wanted = job.request.get("extraction_ids") or [job.request.get("extraction_id")]
        found = [self.store.artefact(extraction_id) for extraction_id in wanted if extraction_id]
        return {
            artefact.id: str(self.store.folder(artefact.job_id) / Path(artefact.payload["file"]).name)
            for artefact in found
            if artefact is not None
        }

    def _known(self, job_id: str) -> Job:
        job = self.store.find(job_id)
        if job is None:
            raise Refusal("JOB_001", "the job is no longer kept")
        return job

    def _notify(self, job_id: str) -> None:
        if (event := self._changed.pop(job_id, None)) is not None:
            event.set()

    async def _clear_input(self, job_id: str) -> None:
        folder = self.store.folder(job_id)
        for path in [*folder.glob(f"{INPUT}*"), *folder.glob("fetching*")]:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _remove_folder(self, job_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self.store.folder(job_id), ignore_errors=True)


async def _insist(write: Callable[[], Awaitable[Result]]) -> Result:
    """What ``write`` gives, tried until the ledger takes it: a full disk must not lose an outcome."""
    while True:
        try:
            return await write()
        except sqlite.DatabaseError:
            log.exception("the ledger refused a change, trying again")
            await asyncio.sleep(LEDGER_PAUSE_S)


def _failure(outcome: Outcome, settings: EngineSettings) -> JobFailure | None:
    limits = settings.limits
    match outcome.verdict:
        case Verdict.TOO_LONG:
            return JobFailure("PROC_001", f"it took longer than {limits.job_time_s:g} s; send fewer pages at a time")
        case Verdict.TOO_LARGE:
            megabytes = limits.memory_bytes // (1024 * 1024)
            return JobFailure("PROC_002", f"it needed more than {megabytes} MB of memory; send fewer pages at a time")
        case Verdict.DIED:
            return JobFailure("PROC_003", "the document brought its worker process down; it may be damaged")
    failure = outcome.answer.get("failure")
    return JobFailure(failure["code"], failure["message"]) if failure else None


def _language_model(settings: EngineSettings) -> dict[str, Any] | None:
    llm = settings.llm
    return {"url": llm.url, "model": llm.model, "key": llm.key} if llm else None


def _settle_inputs(sources: Sequence[Source], folder: Path) -> None:
    """Make uploads the durable inputs of the job in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(sources):
        if source.path is not None:
            settle(source.path, folder / input_file(number))
    for changed in (folder.parent, folder.parent.parent):
        sync_folder(changed)
