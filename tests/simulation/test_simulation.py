"""A fixed number of schedules; a failing seed reproduces its run exactly: ``simulate(SEED, folder)``."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from simulation.simulator import simulate

SCHEDULES = 300


def test_promises_hold_after_every_step_of_every_schedule(record_property: Callable[[str, object], None]) -> None:
    """On a memory filesystem: what is simulated is the process' death, not the disk's."""
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    states: Counter[str] = Counter()
    steps = crashes = 0
    began_s = time.process_time()
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        for seed in range(SCHEDULES):
            outcome = simulate(seed, Path(folder))
            states += outcome.states
            steps += outcome.steps
            crashes += outcome.crashes
    a_minute = SCHEDULES / (time.process_time() - began_s) * 60
    record_property(
        "figures",
        f"simulation: {SCHEDULES} schedules explored ({a_minute:.0f} a minute of one processor), {steps} steps,"
        f" {crashes} crashes; documents ended as {dict(states)}",
    )
    assert crashes > SCHEDULES / 4
    assert set(states) == {"delivered", "failed", "held", "canceled"}


def test_seed_reproduces_its_schedule(tmp_path: Path) -> None:
    assert simulate(7, tmp_path) == simulate(7, tmp_path)
