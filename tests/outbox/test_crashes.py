"""Killed at any step, and killed again while repeating: the work ends as if nothing had happened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docferry.durable import remove_tree

TESTS = Path(__file__).parent.parent


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second filesystem (/dev/shm)")
    place = shared / f"docferry-crash-{os.getpid()}"
    place.mkdir()
    yield place
    remove_tree(place)


@pytest.mark.parametrize(
    ("scenario", "least_deaths"),
    [
        ("deliver", 40),
        ("replace", 40),
        ("re-run", 40),
        ("archive", 4),
        ("archive elsewhere", 8),
        ("fail", 10),
        ("fail elsewhere", 15),
        ("move elsewhere", 6),
        ("links: deliver", 40),
        ("links: archive", 5),
    ],
)
def test_killed_at_every_failpoint(scenario: str, least_deaths: int, tmp_path: Path, elsewhere: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "outbox.crash_driver", scenario, str(tmp_path), str(elsewhere)],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) >= least_deaths
