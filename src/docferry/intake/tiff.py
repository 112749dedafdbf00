"""Are all pages of a TIFF in the file? Pure; the format's directories may lie before or behind their pixels."""

from __future__ import annotations

import struct
from collections.abc import Callable

ReadAt = Callable[[int, int], bytes]  # (offset, length) -> at most length bytes

_MOST_PAGES = 4096
_MOST_STRIPS = 65536
_ENTRY = 12
_SHORT, _LONG = 3, 4
_NOT_THERE = 1 << 62  # an offset behind every file's end
_OFFSETS = {273: 279, 324: 325}  # StripOffsets: StripByteCounts, TileOffsets: TileByteCounts


def tiff_is_whole(read_at: ReadAt, size_bytes: int) -> bool:
    """Whether every page's directory and pixels lie in the file, and the last directory says that it is the last."""
    head = read_at(0, 8)
    if len(head) < 8:
        return False
    order = "<" if head.startswith(b"II") else ">"
    offset = _number(order, head[4:8])
    if offset == 0:
        return False  # the writer fills this in when the first page is done
    for _ in range(_MOST_PAGES):
        if offset == 0:
            return True
        count = read_at(offset, 2)
        if len(count) < 2:
            return False
        entries = read_at(offset + 2, _ENTRY * _number(order, count))
        following = read_at(offset + 2 + len(entries), 4)
        if len(following) < 4 or len(entries) < _ENTRY * _number(order, count):
            return False
        if _pixels_end(read_at, order, entries) > size_bytes:
            return False
        offset = _number(order, following)
    return True  # a loop or a giant: not for us to judge


def _pixels_end(read_at: ReadAt, order: str, entries: bytes) -> int:
    """Where the last strip or tile of a page ends."""
    values = {
        tag: _values(read_at, order, entries[at : at + _ENTRY])
        for at in range(0, len(entries), _ENTRY)
        if (tag := _number(order, entries[at : at + 2])) in (*_OFFSETS, *_OFFSETS.values())
    }
    ends = [
        start + length
        for offsets, lengths in _OFFSETS.items()
        for start, length in zip(values.get(offsets, ()), values.get(lengths, ()), strict=False)
    ]
    return max(ends, default=0)


def _values(read_at: ReadAt, order: str, entry: bytes) -> list[int]:
    kind, count = struct.unpack(order + "HI", entry[2:8])
    if kind not in (_SHORT, _LONG) or count > _MOST_STRIPS:
        return []
    width = 2 if kind == _SHORT else 4
    data = entry[8:] if count * width <= 4 else read_at(_number(order, entry[8:]), count * width)
    if len(data) < count * width:
        return [_NOT_THERE]
    return [_number(order, data[at : at + width]) for at in range(0, count * width, width)]


def _number(order: str, data: bytes) -> int:
    return int.from_bytes(data, "little" if order == "<" else "big")
