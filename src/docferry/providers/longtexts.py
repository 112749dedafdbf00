"""JSON from a file with the middle of very long texts left out, so that none of them has to fit into memory.

Only blocks that lie wholly within one text are dropped, cut where neither an escape nor a character is torn. What
is wrong inside them is not found here.
"""

from __future__ import annotations

from typing import BinaryIO

BLOCK_BYTES = 65_536
KEPT_BLOCKS = 2  # of a text's middle: with six bytes to a character still more than an outline keeps of it

_HEX = frozenset(b"0123456789abcdefABCDEF")


class LongTexts:
    """A file to be read once, from its present position."""

    def __init__(self, file: BinaryIO, block_bytes: int = BLOCK_BYTES) -> None:
        self._file = file
        self._block_bytes = block_bytes
        self._held = b""
        self._in_text = False
        self._middle_blocks = 0  # since the present text began

    def read(self, size: int = -1) -> bytes:
        """The next piece, of whatever length suits; empty at the end."""
        if size == 0:
            return b""
        while block := self._file.read(self._block_bytes):
            data = self._held + block
            end = _whole_until(data)
            piece, self._held = data[:end], data[end:]
            if piece and not self._is_dropped(piece):
                return piece
        rest, self._held = self._held, b""
        return rest

    def _is_dropped(self, piece: bytes) -> bool:
        single = piece.replace(b"\\\\", b"")  # no backslash is left that another one escapes
        quotes = single.count(b'"') - single.count(b'\\"')
        if self._in_text and not quotes:
            self._middle_blocks += 1
            return self._middle_blocks > KEPT_BLOCKS
        self._middle_blocks = 0
        self._in_text ^= quotes % 2 == 1
        return False


def _whole_until(data: bytes) -> int:
    """Where the last whole character or escape ends."""
    for back in range(min(5, len(data))):  # behind a backslash: nothing, u, and up to three digits
        tail = data[len(data) - back :]
        if back and not (tail.startswith(b"u") and _HEX.issuperset(tail[1:])):
            continue
        before = data[: len(data) - back]
        if (len(before) - len(before.rstrip(b"\\"))) % 2:
            return len(before) - 1
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:  # the first byte of a character of two, three or four
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if wanted > back else len(data)
        if byte < 0x80:
            break
    return len(data)
