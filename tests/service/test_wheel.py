"""What ``pipx install 'docferry[engine]'`` installs: a built wheel, complete, that ferries a document by itself.

pipx makes an environment, installs the wheel into it and links its commands. So does this, with one thing less: the
libraries are those of the environment that runs the tests.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path

import pytest

from daemons import SAMPLES
from docferry import __version__
from docferry.observe.checks.services import ENGINE_MODULES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(ROOT)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    [built] = folder.iterdir()
    return built


def test_the_wheel_has_every_file_and_says_what_it_needs(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        information = archive.read(f"docferry-{__version__}.dist-info/METADATA")
    metadata = BytesParser(policy=compat32).parsebytes(information)
    assert {line.removeprefix("src/") for line in tracked.splitlines()} <= packed
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])
    wanted = len(project["dependencies"]) + sum(len(extra) for extra in project["optional-dependencies"].values())
    assert len(metadata.get_all("Requires-Dist", [])) == wanted


def test_the_installed_command_ferries_a_document_with_its_own_engine(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "docferry"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, timeout=100)
    # Behind the environment's own folder, and without its .pth files: docferry is the wheel's, not this checkout's.
    [site] = place.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)

    modules = ", ".join(["docferry", *ENGINE_MODULES])
    whose = run(str(python), "-c", f"import {modules}; print(docferry.__file__)")
    assert whose.stdout.startswith(str(site)), whose.stderr
    docferry = str(place / "bin" / "docferry")
    assert run(docferry, "init", "demo").returncode == 0
    (tmp_path / "demo" / "inbox" / "notes.txt").write_bytes((SAMPLES / "notes.txt").read_bytes())
    done = run(docferry, "run", "--once", "-c", "demo/docferry.yaml")
    assert done.returncode == 0, done.stderr
    assert "Notes of the quay meeting" in (tmp_path / "demo" / "outbox" / "notes.txt.md").read_text()
