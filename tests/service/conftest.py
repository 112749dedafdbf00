"""One package and one throwaway machine for all tests under a real systemd.

Where that cannot be had the tests fail: a run that skipped them would look as if the service worked. On a laptop
``DOCFERRY_SKIP_SYSTEMD_TESTS=1`` says that this is meant.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.machine import SKIP_SWITCH, Impossible, Machine, require_possible

ROOT = Path(__file__).parents[2]
SAMPLES = ("notes.txt", "page.html", "letter.docx", "report.pdf")


@pytest.fixture(scope="session")
def possible() -> None:
    """Fails, or skips when the switch says so, where no container with a systemd can be booted."""
    if os.environ.get(SKIP_SWITCH) == "1":
        pytest.skip(f"{SKIP_SWITCH}=1: THE SERVICE WAS NOT TESTED UNDER SYSTEMD")
    try:
        require_possible()
    except Impossible as error:
        pytest.fail(f"the tests under systemd cannot run here: {error}. On a laptop: {SKIP_SWITCH}=1", pytrace=False)


@pytest.fixture(scope="session")
def shared(possible: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the machine sees as /opt/shared: the package, samples, and the test's own helpers."""
    folder = tmp_path_factory.mktemp("shared")
    folder.chmod(0o755)
    for sample in SAMPLES:
        shutil.copy(ROOT / "config" / "samples" / sample, folder)
    for helper in ("slow_proxy.py", "hung_share.py"):
        shutil.copy(Path(__file__).with_name(helper), folder)
    if ready := os.environ.get("DOCFERRY_TEST_DEB"):  # while working on these tests: a package built before
        shutil.copy(ready, folder)
        return folder
    build = [str(ROOT / "systemd" / "package" / "build-deb"), "--output", str(folder)]
    # Not compressed: it is read once, on this machine.
    done = subprocess.run(build, capture_output=True, text=True, env={**os.environ, "DEB_COMPRESSION": "none"})
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="session")
def machine(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted machine with the package installed, as ``apt install`` leaves it."""
    with Machine(shared, tmp_path_factory.mktemp("machine") / "console.log") as booted:
        # Build machines forbid packages to start services; this one is meant to.
        booted.run("rm -f /usr/sbin/policy-rc.d && ip link set lo up && useradd --create-home alice")
        booted.run("dpkg -i /opt/shared/docferry_*.deb && adduser --quiet alice docferry")
        yield booted
