"""Reads facts from files, in a process of its own: a hostile file can hang or crash that one, and nothing else."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import docferry
from docferry.models import Json, display
from docferry.rules.known import WORKER_READY, unreadable

TIME_LIMIT_S = 30.0
START_LIMIT_S = 60.0
HASHED_BYTES_PER_S = 20_000_000  # a slow disk; hashing a large file may take longer than looking into it

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Hung:
    """The worker took too long."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Died:
    """The worker ended without an answer."""

    reason: str


_Gone = _Hung | _Died


class FactReader:
    """Owns one long-lived worker process, started at the first question and again after it hung or died.

    Questions are answered one after the other. ``aclose`` ends the worker.
    """

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._lock = asyncio.Lock()
        self._worker: asyncio.subprocess.Process | None = None

    async def read(self, path: Path, names: frozenset[str]) -> dict[str, Json]:
        """A value for each name; what cannot be read says why in its value. Repeating is safe.

        OSError when there can be no worker now (no memory, no processes left), which is not the file's fault.
        """
        if not names:
            return {}
        async with self._lock:
            limit_s = self._time_limit_s + _size_of(path) / HASHED_BYTES_PER_S * ("sha256" in names)
            reused = self._worker is not None
            answer = await self._answer(path, names, limit_s)
            if isinstance(answer, _Died) and reused:  # of something before this file, perhaps: a fresh one decides
                answer = await self._answer(path, names, limit_s)
            if isinstance(answer, dict):
                return {name: answer.get(name, unreadable("it was not answered")) for name in names}
            _log.warning("the reader of facts was replaced: %s", answer.reason, extra={"path": display(str(path))})
            return {name: unreadable(answer.reason) for name in names}

    async def _answer(self, path: Path, names: frozenset[str], limit_s: float) -> dict[str, Json] | _Gone:
        """The worker's answer, or why there is none; then it is gone."""
        worker = await self._running()
        gone: _Gone
        try:
            return await asyncio.wait_for(_ask(worker, path, names, limit_s), limit_s)
        except TimeoutError:
            gone = _Hung(f"reading it took longer than {limit_s:.3g} s")
        except (OSError, ValueError, EOFError):
            gone = _Died(await _death(worker))
        except asyncio.CancelledError:
            await self._stop()  # its answer would be taken for the next question's
            raise
        await self._stop()
        return gone

    async def aclose(self) -> None:
        """Ends the worker. The reader can be used again."""
        async with self._lock:
            await self._stop()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._worker is None or self._worker.returncode is not None:
            await self._stop()
            self._worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "docferry.rules.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the daemon, which then ends the worker
            )
            await self._await_start(self._worker)
        return self._worker

    async def _await_start(self, worker: asyncio.subprocess.Process) -> None:
        """Waits until the worker listens: how long Python takes to start is no file's fault."""
        assert worker.stdout is not None
        try:
            line = await asyncio.wait_for(worker.stdout.readline(), START_LIMIT_S)
        except BaseException:
            await self._stop()
            raise
        if line != WORKER_READY:
            await self._stop()
            raise OSError(errno.ECHILD, "the reader of facts does not start")

    async def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if worker.returncode is None:
            try:
                worker.kill()
            except ProcessLookupError:
                _log.debug("the reader of facts had ended already")
        if worker.stdin is not None:
            worker.stdin.close()
        await worker.wait()


async def _ask(
    worker: asyncio.subprocess.Process, path: Path, names: frozenset[str], limit_s: float
) -> dict[str, Json]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    question = {"path": str(path), "names": sorted(names), "limit_s": int(limit_s) + 5}
    worker.stdin.write(json.dumps(question).encode() + b"\n")
    await worker.stdin.drain()
    line = await worker.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("not an answer")
    return answer


async def _death(worker: asyncio.subprocess.Process) -> str:
    """What became of a worker that gave no answer."""
    try:
        status = await asyncio.wait_for(worker.wait(), 2)
    except TimeoutError:
        return "the reader gave no answer"
    return (
        f"reading it crashed the reader (signal {-status})" if status < 0 else f"the reader ended with status {status}"
    )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _environment() -> dict[str, str]:
    """As little as Python needs: whoever takes over the worker finds no keys there."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    package = Path(docferry.__file__).resolve().parent.parent
    return {**kept, "PYTHONPATH": str(package), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
