"""A worker process: reads tasks as lines of JSON, performs each, answers in lines of JSON.

Started by the pool as ``python -m docferry.engine.worker MEMORY_BYTES``. When its input closes, the server has gone:
the worker then ends at once with everything it started, even in the middle of a task, which will be run again.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import json
import logging
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docferry.engine import work

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
NICENESS = 5  # the server answers polls even when every core works
# Libraries reserve more than they use, so resident memory is what counts, and the pool watches it; what a document
# claims between two looks of the pool is stopped here.
RESERVED_BYTES = 2 * 1024 * 1024 * 1024
# A document is a great many objects that live until it is done. Looking for cycles among them after every 700, as
# Python does, costs about 4 % of the CPU of a long PDF.
OBJECTS_BETWEEN_COLLECTIONS = 50_000


def main() -> None:
    """Work until the input closes."""
    answers = _claim_stdout()
    _guard(int(sys.argv[1]))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(tasks,), name="tasks", daemon=True).start()
    work.warm()
    gc.freeze()  # the libraries stay: no collection need go through them again
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    _say(answers, {"event": "ready"})
    while True:
        task = tasks.get()
        _say(answers, {"event": "ended", **_perform(task, answers)})


def _perform(task: Mapping[str, Any], answers: int) -> dict[str, Any]:
    """What the pool is told of the task: facts of its result, or why there is none."""
    started_at = time.monotonic()
    try:
        answer = {"facts": work.perform(task, lambda event: _say(answers, dict(event)))}
    except work.TaskFailed as error:
        answer = {"failure": {"code": error.code, "message": error.message}}
    except OSError as error:
        log.exception("a task failed by a file error job=%s", task.get("id"))
        message = f"the engine could not write or read a file of its own: {error.strerror}"
        answer = {"failure": {"code": "GENERAL_503", "message": message}}
    except MemoryError:
        answer = {"failure": {"code": "PROC_002", "message": "the document needs more memory than it may have"}}
    except Exception:  # the task's outer edge
        log.exception("a task failed by a defect job=%s kind=%s", task.get("id"), task.get("kind"))
        message = "the engine has a defect that this document shows; its log says more"
        answer = {"failure": {"code": "PROC_004", "message": message}}
    time.sleep(max(0.0, float(task.get("hold_s", 0.0)) - (time.monotonic() - started_at)))
    return answer


def _claim_stdout() -> int:
    """A descriptor for answers only. What libraries print goes to stderr instead."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def _guard(memory_bytes: int) -> None:
    faulthandler.enable()
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most_bytes = 2 * memory_bytes + RESERVED_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")  # rather a worker than the server
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # for a task that never lets the reading thread run


def _read_tasks(tasks: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        tasks.put(json.loads(line))
    os.killpg(0, signal.SIGKILL)


def _say(answers: int, message: Mapping[str, Any]) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(answers, data) :]


if __name__ == "__main__":
    main()
