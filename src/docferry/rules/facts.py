"""Reads facts from files, in a process of its own: a hostile file can hang or crash that one, and nothing else."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import docferry
from docferry.errors import InboxOffline
from docferry.models import Json, display
from docferry.rules.known import AWAY_KEY, SIZE, WORKER_READY, unreadable

TIME_LIMIT_S = 30.0
START_LIMIT_S = 60.0
END_LIMIT_S = 5.0
HUNG_S = 60.0  # so long nobody asks again in a folder in which a file could not be read because its share hangs
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
        self._hung_at: dict[Path, float] = {}

    async def read(self, path: Path, names: frozenset[str]) -> dict[str, Json]:
        """A value for each name; what cannot be read says why in its value. Repeating is safe.

        OSError when there can be no worker now (no memory, no processes left), which is not the file's fault;
        InboxOffline when the file's whole filesystem is in trouble or hangs.
        """
        if not names:
            return {}
        async with self._lock:
            self._refuse_where_it_hung(path)
            limit_s = self._time_limit_s
            if "sha256" in names:
                limit_s += await self._size_bytes(path) / HASHED_BYTES_PER_S
            reused = self._worker is not None
            answer = await self._answer(path, names, limit_s)
            if isinstance(answer, _Died) and reused:  # of something before this file, perhaps: a fresh one decides
                answer = await self._answer(path, names, limit_s)
            if isinstance(answer, dict):
                if AWAY_KEY in answer:
                    raise InboxOffline(f"{display(str(path))} cannot be read: {answer[AWAY_KEY]}")
                return {name: answer.get(name, unreadable("it was not answered")) for name in names}
            _log.warning("the reader of facts was replaced: %s", answer.reason, extra={"path": display(str(path))})
            return {name: unreadable(answer.reason) for name in names}

    def _refuse_where_it_hung(self, path: Path) -> None:
        """One file in a while finds out whether a share still hangs; the rest must not hold up other inboxes' files."""
        if time.monotonic() - self._hung_at.get(path.parent.parent, -HUNG_S) < HUNG_S:
            raise InboxOffline(f"{display(str(path))} cannot be read: its share hangs")

    async def _size_bytes(self, path: Path) -> int:
        """Asked of the worker: on a share that hangs not even this comes back."""
        answer = await self._answer(path, frozenset({SIZE}), self._time_limit_s)
        size = answer.get(SIZE) if isinstance(answer, dict) else None
        return size if isinstance(size, int) else 0

    async def _answer(self, path: Path, names: frozenset[str], limit_s: float) -> dict[str, Json] | _Gone:
        """The worker's answer, or why there is none; then it is gone."""
        worker = await self._running()
        gone: _Gone
        try:
            return await asyncio.wait_for(_ask(worker, path, names, limit_s), limit_s)
        except TimeoutError:
            waits_for_disk = _waits_for_disk(worker.pid)
            gone = _Hung(f"reading it took longer than {limit_s:.3g} s")
            if waits_for_disk:
                self._hung_at[path.parent.parent] = time.monotonic()
                await self._stop()
                raise InboxOffline(f"{display(str(path))} cannot be read: its share hangs") from None
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
        try:
            await asyncio.wait_for(worker.wait(), END_LIMIT_S)
        except TimeoutError:
            _log.warning("a reader of facts that hangs in a filesystem is left behind")


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


def _waits_for_disk(pid: int) -> bool:
    """Whether the process is held up in a filesystem, where a file that takes long to read would keep it computing."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].startswith(b"D")
    except OSError:
        return False


def _environment() -> dict[str, str]:
    """As little as Python needs: whoever takes over the worker finds no keys there."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    package = Path(docferry.__file__).resolve().parent.parent
    return {**kept, "PYTHONPATH": str(package), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
