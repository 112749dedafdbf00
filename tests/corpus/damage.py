"""Random damage to a file, as broken disks, broken transfers and fuzzers do it."""

from __future__ import annotations

import random


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content cut off, with bytes changed, a stretch missing, doubled or zeroed."""
    data = bytearray(content)
    start = rng.randrange(len(data))
    length = rng.randint(1, max(1, len(data) // 8))
    match rng.randrange(5):
        case 0:
            del data[max(1, start) :]
        case 1:
            for _ in range(rng.randint(1, 40)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        case 2:
            del data[start : start + length]
        case 3:
            data[start:start] = data[start : start + length]
        case _:
            data[start : start + length] = bytes(len(data[start : start + length]))
    return bytes(data) or b"\0"
