"""Tests that mount filesystems or lower limits run in a process and in namespaces of their own.

Everything they mount goes with the process. Where the machine does not allow it, they are skipped.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_INSIDE = "DOCFERRY_TEST_NAMESPACE"
_ROOT = Path(__file__).parents[2]
# Loading what other tests need would take longer than these tests do.
_FEW_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
_PLUGINS = ("-p", "no:cacheprovider", "-p", "pytest_timeout")

MOUNTS = ("-m",)
USER_LIMITS = ("-U", "-r", "-m")


def alone(*options: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """The test's body runs in a pytest of its own under ``unshare`` with these options."""

    def decorate(test: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(test)
        def run() -> None:
            if os.environ.get(_INSIDE):
                test()
                return
            _require(options)
            place = f"{Path(sys.modules[test.__module__].__file__ or '')}::{test.__name__}"
            command = [*_unshare(options), sys.executable, "-m", "pytest", "-q", *_PLUGINS, place]
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
            result = subprocess.run(
                command,
                cwd=_ROOT,
                env={**environment, **_FEW_PLUGINS, _INSIDE: "1"},
                capture_output=True,
                text=True,
                timeout=110,
            )
            if " skipped" in result.stdout and " passed" not in result.stdout:
                pytest.skip(result.stdout[-300:])
            assert result.returncode == 0, result.stdout + result.stderr

        return run

    return decorate


def _unshare(options: Sequence[str]) -> list[str]:
    return ["unshare", *options, "--propagation", "private"] if "-m" in options else ["unshare", *options]


@functools.cache
def _allowed(options: Sequence[str]) -> bool:
    try:
        return subprocess.run([*_unshare(options), "true"], capture_output=True, timeout=20).returncode == 0
    except FileNotFoundError:
        return False


def _require(options: tuple[str, ...]) -> None:
    if not _allowed(options):
        pytest.skip(f"this machine does not allow unshare {' '.join(options)}")


def sh(*command: str | Path) -> None:
    """Runs a command that must succeed; skips where the machine lacks it."""
    try:
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip(f"needs {command[0]}")
    assert result.returncode == 0, f"{command}: {result.stderr}"


def umount(place: Path) -> None:
    """Unmounts, once nobody has it open: a daemon looks again and again whether an inbox works."""
    deadline = time.monotonic() + 20
    while (done := subprocess.run(["umount", str(place)], capture_output=True, text=True, timeout=60)).returncode:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.01)


def image(folder: Path, kind: str, megabytes: int) -> Path:
    """A file with a fresh filesystem in it, to be mounted by loop."""
    file = folder / f"{kind}.img"
    with file.open("wb") as opened:
        opened.truncate(megabytes << 20)
    sh(f"mkfs.{kind}", "-q", file)
    return file


def mount_loop(file: Path, where: Path, *options: str) -> None:
    """Mounts the image, or skips where there are no loop devices."""
    command = ["mount", "-o", ",".join(("loop", *options)), str(file), str(where)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        pytest.skip(f"no loop mounts here: {result.stderr.strip()}")
