"""Decodes compressed answers in bounded pieces, so that a small answer cannot fill the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PIECE_BYTES = 1 << 20
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class UnpackFault(Exception):
    """The body's encoding is not one we asked for, broken or cut."""


class Unpacker:
    """Undoes one Content-Encoding."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in _WINDOWS and name not in ("", "identity"):
            raise UnpackFault(f"an encoding that was not asked for: {name[:40]}")
        self._decoder = zlib.decompressobj(_WINDOWS[name]) if name in _WINDOWS else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields decoded pieces of at most a megabyte."""
        if self._decoder is None:
            yield data
            return
        try:
            while data and not self._decoder.eof:
                yield self._decoder.decompress(data, PIECE_BYTES)
                data = self._decoder.unconsumed_tail
        except zlib.error as error:
            raise UnpackFault("compressed data that is broken") from error

    def finish(self) -> None:
        """Call at the end: UnpackFault when the compressed data was cut."""
        if self._decoder is not None and not self._decoder.eof:
            raise UnpackFault("compressed data that ends in the middle")
