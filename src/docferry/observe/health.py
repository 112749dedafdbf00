"""The daemon's small HTTP server: /metrics, /healthz and /readyz, on a Unix socket or a loopback port.

It answers GET only and shows counts and configured names, never a document's name. Whoever wants it beyond the
machine puts a proxy in front; a listener that is not local is refused.
"""

from __future__ import annotations

import ipaddress
import socket
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docferry.errors import UsageError
from docferry.observe.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from aiohttp import web

_HINT = "use unix:/run/docferry/metrics.sock or 127.0.0.1:9187"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: a Unix socket's path, or a loopback address with a port (0: any free one)."""

    path: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Reads ``unix:/path``, ``/path``, ``PORT`` or ``HOST:PORT``. Raises UsageError for anything not local."""
        if text.startswith(("unix:", "/")):
            return cls(path=Path(text.removeprefix("unix:")))
        host, _, port = text.rpartition(":")
        host = host.strip("[]") or "127.0.0.1"
        if not port.isdecimal() or int(port) > 65535:
            raise UsageError(f"metrics.listen: {text!r} is not a socket or port", hint=_HINT)
        if not is_loopback(host):
            raise UsageError(f"metrics.listen: {host} is not this machine's loopback address", hint=_HINT)
        return cls(host=host, port=int(port))

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Health:
    """An answer to "are you well?": yes or no, and the sentence to go with it."""

    ok: bool
    detail: str


class HealthServer:
    """Serves ``metrics`` and two health questions. ``refresh`` brings the gauges up to date before a scrape."""

    def __init__(
        self,
        listen: Listen,
        metrics: Metrics,
        *,
        healthy: Callable[[], Health],
        ready: Callable[[], Health],
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._listen = listen
        self._metrics = metrics
        self._healthy = healthy
        self._ready = ready
        self._refresh = refresh
        self._runner: web.AppRunner | None = None
        self._socket: socket.socket | None = None
        self.address = ""  # what it listens on, once started

    async def start(self) -> None:
        """Listens. Raises UsageError where the socket or port is taken or may not be had."""
        from aiohttp import web  # here, so that commands without a server do not pay for the import

        app = web.Application()
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/healthz", self._serve_healthy)
        app.router.add_get("/readyz", self._serve_ready)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await self._site(self._runner).start()
        except OSError as error:
            await self.stop()
            reason = error.strerror or error
            raise UsageError(f"metrics.listen: cannot listen on {self._listen}: {reason}", hint=_HINT) from error
        self.address = self._settled_address()

    def _site(self, runner: web.AppRunner) -> web.BaseSite:
        from aiohttp import web

        if self._listen.path is None:
            return web.TCPSite(runner, self._listen.host, self._listen.port)
        self._socket = bound_socket(self._listen.path)
        return web.SockSite(runner, self._socket)

    def _settled_address(self) -> str:
        if self._listen.path is not None or self._runner is None:
            return str(self._listen)
        host, port = self._runner.addresses[0][:2]
        return str(Listen(host=host, port=port))

    async def stop(self) -> None:
        """Closes the listener and removes its socket. Repeating is safe."""
        if self._socket is not None and self._listen.path is not None:
            self._listen.path.unlink(missing_ok=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        from aiohttp import web

        await self._refresh()
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def _serve_healthy(self, request: web.Request) -> web.Response:
        return _answer(self._healthy())

    async def _serve_ready(self, request: web.Request) -> web.Response:
        return _answer(self._ready())


def _answer(health: Health) -> web.Response:
    from aiohttp import web

    return web.Response(text=f"{health.detail}\n", status=200 if health.ok else 503)


def bound_socket(path: Path) -> socket.socket:
    """A listening place at ``path`` for our group; OSError where another program listens there, or a file lies there.

    Not asyncio's own way, which takes over a socket that another daemon still serves.
    """
    _remove_if_dead(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_if_dead(path: Path) -> None:
    """Removes a socket that nobody listens on any more (left by a killed daemon)."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
