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
