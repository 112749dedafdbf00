"""What docferry tells systemd, and whether it may claim to be alive.

The messages go through systemd-python, an optional extra. Without NOTIFY_SOCKET every call does nothing, so that
the daemon need not know who started it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from docferry.errors import UsageError


class Notifier:
    """Speaks sd_notify(3). Raises UsageError at once where systemd waits for READY and nobody could say it."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self.enabled = bool(environ.get("NOTIFY_SOCKET"))
        self.watchdog_s = watchdog_period_s(environ, pid) if self.enabled else None
        self._send: Callable[[str], object] = _sender() if self.enabled else _silence
        self._status = ""

    def ready(self, status: str) -> None:
        """Every inbox was scanned once and the ledger is open; also ends a reload."""
        self._status = status
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """Shows ``text`` in ``systemctl status``; says nothing when it has not changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={_one_line(text)}")

    def reloading(self) -> None:
        """A reload begins; ``ready`` must follow, whether it went well or not."""
        # systemd compares this with its own CLOCK_MONOTONIC, so no other clock will do.
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """The daemon is on its way out."""
        self._status = status
        self._send(f"STOPPING=1\nSTATUS={_one_line(status)}")

    def extend_timeout(self, seconds: float) -> None:
        """Asks for ``seconds`` more from now before systemd loses patience with a start, reload or stop."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def watchdog(self) -> None:
        """Says that every part is alive. Call it only on ``judge``'s word."""
        self._send("WATCHDOG=1")


def watchdog_period_s(environ: Mapping[str, str], pid: int) -> float | None:
    """How long systemd lets us be silent, or None where no watchdog is set for this process."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    period_us = environ.get("WATCHDOG_USEC", "")
    return int(period_us) / 1_000_000 if period_us.isdecimal() and int(period_us) > 0 else None


def _sender() -> Callable[[str], object]:
    try:
        from systemd.daemon import notify  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise UsageError(
            "systemd waits for a READY message (NOTIFY_SOCKET is set), but systemd-python is not installed",
            hint="pip install 'docferry[systemd]', or set Type=exec in the unit",
        ) from error
    return cast("Callable[[str], object]", notify)


def _silence(message: str) -> None:
    """Nobody listens."""


def _one_line(text: str) -> str:
    """A newline would begin the next assignment of the message."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Mark:
    """When a part last made progress (``Clock.elapsed()``), and how long it may be silent."""

    progress_at: float
    allowed_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to feed the watchdog; ``blind`` names the parts that made no progress, with their silence in seconds."""

    feed: bool
    blind: Mapping[str, float]

    def __str__(self) -> str:
        if self.feed:
            return "every part makes progress"
        return ", ".join(f"{name} silent for {silence:.0f} s" for name, silence in self.blind.items())


def judge(marks: Mapping[str, Mark], elapsed: float) -> Verdict:
    """Feed only while every part has made progress within its time: a daemon that sees nothing must be restarted."""
    blind = {
        name: elapsed - mark.progress_at for name, mark in marks.items() if elapsed - mark.progress_at > mark.allowed_s
    }
    return Verdict(feed=not blind, blind=blind)


class Progress:
    """Where the daemon's parts leave their marks. Any thread may call ``made``."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._marks: dict[str, Mark] = {}

    def expect(self, part: str, allowed_s: float) -> None:
        """From now on ``part`` must make progress at least every ``allowed_s`` seconds."""
        with self._lock:
            self._marks[part] = Mark(self._elapsed(), allowed_s)

    def made(self, part: str) -> None:
        """``part`` has just made progress. A part that is not expected (any more) is ignored."""
        with self._lock:
            mark = self._marks.get(part)
            if mark is not None:
                self._marks[part] = Mark(self._elapsed(), mark.allowed_s)

    def forget(self, part: str) -> None:
        """``part`` has ended on purpose (an inbox that a reload removed)."""
        with self._lock:
            self._marks.pop(part, None)

    def marks(self) -> dict[str, Mark]:
        with self._lock:
            return dict(self._marks)

    def judge(self) -> Verdict:
        return judge(self.marks(), self._elapsed())
