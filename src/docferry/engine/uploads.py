"""Forms with documents in them, streamed to disk as they arrive.

Options come after the file: nothing is decided before the whole form is here. A part is a document if it has a file
name, or is one of the named text fields that carry a document (base64); everything else is a field. Neither the file
name nor the content type is believed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from docferry.engine.errors import Refusal
from docferry.engine.records import Source
from docferry.engine.settings import Limits

BUFFER_BYTES = 1024 * 1024
CHUNK_WAIT_S = 60.0  # for the next piece of a body
MAX_PARTS = 1000
NAME_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A document on disk. ``name`` is what the client called it."""

    field: str
    name: str
    path: Path
    size_bytes: int


@dataclass(slots=True)
class Form:
    """Fields in order of arrival, and documents. Leaving it as a context removes the documents nobody has taken."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)

    def __enter__(self) -> Form:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for upload in self.uploads:
            upload.path.unlink(missing_ok=True)


def source_of(upload: Upload) -> Source:
    return Source(upload.name, path=upload.path, size_bytes=upload.size_bytes)


async def receive_form(
    request: Request, incoming: Path, limits: Limits, *, documents_in_text: Collection[str] = ()
) -> Form:
    """The whole form; its documents lie in ``incoming``. Too much, or what is no form, is a Refusal."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refusal("REQ_002", "the body must be multipart/form-data with a boundary")
    reader = _FormReader(options[b"boundary"], incoming, limits, documents_in_text)
    try:
        await _feed(request, reader)
    except BaseException:
        reader.discard()
        raise
    return reader.form


async def receive_body(request: Request, limit_bytes: int) -> bytes:
    """A body that is held in memory."""
    body = bytearray()
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > limit_bytes:
            raise Refusal("FILE_002", f"the body is larger than {limit_bytes} bytes")
    return bytes(body)


def decode_base64(source: Path, target: Path) -> int:
    """Write the bytes that the base64 text in ``source`` stands for; their number. ValueError if it is no base64."""
    size_bytes = 0
    rest = b""
    with source.open("rb") as text, target.open("wb") as file:
        first = text.read(BUFFER_BYTES)
        if first.startswith(b"data:") and b"," in first[:200]:
            first = first.split(b",", 1)[1]
        while first or rest:
            clean = rest + b"".join(first.split())
            usable = len(clean) - len(clean) % 4 if first else len(clean)
            size_bytes += file.write(base64.b64decode(clean[:usable], validate=True))
            rest = clean[usable:]
            if not first:
                break
            first = text.read(BUFFER_BYTES)
    return size_bytes


class _FormReader:
    """The parser's callbacks: collects small fields in memory, buffers documents for their file."""

    def __init__(self, boundary: bytes, incoming: Path, limits: Limits, documents_in_text: Collection[str]) -> None:
        self.form = Form()
        self.has_ended = False
        self._incoming = incoming
        self._limits = limits
        self._documents_in_text = documents_in_text
        self._parts = 0
        self._fields_bytes = 0
        self._headers: dict[str, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._field_name = ""
        self._file_name: str | None = None
        self._is_json = False
        self._buffer = bytearray()
        self._file: BinaryIO | None = None
        self._path = incoming
        self._size_bytes = 0
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value_part,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_content,
                "on_part_data": self._content,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    @property
    def is_full(self) -> bool:
        """Whether the buffer should be written out now, off the event loop."""
        return self._file is not None and len(self._buffer) >= BUFFER_BYTES

    def flush(self) -> None:
        if self._file is not None:
            self._file.write(self._buffer)
            self._buffer.clear()

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
        with self.form:
            pass

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Refusal("REQ_002", f"the form has more than {MAX_PARTS} parts")
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b"").decode("latin-1"))
        self._field_name = _text(options.get(b"name", b""))
        self._is_json = self._headers.get("content-type", b"").strip().lower().startswith(b"application/json")
        file_name = options.get(b"filename")
        self._file_name = _text(file_name)[:NAME_LENGTH] if file_name is not None else None
        if file_name is None and self._field_name in self._documents_in_text:
            self._file_name = ""
        self._buffer = bytearray()
        self._size_bytes = 0
        if self._file_name is not None:
            if len(self.form.uploads) >= self._limits.batch_files + 1:
                raise Refusal("REQ_003", f"more than {self._limits.batch_files} files")
            self._path = self._incoming / uuid.uuid4().hex
            self._file = self._path.open("wb")

    def _content(self, data: bytes, start: int, end: int) -> None:
        self._buffer += memoryview(data)[start:end]
        if self._file is not None:
            self._size_bytes += end - start
            allowed = self._limits.upload_bytes
            if self._field_name in self._documents_in_text:
                allowed = allowed * 3 // 2  # base64, perhaps with line ends
            if self._size_bytes > allowed:
                raise Refusal("FILE_002", f"the document is larger than {self._limits.upload_bytes} bytes")
            return
        self._fields_bytes += end - start
        if self._fields_bytes > self._limits.field_bytes:
            raise Refusal("FILE_002", f"the form's text fields are larger than {self._limits.field_bytes} bytes")

    def _end_part(self) -> None:
        if self._file is None:
            self.form.fields.append((self._field_name, self._field_text()))
            return
        self.flush()
        self._file.close()
        self._file = None
        assert self._file_name is not None
        upload = Upload(self._field_name, self._file_name, self._path, self._size_bytes)
        if upload.size_bytes == 0 and not upload.name:  # a browser's file box in which nothing was chosen
            self._path.unlink()
        else:
            self.form.uploads.append(upload)

    def _field_text(self) -> str:
        """A field's text. One sent as JSON is taken out of its JSON string literal, if it is one."""
        text = _text(bytes(self._buffer))
        if self._is_json and text.lstrip().startswith('"'):
            with contextlib.suppress(ValueError):
                literal = json.loads(text)
                return literal if isinstance(literal, str) else text
        return text

    def _end(self) -> None:
        self.has_ended = True


async def _feed(request: Request, reader: _FormReader) -> None:
    try:
        async for chunk in _chunks(request):
            reader.parser.write(chunk)
            if reader.is_full:
                await asyncio.to_thread(reader.flush)
        reader.parser.finalize()
    except FormParserError as error:
        raise Refusal("REQ_002", "the body is not valid multipart/form-data") from error
    if not reader.has_ended:
        raise Refusal("REQ_002", "the form ends before its closing boundary")


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives; a Refusal if it stops arriving."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(CHUNK_WAIT_S):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refusal("REQ_002", f"the body did not go on within {CHUNK_WAIT_S:.0f} s", status=408) from None
        yield chunk


def _text(data: bytes) -> str:
    """Names and fields come as UTF-8, rarely as Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
