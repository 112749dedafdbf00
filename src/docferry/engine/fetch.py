"""Documents fetched from a URL that a client names: hostile input that could make us read our own network.

Every hop's host is resolved here, each of its addresses is checked, and the connection goes to a checked address, so
that a name which changes its address between check and use gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from pathlib import Path
from urllib.parse import unquote, urljoin

import httpx

from docferry.engine import s3
from docferry.engine.records import Source
from docferry.engine.settings import Limits

REDIRECTS = 5
PARALLEL = 8
CONNECT_S = 10.0
NAME_LENGTH = 255
REDIRECT_STATUSES = {301, 302, 303, 307, 308}


class FetchFailed(Exception):
    def __init__(self, message: str, code: str = "FILE_005") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Fetcher:
    """Fetches with limits on size, time, redirects and addresses; a few at a time."""

    def __init__(self, limits: Limits, *, allow_private: bool, objects: s3.S3 | None = None) -> None:
        self._limits = limits
        self._allow_private = allow_private
        self._objects = objects
        self._turns = asyncio.Semaphore(PARALLEL)

    async def fetch(self, url: str, target: Path) -> int:
        """Write what ``url`` gives to ``target``; its size in bytes. No message repeats the URL: it may be signed."""
        async with self._turns:
            try:
                async with asyncio.timeout(self._limits.fetch_time_s):
                    if self._objects is not None and url.startswith(s3.SCHEME):
                        return await self._objects.fetch(url, target, self._limits.upload_bytes)
                    return await self._follow(url, target)
            except TimeoutError:
                raise FetchFailed(f"the download took longer than {self._limits.fetch_time_s:g} s") from None
            except s3.S3Failed as error:
                raise FetchFailed(error.message, error.code) from error
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
                raise FetchFailed(f"the document could not be downloaded ({type(error).__name__})") from error

    async def _follow(self, url: str, target: Path) -> int:
        async with httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(30.0, connect=CONNECT_S)) as client:
            for _ in range(REDIRECTS + 1):
                request = await self._request(client, url)
                response = await client.send(request, stream=True)
                try:
                    if response.status_code not in REDIRECT_STATUSES:
                        return await self._receive(response, target)
                    url = urljoin(url, response.headers.get("location", ""))
                finally:
                    await response.aclose()
        raise FetchFailed(f"the download was redirected more than {REDIRECTS} times")

    async def _request(self, client: httpx.AsyncClient, url: str) -> httpx.Request:
        """A request that connects to a checked address and still names the host, also to TLS."""
        parsed = httpx.URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise FetchFailed("only http and https URLs are fetched")
        address = await self._address(parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))
        headers = {"Host": parsed.netloc.decode("ascii"), "Accept": "*/*"}
        pinned = parsed.copy_with(host=address, username="", password="")
        extensions = {"sni_hostname": parsed.host}
        return client.build_request("GET", pinned, headers=headers, extensions=extensions)

    async def _address(self, host: str, port: int) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses:
            raise FetchFailed("the URL's host has no address")
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise FetchFailed("the URL leads to a private address, which this engine does not fetch from")
        return addresses[0]

    async def _receive(self, response: httpx.Response, target: Path) -> int:
        if response.status_code != httpx.codes.OK:
            raise FetchFailed(f"the URL's server answered {response.status_code}")
        size_bytes = 0
        with target.open("wb") as file:
            async for chunk in response.aiter_bytes(256 * 1024):
                size_bytes += len(chunk)
                if size_bytes > self._limits.upload_bytes:
                    raise FetchFailed(f"the document is larger than {self._limits.upload_bytes} bytes", "FILE_002")
                await asyncio.to_thread(file.write, chunk)
        return size_bytes


def is_public(address: str) -> bool:
    """Whether anyone may be reached there but ourselves and our neighbours."""
    parsed = ipaddress.ip_address(address.split("%", 1)[0])
    embedded = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    if embedded is not None:
        parsed = embedded
    return parsed.is_global and not parsed.is_multicast


def name_of_url(url: str) -> str:
    """The last segment of the URL's path, without query: what a document fetched from there is called."""
    path = url.split("#", 1)[0].split("?", 1)[0].split("://", 1)[-1].partition("/")[2]
    return unquote(path.rstrip("/").rsplit("/", 1)[-1])[:NAME_LENGTH] or "document"


def source_at(url: str) -> Source:
    return Source(name_of_url(url), url=url)
