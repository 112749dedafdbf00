"""Who is asking: keys, the client for the queue's fairness, and the access log."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docferry.engine.errors import Refusal

log = logging.getLogger("docferry.engine.access")

LINGER_S = 5.0  # how long the rest of a refused upload is read, so that its sender gets to see the answer
PATH_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Visitor:
    owner: str  # whose jobs these are; "" where no key is asked for
    client: str  # who takes turns in the queue


def admit(key: str | None, keys: tuple[str, ...], request: Request) -> Visitor:
    """The visitor with this key; a Refusal if keys are asked for and this is none of them."""
    address = request.client.host if request.client else "local"
    if not keys:
        return Visitor("", _fingerprint(key) if key else address)
    if not key:
        raise Refusal("AUTH_001", "a key is required")
    given = key.encode()
    matches = [hmac.compare_digest(given, known.encode()) for known in keys]  # all of them: equal time for every key
    if not any(matches):
        raise Refusal("AUTH_002", "the key is not valid")
    return Visitor(_fingerprint(key), _fingerprint(key))


def _fingerprint(key: str) -> str:
    """A name for a key that does not give it away."""
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:24]


class Doorkeeper:
    """ASGI middleware: logs each answer, and reads on a little when a request was answered before its body was read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, receive, send)
        try:
            await self._app(scope, visit.receive, visit.send)
        finally:
            visit.log()


class _Visit:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started_at = time.monotonic()
        self._body_is_read = False
        self._status = 0
        self._waits_for_go = any(name == b"expect" for name, _ in scope["headers"])

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_is_read = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            if self._status >= 400 and not self._body_is_read and not self._waits_for_go:
                await self._linger()
        await self._send(message)

    async def _linger(self) -> None:
        """Closing with unread data in the socket would reset the connection, and with it the answer."""
        try:
            async with asyncio.timeout(LINGER_S):
                while not self._body_is_read:
                    await self.receive()
        except TimeoutError:
            self._body_is_read = True

    def log(self) -> None:
        """Path without query: queries and headers may carry secrets."""
        path = self._scope["path"][:PATH_LENGTH].encode("unicode_escape").decode("ascii")
        took_s = time.monotonic() - self._started_at
        is_routine = self._scope["method"] == "GET" and self._status < 400  # polls, many for each document
        level = logging.DEBUG if is_routine else logging.INFO
        log.log(level, "%s %s status=%d took_s=%.3f", self._scope["method"], path, self._status, took_s)
