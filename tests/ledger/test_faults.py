"""The ledger through power loss, on a full and on a read-only disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from outbox.test_faults import PRIVATE_MOUNTS, TESTS, needs_namespace, needs_xfs


def run(scenario: str, folder: Path) -> None:
    finished = subprocess.run(
        [*PRIVATE_MOUNTS, sys.executable, "-m", "ledger.fault_driver", scenario, str(folder)],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


@needs_namespace
@pytest.mark.parametrize("scenario", ["full", "read-only"])
def test_a_state_disk_in_trouble_loses_nothing(scenario: str, tmp_path: Path) -> None:
    run(scenario, tmp_path)


@needs_namespace
@needs_xfs
def test_what_was_acknowledged_survives_power_loss(tmp_path: Path) -> None:
    run("power loss", tmp_path)
