"""One worker process: started warm, spoken to in lines of JSON, measured, and killed with everything it started.

Lines of JSON and not pickles: a worker that a hostile document has taken over must not be able to run code here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LINE_BYTES = 1024 * 1024  # longest message of a worker
START_S = 120.0  # importing the libraries on a busy machine

# A worker sees nothing of the environment that it does not need: keys of other programs may be there.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV", "TESSDATA_PREFIX")
KEPT_PREFIXES = ("LC_", "LD_", "PYTHON")


class WorkerLost(Exception):
    """The worker has ended, or speaks no longer."""


class WorkerProcess:
    def __init__(self, scratch: Path, memory_bytes: int, threads: int) -> None:
        """``scratch`` is its folder for temporary files, emptied when it starts and when it ends."""
        self._scratch = scratch
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Return when the worker is warm, so that its first task costs no more than the others."""
        _empty(self._scratch)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "docferry.engine.worker", str(self._memory_bytes)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=worker_environment(os.environ, self._scratch, self._threads),
            start_new_session=True,
            limit=LINE_BYTES,
        )
        try:
            async with asyncio.timeout(START_S):
                await self.receive()
        except TimeoutError:
            await self.kill()
            raise WorkerLost(f"it was not ready within {START_S:.0f} s") from None
        except WorkerLost:
            await self.kill()
            raise

    async def send(self, message: Mapping[str, Any]) -> None:
        stream = self._process.stdin if self._process else None
        if stream is None:
            raise WorkerLost("not started")
        try:
            stream.write(json.dumps(message).encode() + b"\n")
            await stream.drain()
        except ConnectionError as error:
            raise WorkerLost("its input is closed") from error

    async def receive(self) -> dict[str, Any]:
        """Its next message. What is no message counts as its end: nothing more can be expected of it."""
        stream = self._process.stdout if self._process else None
        if stream is None:
            raise WorkerLost("not started")
        try:
            line = await stream.readline()
            message = json.loads(line) if line else None
        except ValueError as error:  # too long, or no JSON
            raise WorkerLost("it does not speak the protocol") from error
        if not isinstance(message, dict):
            raise WorkerLost("it has ended")
        return message

    async def kill(self) -> None:
        """End it and all it started. Repeating is harmless."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def memory_bytes(self) -> int:
        """Resident memory of the worker and its descendants; 0 when it has ended."""
        return _memory_of_tree(self._process.pid) if self._process and self.is_alive else 0


def worker_environment(variables: Mapping[str, str], scratch: Path, threads: int) -> dict[str, str]:
    kept = {
        name: value for name, value in variables.items() if name in KEPT_VARIABLES or name.startswith(KEPT_PREFIXES)
    }
    ours = {
        "TMPDIR": str(scratch),
        "OMP_NUM_THREADS": str(threads),  # workers share the cores instead of fighting for them
        "OPENBLAS_NUM_THREADS": str(threads),
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_MMAP_THRESHOLD_": str(8 * 1024 * 1024),  # what recognition needs for a moment goes back at once
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
    return kept | ours


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _memory_of_tree(pid: int) -> int:
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (OSError, IndexError):
        return 0  # it has ended meanwhile
    return resident + sum(_memory_of_tree(int(child)) for child in children)
