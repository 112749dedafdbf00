"""The only code that talks HTTP: one client for each provider, which sends each request exactly once.

``direct`` brings the bytes over; through a proxy httpx's own transport does. Both tell a failed connect from a
cut transfer, which decides whether a document may have been accepted, and have a timeout for writing.

Submissions use a kept-alive connection only right after its last answer. A server may close an idle one at the
very moment we write to it; that looks like an accepted request whose answer was lost.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies

import httpx

from docferry import __version__, durable
from docferry.durable import DurableFile
from docferry.errors import Ambiguous, InboxOffline, Parked, ProviderError, Rejected, Unavailable
from docferry.models import Json
from docferry.providers.answer_json import AnswerFault, read_object
from docferry.providers.body import Body, Result
from docferry.providers.classify import Answer, Call, Context, one_line, refusal, unusable
from docferry.providers.direct import DirectClient, DirectTransport
from docferry.providers.spill import Spill, outline_of
from docferry.providers.unpack import Unpacker, UnpackFault

USER_AGENT = f"docferry/{__version__}"
ERROR_BODY_BYTES = 64 * 1024
WRITE_BYTES = 1 << 20
INCOMING = ".incoming"  # what a large answer is called until its beginning was understood
AT_ONCE_BYTES = 32 * 1024  # answers up to this are decoded faster than a thread is woken
MAX_REDIRECTS = 3
REUSE_S = 4.0  # servers keep a connection for five seconds at least
REUSE_SURE_S = 1.0  # for requests of which nobody could say whether a closing server has read them
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
Write = Callable[[bytes], Awaitable[None]]

# httpx logs every URL at INFO. A pre-signed link is a secret, and the ledger's events say more.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How one provider is reached. ``auth``: the header with the key, sent to ``base_url``'s origin only."""

    name: str
    base_url: str
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    socket: Path | None = None  # a Unix socket instead of TCP
    connect_timeout_s: float = 10.0
    write_timeout_s: float = 300.0
    read_timeout_s: float = 120.0
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: Path | None = None
    max_answer_bytes: int = 500_000_000
    threads: int = 8


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``url`` is a path below the base URL, or an absolute URL that a provider gave.

    ``timeout_s`` is for the whole call, and how long an answer's first byte is waited for. ``context`` holds
    what the dialect knows about the call; the rest of it is filled in here.
    """

    method: str
    url: str
    context: Context
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None

    @property
    def shown(self) -> str:
        """For messages: without the query, which may hold a signature."""
        parts = urlsplit(self.url)
        where = f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.scheme else parts.path
        return one_line(f"{self.method} {where}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer and the JSON object it holds.

    Its bytes as they came are in ``data`` or, where they are many, in ``file``; then ``value`` is an outline.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes | bytearray
    value: dict[str, Json]
    file: Path | None = None


class HttpClient:
    """Sends requests to one provider. Makes no second try."""

    def __init__(self, settings: HttpSettings, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.now = now
        self._origin = _origin(settings.base_url)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix=f"provider-{settings.name}")
        self._reads = self._client(reuse_s=REUSE_S)
        self._submits = self._client(reuse_s=REUSE_SURE_S)
        self._foreign: httpx.AsyncClient | DirectClient | None = (
            None  # for links to other hosts; made when the first one comes
        )

    def _client(self, *, reuse_s: float, foreign: bool = False) -> httpx.AsyncClient | DirectClient:
        settings = self.settings
        timeout = httpx.Timeout(
            settings.read_timeout_s, connect=settings.connect_timeout_s, write=settings.write_timeout_s, pool=None
        )
        socket = None if foreign else settings.socket
        # The environment's proxies are for the world outside, not for this machine.
        trust_env = socket is None and (foreign or urlsplit(settings.base_url).hostname not in LOOPBACK)
        tls = _tls(settings.ca_bundle, trust_env=trust_env)
        if socket is None and (settings.proxy or (trust_env and getproxies())):
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20 if reuse_s > REUSE_SURE_S else 0)
            return httpx.AsyncClient(
                verify=tls, proxy=settings.proxy, limits=limits, timeout=timeout, trust_env=trust_env
            )
        return DirectClient(DirectTransport(tls, socket=socket, reuse_s=reuse_s), timeout)

    async def aclose(self) -> None:
        for client in (self._reads, self._submits, self._foreign):
            if client is not None:
                await client.aclose()
        self._threads.shutdown(wait=False)

    async def blocking(self, call: Callable[[], Result]) -> Result:
        """Runs ``call`` in this provider's own threads: a hung file system holds up nobody else's."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def _reading(self, call: Callable[[], Result]) -> Result:
        """Like ``blocking``, for reading a document: InboxOffline when its share hangs."""
        try:
            async with asyncio.timeout(self.settings.write_timeout_s):
                return await self.blocking(call)
        except TimeoutError as error:
            seconds = self.settings.write_timeout_s
            raise InboxOffline(f"the document could not be read within {seconds:g} s: its share hangs") from error

    def absolute(self, url: str) -> str:
        return url if "://" in url else self.settings.base_url.rstrip("/") + "/" + url.lstrip("/")

    def is_own(self, url: str) -> bool:
        """Whether ``url`` is at the configured origin, the only place that gets the key."""
        return _origin(self.absolute(url)) == self._origin

    def may_fetch(self, url: str) -> bool:
        """Whether a link that a provider gave may be followed: our own origin, or HTTPS."""
        return self.is_own(url) or urlsplit(url).scheme == "https"

    async def send(self, request: Request) -> Reply:
        """Sends it once and gives the decoded 2xx answer. ProviderError otherwise; the body's own errors pass."""
        data = bytearray()

        async def collect(piece: bytes) -> None:
            data.extend(piece)

        async with self._answer(request) as response:
            await self._receive(response, collect)
        return await self._read(request, response, data)

    async def _read(self, request: Request, response: httpx.Response, data: bytearray) -> Reply:
        try:
            value = read_object(data) if len(data) <= AT_ONCE_BYTES else await self.blocking(lambda: read_object(data))
        except AnswerFault as fault:
            raise unusable(fault, self._context(request), response.status_code) from fault
        return Reply(response.status_code, response.headers, data, value)

    @asynccontextmanager
    async def asking(self, request: Request, answer: Path, bulk: frozenset[str]) -> AsyncIterator[Reply]:
        """Like ``send``, for what may be a large result: beyond some size it goes to disk, beside ``answer``.

        Of such an answer the ``bulk`` is not read. ``keep`` gives it its place; else it is gone afterwards.
        """
        file = answer.with_name(answer.name + INCOMING)
        spill = Spill(file, self.blocking)
        try:
            async with self._answer(request) as response:
                await self._receive(response, spill.write)
                await spill.finish()
            if not spill.is_on_disk:
                yield await self._read(request, response, spill.data)
                return
            try:
                value = await self.blocking(lambda: outline_of(file, bulk))
            except AnswerFault as fault:
                raise unusable(fault, self._context(request), response.status_code) from fault
            yield Reply(response.status_code, response.headers, b"", value, file)
        finally:
            spill.discard()

    async def keep(self, reply: Reply, answer: Path) -> None:
        """Brings an answer durably to ``answer``, whole."""
        if reply.file is None:
            await self.blocking(partial(durable.replace, answer, bytes(reply.data)))
        else:
            await self.blocking(partial(durable.rename, reply.file, answer))

    @asynccontextmanager
    async def submitting(
        self, request: Request, health: Request, answer: Path, bulk: frozenset[str]
    ) -> AsyncIterator[Reply]:
        """Like ``asking``. Where the upload broke in the middle, ``health`` is asked whether the key is the reason.

        A server that refuses a request at its head may close the line while we still write; the network then
        drops the refusal, and a wrong key would look like a bad connection for ever.
        """
        try:
            async with self.asking(request, answer, bulk) as reply:
                yield reply
        except Parked:
            raise  # the reason is known: nobody was reached, or the key is wrong
        except Unavailable as error:
            if error.status is None and request.body and not request.body.handed_over:
                await self._raise_if_parked(health)
            raise

    async def _raise_if_parked(self, health: Request) -> None:
        try:
            await self.send(health)
        except Parked:
            raise
        except ProviderError:
            return  # it answers, or it does not: either way the first error says more

    async def download(self, request: Request, target: Path) -> Mapping[str, str]:
        """Streams an answer to ``target``, where it appears durable and whole or not at all. Gives its headers.

        Redirects are followed by hand: each hop is checked, and none but our own origin gets the key.
        """
        for _ in range(MAX_REDIRECTS + 1):
            async with self._answer(request, redirects=True) as response:
                if not response.has_redirect_location:
                    await self._store(response, target)
                    return response.headers
                request = replace(request, url=urljoin(str(response.url), response.headers["location"]))
            if not self.may_fetch(request.url):
                raise Rejected(f"{self.settings.name}: a result's link leads to {request.shown}, which is not HTTPS")
        raise Rejected(f"{self.settings.name}: a result's link was redirected more than {MAX_REDIRECTS} times")

    async def _store(self, response: httpx.Response, target: Path) -> None:
        file = DurableFile(target)
        await self.blocking(file.__enter__)
        waiting = bytearray()

        async def write(piece: bytes) -> None:
            waiting.extend(piece)
            if len(waiting) >= WRITE_BYTES:
                block = bytes(waiting)
                waiting.clear()
                await self.blocking(lambda: file.write(block))

        try:
            await self._receive(response, write)
            await self.blocking(lambda: file.write(bytes(waiting)))
        except BaseException as error:
            # Not awaited in a thread: after a cancellation nothing may be awaited any more.
            file.__exit__(type(error), error, error.__traceback__)
            raise
        await self.blocking(lambda: file.__exit__(None, None, None))

    @asynccontextmanager
    async def _answer(self, request: Request, *, redirects: bool = False) -> AsyncIterator[httpx.Response]:
        """Sends it once and gives the 2xx answer before its body is read."""
        try:
            async with asyncio.timeout(request.timeout_s):
                response = await self._open(request)
                try:
                    if not (response.is_success or (redirects and response.has_redirect_location)):
                        raise await self._refusal(response, request)
                    yield response
                finally:
                    await response.aclose()
        except AnswerFault as fault:
            raise unusable(fault, self._context(request), response.status_code) from fault
        except (httpx.HTTPError, httpx.InvalidURL, UnpackFault, TimeoutError) as error:
            raise self._transfer_error(error, request) from error
        finally:
            if request.body and request.body.is_open:
                self._threads.submit(request.body.close)  # not awaited: it waits for a read that hangs

    async def _open(self, request: Request) -> httpx.Response:
        url = self.absolute(request.url)
        own = self.is_own(url)
        headers = {"user-agent": USER_AGENT, "accept": "application/json", "accept-encoding": "gzip", **request.headers}
        if own:
            headers |= self.settings.auth
        if request.body:
            await request.body.open(self._reading)
            headers |= {"content-type": request.body.content_type, "content-length": str(request.body.length)}
        client = self._client_for(request, own)
        prepared = client.build_request(
            request.method, url, params=request.query or None, headers=headers, content=request.body
        )
        if request.body:
            prepared.extensions["trace"] = _watch(request.body)
        if request.timeout_s is not None:
            prepared.extensions["timeout"]["read"] = request.timeout_s
        return await client.send(prepared, stream=True)

    def _client_for(self, request: Request, own: bool) -> httpx.AsyncClient | DirectClient:
        if not own:
            if self._foreign is None:
                self._foreign = self._client(reuse_s=0.0, foreign=True)
            return self._foreign
        return self._submits if request.context.call is Call.SUBMIT else self._reads

    async def _receive(self, response: httpx.Response, write: Write) -> None:
        """Hands on the decoded body in pieces. AnswerFault ``too_large`` beyond the configured size."""
        limit_bytes = self.settings.max_answer_bytes
        unpacker = Unpacker(response.headers.get("content-encoding", ""))
        received_bytes = 0
        async for raw in response.aiter_raw():
            for piece in unpacker.feed(raw):
                received_bytes += len(piece)
                if received_bytes > limit_bytes:
                    message = f"more than {limit_bytes} bytes, the most that max_answer_bytes allows"
                    raise AnswerFault("too_large", message, passing=False)
                await write(piece)
        unpacker.finish()

    async def _refusal(self, response: httpx.Response, request: Request) -> ProviderError:
        body = bytearray()
        try:
            unpacker = Unpacker(response.headers.get("content-encoding", ""))
            async for raw in response.aiter_raw():
                for piece in unpacker.feed(raw):
                    body += piece
                if len(body) > ERROR_BODY_BYTES:
                    break
        except (httpx.HTTPError, UnpackFault) as error:
            body += f" [{_reason(error)}]".encode()  # the status stands; only its explanation was cut
        for value in self.settings.auth.values():  # a server may repeat what it refuses
            body = body.replace(value.removeprefix("Bearer ").encode(), b"[secret]")
        answer = Answer(response.status_code, response.headers, bytes(body[:ERROR_BODY_BYTES]))
        return refusal(answer, self._context(request))

    def _context(self, request: Request) -> Context:
        complete = request.body is None or request.body.handed_over
        return replace(
            request.context, provider=self.settings.name, path=request.shown, now=self.now(), complete=complete
        )

    def _transfer_error(self, error: Exception, request: Request) -> ProviderError:
        """What a broken transfer means: nothing was sent, nobody knows, or just ask again."""
        message = f"{self.settings.name}: {request.shown}: {_reason(error)}"
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
            return Parked(message, hint="check the provider's url", needs_person=True)
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            certificate = _cause(error, ssl.SSLCertVerificationError) is not None
            hint = "if this certificate is your own, name its authority as the provider's ca_bundle"
            return Parked(message, hint=hint if certificate else None, needs_person=certificate)
        if request.context.call is Call.SUBMIT and request.body and request.body.handed_over:
            return Ambiguous(message, hint="the request was sent; whether it was accepted is not known")
        if request.body and not request.body.handed_over:
            return Unavailable(message, hint="the connection broke before the whole document was sent")
        return Unavailable(message)


