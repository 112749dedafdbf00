"""The outbox in real trouble: whose it is, that nothing half written stays, and that work goes on afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PRIVATE_MOUNTS = ("unshare", "--mount", "--propagation", "private")
TESTS = Path(__file__).parent.parent


def namespace_works() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


needs_namespace = pytest.mark.skipif(not namespace_works(), reason="needs root and mount namespaces")
needs_xfs = pytest.mark.skipif(
    not all(map(shutil.which, ("mkfs.xfs", "xfs_io", "losetup"))), reason="needs xfsprogs and loop devices"
)


def run(scenario: str, folder: Path) -> None:
    finished = subprocess.run(
        [*PRIVATE_MOUNTS, sys.executable, "-m", "outbox.fault_driver", scenario, str(folder)],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


@needs_namespace
@pytest.mark.parametrize("scenario", ["full", "out of inodes", "read-only", "unmounted", "not permitted"])
def test_a_folder_in_trouble_is_told_apart_and_work_goes_on_afterwards(scenario: str, tmp_path: Path) -> None:
    run(scenario, tmp_path)


@needs_namespace
@needs_xfs
def test_what_was_delivered_survives_power_loss_and_nothing_is_half_there(tmp_path: Path) -> None:
    run("power loss", tmp_path)


@needs_namespace
@needs_xfs
def test_the_power_loss_check_sees_a_loss_when_nothing_is_synced(tmp_path: Path) -> None:
    run("power loss without sync", tmp_path)
