"""The embedded engine as a supervised child on a Unix socket: started with the daemon, restarted when it dies.

In the package the engine is a service of its own beside each daemon, so that its workers have limits of their own
(docferry-engine.slice): there systemd supervises it, and the daemon only waits for it to listen.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from docferry.clock import Clock
from docferry.config.models import EngineConfig
from docferry.daemon.build import read_key
from docferry.daemon.sockets import prepare_folder
from docferry.errors import DocferryError, UsageError
from docferry.models import Json

log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
RESTART_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
STEADY_S = 60.0  # a child that ran this long starts again with the shortest pause


class EngineChild:
    """Keeps one engine process alive. Its state folder outlives it, so its jobs do too."""

    def __init__(self, settings: Mapping[str, Json], socket: Path, clock: Clock) -> None:
        self.socket = socket
        self.restarts = 0
        self._settings = dict(settings)
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def start(self) -> None:
        """Returns when the engine takes connections. Raises DocferryError when it does not come up."""
        await self._spawn()
        await self._until_listening()

    async def supervise(self) -> None:
        """Restarts the child whenever it ends, until ``stop``."""
        quick_deaths = 0
        while not self._stopping:
            assert self._process is not None
            started = self._clock.elapsed()
            code = await self._process.wait()
            if self._stopping:
                return
            quick_deaths = 0 if self._clock.elapsed() - started > STEADY_S else quick_deaths + 1
            pause_s = RESTART_PAUSES_S[min(quick_deaths, len(RESTART_PAUSES_S) - 1)]
            log.error("the embedded engine ended with status %s; starting it again in %.1f s", code, pause_s)
            await self._clock.sleep(pause_s)
            if not self._stopping:
                self.restarts += 1
                await self._spawn()

    async def stop(self) -> None:
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            log.warning("the embedded engine does not stop; killing it")
            process.kill()
            await process.wait()

    async def _spawn(self) -> None:
        prepare_folder(self.socket)
        settings = json.dumps({**self._settings, "uds": str(self.socket), "parent_pid": os.getpid()})
        # Its own session: Ctrl-C in the terminal reaches the daemon, which then stops the engine in order.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "docferry.engine",
            "--state",
            str(self._settings["state"]),
            "--log-level",
            "warning",
            "--settings-json",
            "-",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(settings.encode())
        await self._process.stdin.drain()
        self._process.stdin.close()

    async def _until_listening(self) -> None:
        deadline = self._clock.elapsed() + START_TIMEOUT_S
        while self._clock.elapsed() < deadline:
            assert self._process is not None
            if self._process.returncode is not None and self._process.returncode < 0:
                return  # killed from outside, which is no fault of its settings: ``supervise`` starts it again
            if self._process.returncode is not None:
                raise DocferryError(
                    f"the embedded engine ended at once with status {self._process.returncode}",
                    hint="its messages are above; `docferry engine` starts it alone",
                )
            if await _listens(self.socket):
                return
            await self._clock.sleep(0.02)
        raise DocferryError(f"the embedded engine did not come up within {START_TIMEOUT_S:.0f} s")


async def until_listening(socket: Path, clock: Clock, timeout_s: float) -> bool:
    """Whether an engine that somebody else starts takes connections within that time."""
    deadline = clock.elapsed() + timeout_s
    while not await _listens(socket):
        if clock.elapsed() > deadline:
            return False
        await clock.sleep(0.1)
    return True


async def _listens(socket: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    return True


def engine_settings(config: EngineConfig, state: Path, environ: Mapping[str, str]) -> dict[str, Json]:
    """The child's settings from the configuration. Raises UsageError when the engine's packages are missing."""
    require_engine()
    settings: dict[str, Json] = {
        "state": str(state / "engine"),
        "workers": config.workers or 0,
        "limits": {
            "upload_bytes": config.limits.upload_bytes,
            "pages": config.limits.max_pages,
            "job_time_s": config.limits.job_time_s,
            "memory_bytes": config.limits.memory_bytes,
        },
    }
    if config.llm is not None:
        key = read_key(config.llm.key, environ).reveal() if config.llm.key else None
        settings["llm"] = {"url": config.llm.url, "model": config.llm.model, "key": key}
    if config.s3 is not None:
        secret = config.s3.secret_access_key
        settings["s3"] = {
            "endpoint": config.s3.endpoint,
            "region": config.s3.region,
            "access_key_id": config.s3.access_key_id,
            "secret_access_key": read_key(secret, environ).reveal() if secret else None,
        }
    return settings


def require_engine() -> None:
    """Says what to install when the engine's libraries are not there, instead of a traceback from the child."""
    from importlib.util import find_spec

    missing = [name for name in ("fastapi", "uvicorn", "liteparse", "xberg") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the embedded engine needs {', '.join(missing)}",
            hint="pip install 'docferry[engine]', or use another provider",
        )
