"""Servers that do one wrong thing each, for transport faults that no good server produces on cue."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, valid for a day around now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    address = x509.IPAddress(ip_address("127.0.0.1"))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    crt_path, key_path = folder / "peer.crt", folder / "peer.key"
    crt_path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return crt_path, key_path
