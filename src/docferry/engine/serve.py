"""Running the engine: listening, announcing the address, stopping.

``main`` runs it until a signal. ``EngineThread`` runs it inside another process, on a free port, for tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TextIO

import uvicorn

from docferry.engine.app import create_app
from docferry.engine.settings import EngineSettings, SettingsError

log = logging.getLogger(__name__)

BACKLOG = 512
KEEP_ALIVE_S = 75
LOCK_WAIT_S = 10.0  # for an engine that is still stopping
PARENT_CHECK_S = 0.5
SOCKET_PATH_BYTES = 107


def main(settings: EngineSettings) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean stop, 1 after an error of the engine's own."""
    with only_engine(settings.state), listening(settings) as (listener, address):
        server = Server(settings, listener, address, announce_to=sys.stderr)
        asyncio.run(server.run_until_signal())
    return 1 if server.error is not None else 0


@contextmanager
def only_engine(state: Path) -> Iterator[None]:
    """Hold the state folder alone; SettingsError if another engine does not let go of it."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "engine.lock").open("a")
    except OSError as error:
        raise SettingsError(f"settings.state: {state} cannot be used: {error.strerror}") from error
    with lock:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise SettingsError(f"settings.state: {state} is used by another engine; stop it first")
            time.sleep(0.1)
        yield


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def listening(settings: EngineSettings) -> Iterator[tuple[socket.socket, str]]:
    """A bound socket and its address for people. A Unix socket is for its owner alone, and removed afterwards."""
    try:
        listener, address = _bind_unix(settings.uds) if settings.uds else _bind_tcp(settings.host, settings.port)
    except OSError as error:
        where = settings.uds or f"{settings.host}:{settings.port}"
        raise SettingsError(f"cannot listen on {where}: {error.strerror or error}") from error
    with listener:
        yield listener, address
    if settings.uds:
        settings.uds.unlink(missing_ok=True)


def _bind_unix(path: Path) -> tuple[socket.socket, str]:
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise OSError(0, f"the path is longer than {SOCKET_PATH_BYTES} bytes, which a Unix socket cannot be")
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()  # of an engine that was killed: the state folder's lock says that none is running
    listener = socket.socket(socket.AF_UNIX)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)  # whoever sees the file may connect, and waits until the engine is ready
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(previous)
    return listener, f"unix:{path}"


def _bind_tcp(host: str, port: int) -> tuple[socket.socket, str]:
    family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.create_server(target[:2], family=family, backlog=BACKLOG)
    bound_host, bound_port = listener.getsockname()[:2]
    shown = f"[{bound_host}]" if ":" in bound_host else bound_host
    return listener, f"http://{shown}:{bound_port}"


class Server:
    """One engine on one listening socket."""

    def __init__(
        self, settings: EngineSettings, listener: socket.socket, address: str, *, announce_to: TextIO | None = None
    ) -> None:
        self.address = address
        self.error: BaseException | None = None
        self._settings = settings
        self._listener = listener
        self._announce_to = announce_to
        app = create_app(settings, self._fail)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(settings.grace_s)),
            backlog=BACKLOG,
        )
        self._app = app
        self._server = _QuietServer(config)

    @property
    def is_ready(self) -> bool:
        return self._server.started

    async def run_until_signal(self) -> None:
        loop = asyncio.get_running_loop()
        for wanted in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(wanted, self.stop)
        await self.run()

    async def run(self) -> None:
        """Serve until ``stop``."""
        helpers = [asyncio.create_task(self._announce()), asyncio.create_task(self._follow_parent())]
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    def stop(self) -> None:
        """Take no more requests, let those being answered finish within the grace time, then end."""
        if runtime := getattr(self._app.state, "runtime", None):
            runtime.jobs.release()
        self._server.should_exit = True

    def _fail(self, error: BaseException) -> None:
        log.error("the engine cannot go on", exc_info=error)
        self.error = error
        self.stop()

    async def _announce(self) -> None:
        while not self._server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        if self._announce_to is not None:
            print(f"docferry engine listening on {self.address}", file=self._announce_to, flush=True)

    async def _follow_parent(self) -> None:
        """Stop when the process that started this one is gone, however it ended."""
        while self._settings.parent_pid is None or os.getppid() == self._settings.parent_pid:  # noqa: ASYNC110
            await asyncio.sleep(PARENT_CHECK_S)
        log.warning("the parent process is gone, stopping parent=%d", self._settings.parent_pid)
        self.stop()


class _QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process by the signal instead of with status 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class EngineThread:
    """An engine in a thread of this process. As a context it is ready when entered and has stopped when left."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._problem: BaseException | None = None
        self.server: Server | None = None

    @property
    def address(self) -> str:
        assert self.server is not None
        return self.server.address

    def __enter__(self) -> EngineThread:
        self._thread.start()
        self._ready.wait()
        if self._problem is not None:
            raise self._problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self.server is not None
        self._loop.call_soon_threadsafe(self.server.stop)
        self._thread.join()

    def _run(self) -> None:
        try:
            with only_engine(self._settings.state), listening(self._settings) as (listener, address):
                self.server = Server(self._settings, listener, address)
                asyncio.run(self._serve(self.server))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that entered the context
            self._problem = error
        finally:
            self._ready.set()

    async def _serve(self, server: Server) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.create_task(server.run())
        while not server.is_ready and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving
