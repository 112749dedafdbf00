"""HTTP/1.1 straight over asyncio's sockets: an httpx transport at a fifth of the price of httpx's own.

httpx's transport goes through two more libraries, which cost more CPU time for each request than everything else
docferry does with a document. h11 does the protocol here as it does there; this adds sockets, timeouts and the
choice of a connection. Proxies are left to httpx.

A connection is used again only while it is surely alive: its last answer was whole and promised to keep it, nothing
came since, and it was used ``reuse_s`` ago at most. Servers close idle connections after seconds, and one that was
seen to do so at once is given a fresh one each time. What is left is a server that goes down at this very moment,
which a fresh connection would meet just as well.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, cast

import h11
import httpx

HEAD_BYTES = 100 * 1024  # the longest head of an answer
AHEAD_BYTES = 256 * 1024  # received before anyone asks for it: then the server must wait
TOGETHER_BYTES = 256 * 1024  # smaller pieces of a request leave in one packet
MOST_IDLE = 32
AT_ONCE_S = 1.0  # a connection that the server ends so soon after its answer was never meant to be kept

Origin = tuple[str, str, int | None]


class DirectTransport(httpx.AsyncBaseTransport):
    """Connections to one server or, with ``socket``, through one Unix socket."""

    def __init__(self, tls: ssl.SSLContext, *, socket: Path | None = None, reuse_s: float = 0.0) -> None:
        self._tls = tls
        self._socket = socket
        self._reuse_s = reuse_s
        self._idle: dict[Origin, list[_Line]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = _Timeouts(request)
        origin = (request.url.scheme, request.url.raw_host.decode("ascii"), request.url.port)
        line = self._pick(origin) or await self._connect(origin, timeouts)
        try:
            with _translated():
                await line.send(request, timeouts)
                head = await line.head(timeouts)
        except BaseException:
            line.close()
            raise
        answer = _Answer(self, origin, line, timeouts)
        version = b"HTTP/" + head.http_version
        return httpx.Response(
            head.status_code, headers=head.headers.raw_items(), stream=answer, extensions={"http_version": version}
        )

    async def aclose(self) -> None:
        for lines in self._idle.values():
            for line in lines:
                line.close()
        self._idle.clear()

    def _pick(self, origin: Origin) -> _Line | None:
        """The connection that was used last, if it is alive."""
        lines = self._idle.get(origin, [])
        while lines:
            line = lines.pop()
            if line.is_quiet and time.monotonic() - line.used_at <= self._reuse_s:
                return line
            if line.ended_at is not None and line.ended_at - line.used_at < AT_ONCE_S:
                self._reuse_s = 0.0
            line.close()
        return None

    def keep(self, origin: Origin, line: _Line) -> None:
        """Takes back a connection whose answer was read to its end, for another request."""
        lines = self._idle.setdefault(origin, [])
        if self._reuse_s <= 0.0 or not line.begin_again() or len(lines) >= MOST_IDLE:
            line.close()
            return
        line.used_at = time.monotonic()
        lines.append(line)

    async def _connect(self, origin: Origin, timeouts: _Timeouts) -> _Line:
        scheme, host, port = origin
        tls = self._tls if scheme == "https" else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeouts.connect_s):
                if self._socket is not None:
                    _, line = await loop.create_unix_connection(_Line, str(self._socket))
                else:
                    _, line = await loop.create_connection(
                        _Line, host, port or (443 if tls else 80), ssl=tls, happy_eyeballs_delay=0.25
                    )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except OSError as error:  # TLS and DNS errors are OSErrors too
            raise httpx.ConnectError(str(error)) from error
        return line


class DirectClient:
    """What ``HttpClient`` wants of httpx.AsyncClient, which spends as much on cookies, redirects and authentication
    as the transport does on the request."""

    def __init__(self, transport: DirectTransport, timeout: httpx.Timeout) -> None:
        self._transport = transport
        self._timeout = timeout

    def build_request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        content: httpx.AsyncByteStream | None,
    ) -> httpx.Request:
        extensions = {"timeout": self._timeout.as_dict()}
        return httpx.Request(method, url, params=params, headers=headers, content=content, extensions=extensions)

    async def send(self, request: httpx.Request, *, stream: Literal[True]) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        response.request = request
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Timeouts:
    """How long to wait for a connection, for the server to read on, for it to say something."""

    def __init__(self, request: httpx.Request) -> None:
        given = request.extensions.get("timeout", {})
        self.connect_s: float | None = given.get("connect")
        self.write_s: float | None = given.get("write")
        self.read_s: float | None = given.get("read")


class _translated:  # noqa: N801 - a context manager, used as a statement
    """Turns what h11 says into httpx's words."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, h11.RemoteProtocolError):
            raise httpx.RemoteProtocolError(str(error)) from error
        if isinstance(error, h11.LocalProtocolError):
            raise httpx.LocalProtocolError(str(error)) from error