def _watch(body: Body) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """Lets ``body`` stop when the server has answered early: 401 and 413 need not wait for gigabytes.

    Not through TLS, whose own messages make the socket readable as well.
    """

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.connect_unix_socket.complete"):
            stream = info["return_value"]
            body.answered_early = lambda: bool(stream.get_extra_info("is_readable"))
        elif event == "connection.start_tls.started":
            body.answered_early = None

    return trace


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def _tls(ca_bundle: Path | None, *, trust_env: bool) -> ssl.SSLContext:
    """Verifies against the usual authorities, or against those of ``ca_bundle`` alone."""
    if ca_bundle:
        return ssl.create_default_context(cafile=str(ca_bundle))
    return _usual_tls(trust_env)


@cache
def _usual_tls(trust_env: bool) -> ssl.SSLContext:
    """One for all: reading the authorities' certificates takes longer than a request on this machine."""
    return httpx.create_ssl_context(verify=True, trust_env=trust_env)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def _reason(error: Exception) -> str:
    """Why, in a few words that cannot contain a header or a link."""
    certificate = _cause(error, ssl.SSLCertVerificationError)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return one_line(f"the TLS certificate is not valid: {certificate.verify_message}")
    if _cause(error, ssl.SSLError):
        return "the TLS handshake failed"
    if _cause(error, socket.gaierror):
        return "the host name cannot be resolved"
    if isinstance(error, UnpackFault):
        return str(error)
    if isinstance(error, httpx.ProxyError):
        return "the proxy refused the connection"
    return _REASONS.get(type(error)) or _os_reason(error)


_REASONS: Mapping[type[Exception], str] = {
    TimeoutError: "took longer than it may",
    httpx.ConnectTimeout: "no connection in time",
    httpx.WriteTimeout: "the server stopped reading",
    httpx.ReadTimeout: "no answer in time",
    httpx.RemoteProtocolError: "the connection was cut",
    httpx.InvalidURL: "the URL is not valid",
    httpx.UnsupportedProtocol: "the URL is neither http nor https",
}


def _os_reason(error: Exception) -> str:
    cause = _cause(error, OSError)
    while isinstance(cause, OSError):
        if cause.errno:
            return os.strerror(cause.errno)  # asyncio puts addresses into ``strerror``
        cause = _cause(cause.__cause__ or cause.__context__, OSError)
    return "no connection" if isinstance(error, httpx.ConnectError) else "the connection was cut"
