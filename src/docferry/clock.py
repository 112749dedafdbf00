"""Time as an argument: the daemon passes the real clock, tests and the simulator pass their own."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What docferry asks of time.

    ``now()`` is wall time, for records and for moments that must survive a restart (Unix seconds, UTC).
    ``elapsed()`` never jumps and goes on while the machine sleeps: for quiet periods and timeouts (seconds).
    """

    def now(self) -> float: ...

    def elapsed(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock. CLOCK_BOOTTIME counts a suspended night, CLOCK_MONOTONIC would not."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def iso(moment: float | None) -> str | None:
    """A Unix moment as ISO 8601 in UTC with milliseconds, ``2026-03-01T12:00:00.000Z``."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """``3 min``: a length of time in the largest unit that says enough."""
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def ago(moment: float | None, now: float) -> str:
    """How long ago a moment was, or how far ahead it is, as ``duration`` words it."""
    return "–" if moment is None else duration(abs(now - moment))
