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
        if not _is_loopback(host):
            raise UsageError(f"metrics.listen: {host} is not this machine's loopback address", hint=_HINT)
        return cls(host=host, port=int(port))


def _is_loopback(host: str) -> bool:
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
        self.address = ""  # what it listens on, once started

    async def start(self) -> None:
        """Listens. Raises UsageError where the socket or port is taken or may not be had."""
        from aiohttp import web  # here, so that commands without a server do not pay for the import

        app = web.Application()
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/healthz", lambda _: _answer(self._healthy()))
        app.router.add_get("/readyz", lambda _: _answer(self._ready()))
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = self._site(self._runner)
        try:
            await site.start()
            self.address = self._settle_address()
        except OSError as error:
            await self.stop()
            reason = error.strerror or error
            raise UsageError(f"metrics.listen: cannot listen on {site.name}: {reason}", hint=_HINT) from error

    def _site(self, runner: web.AppRunner) -> web.BaseSite:
        from aiohttp import web

        if self._listen.path is None:
            return web.TCPSite(runner, self._listen.host, self._listen.port, shutdown_timeout=1)
        remove_stale_socket(self._listen.path)
        return web.UnixSite(runner, self._listen.path, shutdown_timeout=1)

    def _settle_address(self) -> str:
        if self._listen.path is not None:
            self._listen.path.chmod(0o660)
            return f"unix:{self._listen.path}"
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Closes the listener and removes its socket. Repeating is safe."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        from aiohttp import web

        await self._refresh()
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})


async def _answer(health: Health) -> web.Response:
    from aiohttp import web

    return web.Response(text=f"{health.detail}\n", status=200 if health.ok else 503)


def remove_stale_socket(path: Path) -> None:
    """Removes a socket that nobody listens on any more (left by a killed daemon). Anything else stays."""
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
