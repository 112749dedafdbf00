"""Bombs through the daemon and the embedded engine: each fails by itself, the others are delivered."""

from __future__ import annotations

import json
import re
from pathlib import Path

from checker import check_all_ended
from daemons import Ferry
from hostile.bombs import BOMBS

JOB_TIME_S = 20
LIMIT_BYTES = 1_000_000_000
DAEMON_BYTES = 250_000_000
MAY_BE_READ = {"nested.pdf", "stream.pdf", "endless-font.pdf", "font.pdf"}
"""Where a reader gets past the trap within its limits, a page without it is an honest result."""


def test_bombs_hurt_only_themselves(tmp_path: Path) -> None:
    limits = {"job_time": f"{JOB_TIME_S}s", "memory": "1 GB"}
    good = {f"good-{number}.txt": f"Letter number {number}".encode() for number in range(4)}
    bombs = {name: make() for name, make in BOMBS.items()}
    with Ferry(tmp_path, {"engine": {"workers": 2, "limits": limits}}).start() as ferry:
        for name, content in {**bombs, **good}.items():
            ferry.drop(content, name)
        ended = ferry.wait_for_ended(len(bombs) + len(good), deadline_s=110)
        assert ferry.process is not None
        peaks = _peak_bytes(ferry.process.pid)
        assert peaks[0] < DAEMON_BYTES, f"the daemon took {peaks[0]} bytes"
        assert max(peaks) < LIMIT_BYTES, f"its processes took {peaks} bytes"
        assert ferry.stop() == 0
    states = {document.path: document.state.value for document in ended}
    assert {name: states[name] for name in good} == dict.fromkeys(good, "delivered")
    for name in bombs:
        assert states[name] == "failed" or name in MAY_BE_READ, f"{name} is {states[name]}"
        if states[name] == "failed":
            why = json.loads((ferry.failed / f"{name}.error.json").read_text())["why"]
            assert why
            assert "Traceback" not in why
            assert "unexpected" not in why
    check_all_ended(ferry, [*bombs.values(), *good.values()])


def _peak_bytes(pid: int) -> list[int]:
    """The largest resident size that the process ever had, then those of its descendants that live."""
    try:
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        tasks = [task.read_text().split() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []  # a worker that has just ended
    below = [size for children in tasks for child in children for size in _peak_bytes(int(child))]
    return [int(peak[1]) * 1024 if peak else 0, *below]
