"""Servers that do one wrong thing each, for transport faults that no good server produces on cue."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from peers.raw_http import Connection, HttpRequest, RawServer

ACCEPTED = {"job_id": "j-1", "status": "pending", "record_id": "j-1"}
Act = Callable[[HttpRequest, Connection], Awaitable[None]]


def server(act: Act) -> RawServer:
    """Does ``act`` with each complete request."""
    return RawServer(act)


def early(act: Act, *, linger: bool = False) -> RawServer:
    """Does ``act`` when a request's head has come, and never reads its body.

    The line is closed at once, which resets it, unless ``linger``: then when the other side does.
    """

    async def before_body(request: HttpRequest, connection: Connection) -> bool:
        if int(request.headers.get("content-length", "0")) == 0:
            return False
        await act(request, connection)
        if linger:
            await stops_reading(request, connection)
        connection.closing = True
        return True

    return RawServer(_accept, before_body)


async def _accept(request: HttpRequest, connection: Connection) -> None:
    await connection.answer(202, ACCEPTED)


def answering(status: int = 200, body: Any = b"", headers: dict[str, str] | None = None, **more: Any) -> Act:
    """Answers every request so. ``length``, ``send_bytes`` and ``pause_s`` as in ``Connection.answer``."""

    async def act(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(status, body, headers, **more)

    return act


def cutting(*, reset: bool = False) -> Act:
    async def act(request: HttpRequest, connection: Connection) -> None:
        connection.cut(reset=reset)

    return act


async def silent(request: HttpRequest, connection: Connection) -> None:
    await connection.fall_silent()


async def stops_reading(request: HttpRequest, connection: Connection) -> None:
    """Leaves the body in the socket: the sender's buffers fill and it stalls."""
    connection.closing = True
    connection.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(60)


def chunked_then_cut(body: bytes) -> Act:
    """A chunked answer without its last chunk."""

    async def act(request: HttpRequest, connection: Connection) -> None:
        head = b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.writer.write(head + b"%x\r\n" % len(body) + body + b"\r\n")
        await connection.writer.drain()
        connection.cut()

    return act


def no_length_then_close(body: bytes) -> Act:
    """HTTP/1.0's way: the end of the line is the end of the answer, so that a cut cannot be seen."""

    async def act(request: HttpRequest, connection: Connection) -> None:
        connection.writer.write(b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n" + body)
        await connection.writer.drain()
        connection.cut()

    return act


async def speaks_no_http(request: HttpRequest, connection: Connection) -> None:
    connection.writer.write(b"220 mail.example.org ESMTP\r\n\r\n")
    await connection.writer.drain()
    connection.cut()


def gzip_bomb(megabytes: int) -> Act:
    body = gzip.compress(b'{"a": "' + b"x" * (megabytes << 20) + b'"}', 1)
    return answering(200, body, {"content-encoding": "gzip"})


def gzip_cut(value: Any) -> Act:
    body = gzip.compress(json.dumps(value).encode())
    return answering(200, body[:-12], {"content-encoding": "gzip"})


def certificate(folder: Path, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate for ``host`` and its key."""
    crt, key = folder / "peer.crt", folder / "peer.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(crt), "-days", "30", "-subj", "/CN=peer"]
    command += ["-addext", f"subjectAltName=IP:{host}"]
    subprocess.run(command, check=True, capture_output=True)
    return crt, key
