"""The process that opens strangers' files: questions in, facts out, one JSON line each.

It is limited in memory, writes no files, and kills itself when a question takes too long, so that it cannot
outlive a daemon that was killed while it hung.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

from docferry.models import Json
from docferry.rules.known import WORKER_READY, unreadable
from docferry.rules.reading import read_facts

MEMORY_LIMIT_BYTES = 1_500_000_000
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answers questions until the other end closes."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    _limit()
    answers.write(WORKER_READY)
    for line in sys.stdin.buffer:
        question = json.loads(line)
        signal.alarm(question["limit_s"])
        answer = _answer(Path(question["path"]), question["names"])
        signal.alarm(0)
        answers.write(json.dumps(answer).encode() + b"\n")


def _answer(path: Path, names: list[str]) -> dict[str, Json]:
    try:
        return read_facts(path, names)
    except MemoryError:
        return {name: unreadable("reading it takes too much memory") for name in names}


def _limit() -> None:
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
