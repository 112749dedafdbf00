"""Worker processes behind a small interface: submit, cancel, close.

The pool knows nothing of documents, requests or the ledger. Whoever owns it says what a task is when its turn has come
(``begin``), hears what became of it (``finish``) and what it reports on the way (``report``). Another engine of
distributed workers can stand behind the same interface.

A worker is a process group of its own. It is killed as a whole when its task is cancelled, takes too long or too much
memory, and a fresh one takes its place; it is retired when it has grown, so that no task pays for its predecessors.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from docferry.engine.fairness import FairQueue
from docferry.engine.process import WorkerLost, WorkerProcess

log = logging.getLogger(__name__)

MEMORY_CHECK_S = 0.2
RETIRE_SHARE = 0.6  # of the memory limit: a worker that keeps more than this after a task is replaced
IDLE_S = 120.0  # without a task, after which
IDLE_BYTES = 256 * 1024 * 1024  # is all a worker may keep
RESTART_PAUSE_S = 1.0  # after a worker that could not even start


Failed = Callable[[BaseException], None]


class Verdict(StrEnum):
    DONE = "done"  # the worker answered; its message says how it went
    CANCELED = "canceled"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"  # memory
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is told, and how long it may take."""

    message: Mapping[str, Any]
    time_limit_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    answer: Mapping[str, Any] = field(default_factory=dict)


class Owner(Protocol):
    async def begin(self, task_id: str) -> Assignment | None:
        """What to do for the task; None if it is no longer wanted."""

    async def finish(self, task_id: str, outcome: Outcome) -> None: ...

    def report(self, task_id: str, event: Mapping[str, Any]) -> None: ...


class Pool(Protocol):
    """What the engine asks of whatever does its work."""

    def start(self) -> None: ...

    def submit(self, client: str, task_id: str) -> None: ...

    async def cancel(self, task_id: str) -> None:
        """Take the task out of the queue, or stop the worker that has it. Returns when nothing works on it any more."""

    @property
    def waiting(self) -> int: ...

    async def close(self) -> None: ...


class ProcessPool:
    """``workers`` processes on this machine, each busy with one task at a time."""

    def __init__(
        self, owner: Owner, *, workers: int, threads: int, memory_bytes: int, scratch: Path, failed: Failed
    ) -> None:
        """``failed`` hears of an error of the pool itself: the server cannot go on without workers."""
        self._owner = owner
        self._memory_bytes = memory_bytes
        self._scratch = scratch
        self._workers = workers
        self._threads = threads
        self._failed = failed
        self._queue = FairQueue()
        self._arrived = asyncio.Condition()
        self._running: dict[str, _Run] = {}
        self._slots: list[asyncio.Task[None]] = []
        self._notices: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def start(self) -> None:
        for number in range(self._workers):
            slot = asyncio.create_task(self._work(self._scratch / f"worker-{number}"), name=f"worker-{number}")
            slot.add_done_callback(self._slot_ended)
            self._slots.append(slot)

    def submit(self, client: str, task_id: str) -> None:
        if task_id in self._running:
            return
        self._queue.push(client, task_id)
        notice = asyncio.create_task(self._notify())
        self._notices.add(notice)
        notice.add_done_callback(self._notices.discard)

    async def cancel(self, task_id: str) -> None:
        self._queue.discard(task_id)
        run = self._running.get(task_id)
        if run is not None:
            run.cancel.set()
            await run.ended.wait()

    async def close(self) -> None:
        """Stop every worker at once. Tasks that were running get no outcome: their owner runs them again."""
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify()

    def _slot_ended(self, slot: asyncio.Task[None]) -> None:
        if not slot.cancelled() and (error := slot.exception()) is not None:
            self._failed(error)

    async def _work(self, scratch: Path) -> None:
        """One slot's life: keep a warm worker, give it the next task, replace it when it must go."""
        worker: WorkerProcess | None = None
        try:
            while True:
                if worker is None or not worker.is_alive:
                    worker = await self._hire(scratch)
                task_id = await self._next()
                if task_id is None:
                    if worker.memory_bytes() > IDLE_BYTES:  # models that one scan needed, and perhaps nothing again
                        await worker.kill()
                    continue
                if not worker.is_alive:  # it died while idle
                    worker = await self._hire(scratch)
                await self._run(worker, task_id)
                if worker.is_alive and worker.memory_bytes() > RETIRE_SHARE * self._memory_bytes:
                    await worker.kill()
        finally:
            if worker is not None:
                await asyncio.shield(worker.kill())

    async def _hire(self, scratch: Path) -> WorkerProcess:
        while True:
            worker = WorkerProcess(scratch, self._memory_bytes, self._threads)
            try:
                await worker.start()
            except WorkerLost as error:
                log.error("a worker could not start, trying again reason=%s", error)
                await asyncio.sleep(RESTART_PAUSE_S)
            except asyncio.CancelledError:
                await asyncio.shield(worker.kill())
                raise
            else:
                return worker

    async def _next(self) -> str | None:
        """The task whose turn it is; None if none came for a while."""
        async with self._arrived:
            while (task_id := self._queue.pop()) is None:
                try:
                    async with asyncio.timeout(IDLE_S):
                        await self._arrived.wait()
                except TimeoutError:
                    return None
            self._running[task_id] = _Run()  # before anyone else runs: a cancel finds it either waiting or running
        return task_id

    async def _run(self, worker: WorkerProcess, task_id: str) -> None:
        run = self._running[task_id]
        try:
            assignment = await self._owner.begin(task_id)
            if assignment is None:
                return
            outcome = await self._supervise(worker, task_id, assignment, run)
            if outcome.verdict is not Verdict.DONE:
                await worker.kill()
            await self._owner.finish(task_id, outcome)
        finally:
            del self._running[task_id]
            run.ended.set()

    async def _supervise(self, worker: WorkerProcess, task_id: str, assignment: Assignment, run: _Run) -> Outcome:
        """The first of: the worker's answer, its death, a cancel, the time limit, the memory limit."""
        answer = asyncio.create_task(self._converse(worker, task_id, assignment))
        canceled = asyncio.create_task(run.cancel.wait())
        grown = asyncio.create_task(self._watch_memory(worker))
        watchers = {answer, canceled, grown}
        try:
            done, _ = await asyncio.wait(watchers, timeout=assignment.time_limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
        if answer in done:
            return answer.result()
        if canceled in done:
            return Outcome(Verdict.CANCELED)
        return Outcome(Verdict.TOO_LARGE if grown in done else Verdict.TOO_LONG)

    async def _converse(self, worker: WorkerProcess, task_id: str, assignment: Assignment) -> Outcome:
        try:
            await worker.send(assignment.message)
            while (message := await worker.receive()).get("event") != "ended":
                self._owner.report(task_id, message)
        except WorkerLost:
            return Outcome(Verdict.DIED)
        return Outcome(Verdict.DONE, message)

    async def _watch_memory(self, worker: WorkerProcess) -> None:
        while worker.memory_bytes() <= self._memory_bytes:  # noqa: ASYNC110 - nothing tells us, it must be looked at
            await asyncio.sleep(MEMORY_CHECK_S)


class _Run:
    """A task that a worker has."""

    def __init__(self) -> None:
        self.cancel = asyncio.Event()
        self.ended = asyncio.Event()
