"""Request bodies of known length that are streamed from one open descriptor and hashed on the way.

The end of a body is sent only when the document is proven unchanged. So a request whose end was not handed
over cannot have been accepted by anyone, and ``Body.handed_over`` tells a refused call from an ambiguous one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import stat
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import httpcore
import httpx

from docferry.errors import DocumentChanged, InboxOffline, IntakeError
from docferry.folders import AWAY
from docferry.models import Json, display
from docferry.providers.base import SentFile, Upload

# Divisible by 3, so that base64 of the chunks is the base64 of the whole. Larger chunks cost memory for each
# upload, smaller ones cost a thread switch each: 64 KiB takes four times as long for 1 GB.
CHUNK_BYTES = 3 << 18

Result = TypeVar("Result")


class RunBlocking(Protocol):
    """Runs a call that may block in a thread and gives its result."""

    def __call__(self, call: Callable[[], Result], /) -> Awaitable[Result]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form. ``content`` is text, or the document itself."""

    name: str
    content: str | Upload
    filename: str | None = None
    content_type: str | None = None
    as_base64: bool = False


Piece = tuple[bytes, SentFile | None]


class OpenDocument:
    """A document open for sending: read once, hashed, and compared with itself at the end. Its methods block."""

    def __init__(self, upload: Upload, as_base64: bool) -> None:
        self._upload = upload
        self._as_base64 = as_base64
        self._hash = hashlib.sha256()
        self._read_bytes = 0
        self._fd = -1
        self._in_use = threading.Lock()  # an abandoned read may still be under way when the document is closed

    @property
    def length(self) -> int:
        size = self._upload.size_bytes
        return (size + 2) // 3 * 4 if self._as_base64 else size

    @property
    def read_bytes(self) -> int:
        return self._read_bytes

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def open(self) -> None:
        """Opens the file without following a link and without waiting on a FIFO."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open(self._upload.path, flags)
            self._before = os.fstat(self._fd)
        except FileNotFoundError as error:
            raise DocumentChanged(f"{self._name} is gone") from error
        except OSError as error:
            raise self._unreadable(error, "opened") from error
        if not stat.S_ISREG(self._before.st_mode):
            raise DocumentChanged(f"{self._name} is not a regular file")
        if self._before.st_size != self._upload.size_bytes:
            raise DocumentChanged(
                f"{self._name} has {self._before.st_size} bytes, {self._upload.size_bytes} when it was read before"
            )

    def begin(self) -> Piece:
        """Opens the file and reads the first piece: for most documents all there is, in one call."""
        self.open()
        return self.read()

    def read(self) -> Piece:
        """The next piece as it goes over the wire, and with the last one what was read in all; then it is closed."""
        left_bytes = self._upload.size_bytes - self._read_bytes
        with self._in_use:
            data = self._read_exactly(min(CHUNK_BYTES, left_bytes))
        self._hash.update(data)
        self._read_bytes += len(data)
        sent = self._verify() if len(data) == left_bytes else None
        return base64.b64encode(data) if self._as_base64 else data, sent

    def _read_exactly(self, wanted_bytes: int) -> bytes:
        # A short read in the middle would break the base64 alignment.
        try:
            data = os.read(self._fd, wanted_bytes)
            while len(data) < wanted_bytes and (more := os.read(self._fd, wanted_bytes - len(data))):
                data += more
        except OSError as error:
            raise self._unreadable(error, "read") from error
        if len(data) < wanted_bytes:
            raise DocumentChanged(f"{self._name} became shorter while it was sent")
        return data

    def _verify(self) -> SentFile:
        """What was read. DocumentChanged unless the file is what it was at the beginning."""
        try:
            after = os.fstat(self._fd)
        except OSError as error:
            raise self._unreadable(error, "looked at") from error
        if _fingerprint(after) != _fingerprint(self._before):
            raise DocumentChanged(f"{self._name} was changed while it was sent")
        self.close()
        return SentFile(self._read_bytes, self._hash.hexdigest())

    def close(self) -> None:
        with self._in_use:
            if self._fd >= 0:
                descriptor, self._fd = self._fd, -1
                os.close(descriptor)

    def _unreadable(self, error: OSError, what: str) -> IntakeError:
        kind = InboxOffline if error.errno in AWAY else IntakeError
        return kind(f"{self._name} cannot be {what}: {error.strerror}")

    @property
    def _name(self) -> str:
        return display(os.fspath(self._upload.path))


def _fingerprint(facts: os.stat_result) -> tuple[int, int, int, int, int]:
    # ctime too: whoever writes and then sets the old mtime again cannot set that.
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


class Body(httpx.AsyncByteStream):
    """A body that is sent once. Use as an async context manager around the request."""

    def __init__(
        self,
        before: bytes,
        content_type: str,
        *,
        upload: Upload | None = None,
        as_base64: bool = False,
        after: bytes = b"",
    ) -> None:
        self._before = before
        self._after = after
        self._upload = upload
        self._document = OpenDocument(upload, as_base64) if upload else None
        self._run: RunBlocking | None = None
        self._first: Piece | None = None
        self.content_type = content_type
        self.length = len(before) + len(after) + (self._document.length if self._document else 0)
        self.handed_over = False
        self.sent: SentFile | None = None
        self.answered_early: Callable[[], bool] | None = None  # whether the server has spoken before the end

    async def open(self, run: RunBlocking) -> None:
        """Opens the document. DocumentChanged, IntakeError, InboxOffline."""
        self._run = run
        if self._document:
            self._first = await run(self._document.begin)

    @property
    def is_open(self) -> bool:
        """Whether the document must be closed still."""
        return self._document is not None and self._document.is_open

    def close(self) -> None:
        """Blocks while a read is under way."""
        if self._document:
            self._document.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._document is None:
            self.handed_over = True
            yield self._before
            return
        yield self._before
        async for chunk in self._document_chunks(self._document):
            yield chunk
        # Set before the end is given away: from here on nobody can say whether it arrived.
        self.handed_over = True
        yield self._after

    async def _document_chunks(self, document: OpenDocument) -> AsyncIterator[bytes]:
        assert self._run is not None
        assert self._upload is not None
        while self.sent is None:
            first, self._first = self._first, None
            chunk, self.sent = first if first is not None else await self._run(document.read)
            if self.answered_early and self.answered_early():
                # httpcore's own way to say "stop sending and read the answer".
                raise httpcore.WriteError("the server answered before the whole document was sent")
            yield chunk
            if self._upload.progress:
                self._upload.progress(document.read_bytes)


def json_body(value: Json) -> Body:
    """``value`` as a JSON request body."""
    return Body(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), "application/json")


def multipart_body(parts: Iterable[Part], boundary: str | None = None) -> Body:
    """``parts`` as multipart/form-data, in the order given. At most one of them is the document."""
    boundary = boundary or secrets.token_hex(16)
    before = bytearray()
    after = bytearray()
    document: Part | None = None
    target = before
    for part in parts:
        target += _part_head(part, boundary)
        if isinstance(part.content, Upload):
            document, target = part, after
        else:
            target += part.content.encode("utf-8", "replace")
        target += b"\r\n"
    target += f"--{boundary}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={boundary}"
    if document is None:
        return Body(bytes(before), content_type)
    assert isinstance(document.content, Upload)
    return Body(bytes(before), content_type, upload=document.content, as_base64=document.as_base64, after=bytes(after))


def _part_head(part: Part, boundary: str) -> bytes:
    lines = [f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"']
    if part.filename is not None:
        lines.append(f'; filename="{_quoted(part.filename)}"')
    if part.content_type is not None:
        lines.append(f"\r\nContent-Type: {part.content_type}")
    lines.append("\r\n\r\n")
    return "".join(lines).encode("utf-8", "replace")


def _quoted(text: str) -> str:
    """Escaped as browsers do (HTML standard, multipart/form-data), so that a name cannot end its header."""
    return re.sub(r'[\x00-\x1f\x7f"]', lambda match: f"%{ord(match[0]):02X}", text)