class _Answer(httpx.AsyncByteStream):
    """An answer's body; read to its end, it gives the connection back."""

    def __init__(self, owner: DirectTransport, origin: Origin, line: _Line, timeouts: _Timeouts) -> None:
        self._owner = owner
        self._origin = origin
        self._line = line
        self._timeouts = timeouts
        self._whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            while piece := await self._line.piece(self._timeouts):
                yield piece
        self._whole = True

    async def aclose(self) -> None:
        if self._whole:
            self._owner.keep(self._origin, self._line)
        else:
            self._line.close()


class _Line(asyncio.Protocol):
    """One connection: a request goes out, an answer comes in."""

    def __init__(self) -> None:
        self.used_at = 0.0
        self.ended_at: float | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        self._received = bytearray()
        self._error: Exception | None = None
        self._may_write = True
        self._waiting: asyncio.Future[None] | None = None

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > AHEAD_BYTES:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._error = error
        self._may_write = True  # nobody need wait any more
        self._end()

    def _end(self) -> None:
        self.ended_at = self.ended_at or time.monotonic()
        self._wake()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._wake()

    # What the transport calls.

    @property
    def is_quiet(self) -> bool:
        """Whether the server has said nothing that nobody asked for, not even goodbye."""
        return not self._received and self.ended_at is None

    def begin_again(self) -> bool:
        """Whether another request may follow on this connection."""
        both_done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if not both_done or not self.is_quiet or self._http.trailing_data[0]:
            return False
        self._http.start_next_cycle()
        return True

    def close(self) -> None:
        self._transport.abort()  # an orderly end of TLS would keep a socket for seconds

    async def send(self, request: httpx.Request, timeouts: _Timeouts) -> None:
        """Sends head and body; stops early when the server has spoken, whose answer then says why."""
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        together = bytearray(self._http.send(head) or b"")
        async for chunk in cast("httpx.AsyncByteStream", request.stream):
            if not self.is_quiet:
                return
            data = self._http.send(h11.Data(data=chunk)) or b""
            if len(together) + len(data) > TOGETHER_BYTES:
                await self._write(together, timeouts)
                together = bytearray()
            together += data
        together += self._http.send(h11.EndOfMessage()) or b""
        await self._write(together, timeouts)

    async def head(self, timeouts: _Timeouts) -> h11.Response:
        """The answer's head; informational answers before it are passed over."""
        while not isinstance(event := await self._event(timeouts), h11.Response):
            if isinstance(event, h11.ConnectionClosed):
                raise httpx.RemoteProtocolError("the server closed the connection without an answer")
        return event

    async def piece(self, timeouts: _Timeouts) -> bytes:
        """The next piece of the answer's body; empty at its end."""
        while isinstance(event := await self._event(timeouts), h11.Data):
            if event.data:
                return bytes(event.data)
        return b""

    async def _event(self, timeouts: _Timeouts) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._receive(timeouts))
        return event

    async def _receive(self, timeouts: _Timeouts) -> bytes:
        while not self._received:
            if self._error is not None:
                raise httpx.ReadError(str(self._error)) from self._error
            if self.ended_at is not None:
                return b""
            async with _waiting(timeouts.read_s, httpx.ReadTimeout):
                await self._change()
        data = bytes(self._received)
        self._received.clear()
        self._transport.resume_reading()
        return data

    async def _write(self, data: bytearray, timeouts: _Timeouts) -> None:
        self._transport.write(bytes(data))
        while not self._may_write and not self._received:
            async with _waiting(timeouts.write_s, httpx.WriteTimeout):
                await self._change()

    async def _change(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


@asynccontextmanager
async def _waiting(longest_s: float | None, late: type[httpx.TimeoutException]) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(longest_s):
            yield
    except TimeoutError as error:
        raise late("") from error
