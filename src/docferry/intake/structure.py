"""Does a file end as its format demands? Pure: bytes in, a verdict out."""

from __future__ import annotations

import struct
from enum import StrEnum

from docferry.intake.tiff import ReadAt, tiff_is_whole

# Names whose content is recognised by its first bytes; without them it is something else, or a later part of one.
WELL_MARKED = (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".docx", ".xlsx", ".pptx", ".webp")

_TAIL_BYTES = 1024
_ZIP_TAIL_BYTES = 22 + 65535  # end record and the longest comment
_JPEG_TAIL_BYTES = 65536  # cameras append previews and other trailers behind the picture


class Structure(StrEnum):
    """What the end of a file says."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    OPEN_ENDED = "open-ended"  # whole so far, and of a format to which writers append page by page
    UNKNOWN = "unknown"  # a format without an end mark


def looks_complete(read_at: ReadAt, size_bytes: int) -> Structure:
    """The verdict on a file of ``size_bytes`` that ``read_at`` reads from."""
    head = read_at(0, 16)
    if not head.strip(b"\0"):
        return Structure.INCOMPLETE  # empty, or preallocated and not written yet
    if head.startswith(b"%PDF-"):
        return _verdict(b"%%EOF" in _tail(read_at, size_bytes, _TAIL_BYTES))
    if head.startswith(b"PK\x03\x04"):
        return _verdict(_zip_ends(read_at, size_bytes))
    if head.startswith(b"\xff\xd8\xff"):
        return _verdict(b"\xff\xd9" in _tail(read_at, size_bytes, _JPEG_TAIL_BYTES))
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _verdict(b"IEND\xae\x42\x60\x82" in _tail(read_at, size_bytes, _TAIL_BYTES))
    if head[:4] in (b"II*\0", b"MM\0*"):
        return Structure.OPEN_ENDED if tiff_is_whole(read_at, size_bytes) else Structure.INCOMPLETE
    if head.startswith(b"RIFF") and len(head) >= 12 and head[8:12] == b"WEBP":
        return _verdict(struct.unpack("<I", head[4:8])[0] + 8 <= size_bytes)
    return Structure.UNKNOWN


def _verdict(whole: bool) -> Structure:
    return Structure.COMPLETE if whole else Structure.INCOMPLETE


def _tail(read_at: ReadAt, size_bytes: int, length: int) -> bytes:
    start = max(0, size_bytes - length)
    return read_at(start, size_bytes - start)


def _zip_ends(read_at: ReadAt, size_bytes: int) -> bool:
    """Whether there is an end record whose directory of contents lies in the file."""
    for length in (_TAIL_BYTES, _ZIP_TAIL_BYTES):
        tail = _tail(read_at, size_bytes, length)
        at = tail.rfind(b"PK\x05\x06")
        if at >= 0 and len(tail) - at >= 22:
            directory_bytes, offset, comment_bytes = struct.unpack("<IIH", tail[at + 12 : at + 22])
            is_zip64 = 0xFFFFFFFF in (directory_bytes, offset)
            directory_is_there = is_zip64 or offset + directory_bytes <= size_bytes - len(tail) + at
            return bool(directory_is_there and at + 22 + comment_bytes <= len(tail))
    return False
