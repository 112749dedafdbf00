"""Named places where a test may kill this process, to prove that nothing is lost there.

``failpoint("name")`` does nothing unless the environment variable ``DOCFERRY_FAILPOINT`` was set when the
process started: ``name`` or ``name:3`` kills with SIGKILL at the first or third time that place is reached,
``*:3`` at the third place of any name. Only tests set it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable


def _target() -> tuple[str, int] | None:
    wish = os.environ.get("DOCFERRY_FAILPOINT")
    if not wish:
        return None
    name, _, count = wish.partition(":")
    return name, int(count or 1)


_TARGET = _target()
_lock = threading.Lock()
_hits = 0


def failpoint(name: str) -> None:
    """Returns at once, except in a test that asked for this process's death at ``name``."""
    if _TARGET is not None and _TARGET[0] in (name, "*"):
        _count_and_die(_TARGET[1])
    if _simulator is not None:
        _simulator(name)


def simulate(simulator: Callable[[str], None] | None) -> None:
    """Lets a simulation in this process decide what happens at every failpoint; None ends it."""
    global _simulator
    _simulator = simulator


_simulator: Callable[[str], None] | None = None


def _count_and_die(wanted: int) -> None:
    global _hits
    with _lock:
        _hits += 1
        if _hits == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
