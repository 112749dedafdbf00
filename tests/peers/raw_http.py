"""A small HTTP/1.1 server on a bare socket, in its own thread: it can do what no good server does.

A handler gets each request (its body already hashed or kept) and a ``Connection`` on which it may answer
properly, answer wrongly, cut the line or fall silent.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

KEEP_BYTES = 64 << 20  # larger bodies are counted and hashed, not kept


@dataclass
class FilePart:
    """One file of a form."""

    name: str
    filename: str
    content_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class FormPart:
    """One part of a form, in the order it came."""

    name: str
    filename: str | None
    content_type: str | None
    content: bytes


@dataclass
class HttpRequest:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    raw_headers: list[tuple[str, str]]
    body: bytes = b""
    body_bytes: int = 0
    body_sha256: str = ""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body)

    def parts(self) -> list[FormPart]:
        """The parts of a multipart form, in order."""
        boundary = re.search(r'boundary="?([^";]+)"?', self.headers.get("content-type", ""))
        if not boundary:
            return []
        found = []
        for piece in (b"\r\n" + self.body).split(b"\r\n--" + boundary[1].encode())[1:]:
            if piece.startswith(b"--"):
                break
            head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            found.append(_form_part(head.decode(), content))
        return found

    def fields(self) -> dict[str, str]:
        return {part.name: part.content.decode() for part in self.parts() if part.filename is None}

    def file(self) -> FilePart | None:
        for part in self.parts():
            if part.filename is not None:
                return FilePart(part.name, part.filename, part.content_type or "", part.content)
        return None


def _form_part(head: str, content: bytes) -> FormPart:
    name = re.search(r'[ ;]name="([^"]*)"', head)
    filename = re.search(r'filename="([^"]*)"', head)
    content_type = re.search(r"content-type:\s*(\S.*?)\s*(?:\r\n|$)", head, re.IGNORECASE)
    return FormPart(
        name[1] if name else "", filename[1] if filename else None, content_type[1] if content_type else None, content
    )


class Connection:
    """What a handler can do to the other side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.closing = False

    async def answer(
        self,
        status: int,
        body: bytes | str | Mapping[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        length: int | None = None,
        send_bytes: int | None = None,
        pause_s: float = 0.0,
    ) -> None:
        """Answers. ``length`` lies about the body's size; ``send_bytes`` cuts the line after that much of it."""
        content_type = "application/json"
        if isinstance(body, Mapping | list):
            body = json.dumps(body).encode()
        if isinstance(body, str):
            body = body.encode()
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body) if length is None else length}"]
        given = {name.lower(): value for name, value in (headers or {}).items()}
        lines += [f"{name}: {value}" for name, value in ({"content-type": content_type} | given).items()]
        self.writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        part = body if send_bytes is None else body[:send_bytes]
        if pause_s:
            for start in range(0, len(part), max(1, len(part) // 4)):
                self.writer.write(part[start : start + max(1, len(part) // 4)])
                await self.writer.drain()
                await asyncio.sleep(pause_s)
        else:
            self.writer.write(part)
        await self.writer.drain()
        if send_bytes is not None or length not in (None, len(body)):
            self.cut()

    def cut(self, *, reset: bool = False) -> None:
        """Closes the line; with ``reset`` rudely (RST)."""
        self.closing = True
        if reset:
            raw = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()

    async def fall_silent(self) -> None:
        """Says nothing more until the other side gives up."""
        self.closing = True
        while await self.reader.read(65536):
            pass


Handler = Callable[[HttpRequest, Connection], Awaitable[None]]


@dataclass
class RawServer:
    """Serves ``handler`` on a loopback port (or a Unix socket) from a thread of its own.

    ``before_body``, if given, is called when a request's head has come and its body has not been read; it
    returns True when it has dealt with the request itself.
    """

    handler: Handler
    before_body: Callable[[HttpRequest, Connection], Awaitable[bool]] | None = None
    port: int = 0
    unix_socket: Path | None = None
    tls: Any = None
    requests: list[HttpRequest] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="raw-http", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the test server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        if self.unix_socket:
            server = await asyncio.start_unix_server(self._connected, self.unix_socket, limit=1 << 20)
        else:
            server = await asyncio.start_server(
                self._connected, "127.0.0.1", self.port, limit=1 << 20, ssl=self.tls, backlog=512
            )
            self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(reader, writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while not connection.closing:
                    await self._one_request(connection)
        except asyncio.CancelledError:
            pass  # the server is stopping
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one_request(self, connection: Connection) -> None:
        head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        raw = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        request = HttpRequest(method, target, {name.lower(): value for name, value in raw}, raw)
        if self.before_body and await self.before_body(request, connection):
            self.requests.append(request)
            return
        await self._read_body(request, connection.reader)
        self.requests.append(request)
        await self.handler(request, connection)
        if request.headers.get("connection", "").lower() == "close":
            connection.closing = True

    @staticmethod
    async def _read_body(request: HttpRequest, reader: asyncio.StreamReader) -> None:
        digest = hashlib.sha256()
        kept = bytearray()

        def take(data: bytes) -> None:
            digest.update(data)
            request.body_bytes += len(data)
            if request.body_bytes <= KEEP_BYTES:
                kept.extend(data)

        if "chunked" in request.headers.get("transfer-encoding", ""):
            while size := int((await reader.readline()).split(b";")[0], 16):
                take(await reader.readexactly(size))
                await reader.readexactly(2)
            await reader.readline()
        left = int(request.headers.get("content-length", "0"))
        while left:
            data = await reader.read(min(left, 1 << 20))
            if not data:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(data)
            take(data)
        request.body = bytes(kept)
        request.body_sha256 = digest.hexdigest()
