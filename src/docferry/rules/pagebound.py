"""How many pages a small file can have at most, told by its bytes alone and without a process of its own.

Nothing is parsed that could hang or crash us: names are searched for, and streams are unpacked up to a bound.
Counting exactly is ``pagecount``'s work, in the worker.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

from docferry.rules.sniff import decoded

TEXT_PAGE_BYTES = 2000  # no page of a letter in common type holds less before the next one begins
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM")
_CONTAINERS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"{\\rtf", b"%!PS")

_COUNT = re.compile(rb"/Count[\x00\t\n\f\r ]{0,16}(\d{1,9})([\x00\t\n\f\r ]{1,16}\d{1,5}[\x00\t\n\f\r ]{1,16}R)?")
_PACKED = re.compile(rb"/ObjStm\b")
_STREAM = re.compile(rb"stream\r?\n")
_UNPACKED_LIMIT_BYTES = 8_000_000
_FED_BYTES = 65_536  # at a time: what follows a stream is copied with each of them


def pages_at_most(path: Path, size_bytes: int, longest_bytes: int) -> int | None:
    """A bound for a picture of one page, a short text or a PDF; None where only a reader of the format knows.

    ``longest_bytes``: larger files are not looked into. OSError when the file cannot be read.
    """
    if not 0 < size_bytes <= longest_bytes:
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return bound_of(file.read(longest_bytes))


def bound_of(content: bytes) -> int | None:
    """The same for a file's whole content."""
    if content.startswith(_PICTURES) or content[8:12] == b"WEBP":
        return 1
    if b"%PDF-" in content[:1024]:
        return _pages_of_pdf(content)
    if content.startswith(_CONTAINERS) or decoded(content[:4096]) is None:
        return None
    return -(-len(content) // TEXT_PAGE_BYTES)


def _pages_of_pdf(content: bytes) -> int | None:
    """The largest count of any node: that of the page tree's root, or of a longer outline. None if some are hidden."""
    pieces = [content]
    if _PACKED.search(content):
        unpacked = _unpacked(content)
        if unpacked is None:
            return None
        pieces += unpacked
    counts = [match for piece in pieces for match in _COUNT.finditer(piece)]
    if any(match[2] for match in counts):  # it stands elsewhere
        return None
    return max((int(match[1]) for match in counts), default=0) or None


def _unpacked(content: bytes) -> list[bytes] | None:
    """Every stream that holds objects; None when one cannot be unpacked, or all together are too large."""
    found, left_bytes = [], _UNPACKED_LIMIT_BYTES
    for packed in _PACKED.finditer(content):
        begin = _STREAM.search(content, packed.end(), packed.end() + 1000)
        data = _inflated(content, begin.end(), left_bytes) if begin else None
        if data is None:
            return None
        left_bytes -= len(data) + _FED_BYTES // 16  # empty ones take time too
        found.append(data)
    return found


def _inflated(content: bytes, start: int, longest_bytes: int) -> bytes | None:
    decoder, data = zlib.decompressobj(), bytearray()
    for at in range(start, len(content), _FED_BYTES):
        try:
            data += decoder.decompress(content[at : at + _FED_BYTES], max(1, longest_bytes - len(data) + 1))
        except zlib.error:
            return None
        if decoder.eof:
            return bytes(data)
        if decoder.unconsumed_tail:
            return None  # more than may be
    return None
