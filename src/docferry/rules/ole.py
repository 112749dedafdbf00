"""The names of the streams in an OLE compound file (old Office, Outlook): just enough to tell what it is.

Layout: [MS-CFB]. Chains come from a stranger, so each is followed for a limited number of sectors.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

_SECTOR_LIMIT = 256
_END = 0xFFFFFFFA  # from here on numbers mean "end of chain", "free" and the like
_ENTRY_BYTES = 128
_HEADER_TABLE = 109


def stream_names(file: BinaryIO) -> frozenset[str]:
    """The names in the directory of the compound file; fewer, or none, when it is damaged."""
    file.seek(0)
    header = file.read(512)
    if len(header) < 512:
        return frozenset()
    shift, first = struct.unpack_from("<H", header, 30)[0], struct.unpack_from("<I", header, 48)[0]
    if shift not in (9, 12):
        return frozenset()
    table = struct.unpack_from(f"<{_HEADER_TABLE}I", header, 76)
    names: set[str] = set()
    sector, seen = first, 0
    while sector < _END and seen < _SECTOR_LIMIT:
        names |= _names_in(_sector(file, sector, shift))
        sector = _next(file, sector, shift, table)
        seen += 1
    return frozenset(names)


def _sector(file: BinaryIO, number: int, shift: int) -> bytes:
    file.seek((number + 1) << shift)
    return file.read(1 << shift)


def _next(file: BinaryIO, sector: int, shift: int, table: tuple[int, ...]) -> int:
    per_sector = 1 << (shift - 2)
    which, index = divmod(sector, per_sector)
    if which >= len(table) or table[which] >= _END:
        return _END
    entries = _sector(file, table[which], shift)
    return int(struct.unpack_from("<I", entries, index * 4)[0]) if len(entries) >= index * 4 + 4 else _END


def _names_in(sector: bytes) -> set[str]:
    names: set[str] = set()
    for start in range(0, len(sector) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        length = struct.unpack_from("<H", sector, start + 64)[0]
        if 2 <= length <= 64:
            names.add(sector[start : start + length - 2].decode("utf-16-le", "replace"))
    return names
