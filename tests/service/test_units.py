"""The unit files, the package's scripts and the man page, as the tools that know them judge them."""

from __future__ import annotations

import difflib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNITS = sorted(path.name for path in SYSTEMD.iterdir() if path.suffix in {".service", ".slice"})
SERVICES = [name for name in UNITS if name.endswith(".service")]
NEWER = re.compile(r"notify-reload\.conf:\d+: Failed to parse service type, ignoring: notify-reload$")
REPEATABLE = frozenset({"After", "Wants", "Environment", "LoadCredential", "SetCredential", "SystemCallFilter"})
WORST_SCORE = 12  # of 100; systemd-analyze shows it as 1.2


def run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def laid_out(folder: Path, *drop_ins: str) -> list[Path]:
    """A copy of the units in which the program exists, as verify wants it, with drop-ins for docferry.service."""
    for name in UNITS:
        text = (SYSTEMD / name).read_text()
        (folder / name).write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    for name in drop_ins:
        target = folder / "docferry.service.d"
        target.mkdir(exist_ok=True)
        shutil.copy(SYSTEMD / "drop-ins" / name, target)
    return [folder / name for name in UNITS]


def test_the_package_brings_what_docferry_needs_in_the_versions_that_are_tested() -> None:
    root = SYSTEMD.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    tested = pins((root / ".constraints.txt").read_text())
    packaged = pins((SYSTEMD / "package" / "requirements.lock").read_text())
    assert {canonicalize_name(Requirement(one).name) for one in wanted} - packaged.keys() == set()
    assert {
        name: (packaged[name], tested[name])
        for name in packaged.keys() & tested.keys()
        if packaged[name] != tested[name]
    } == {}


def pins(text: str) -> dict[str, str]:
    """The versions by name in lines like ``name==version``."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def systemd_version() -> int:
    return int(run(["systemctl", "--version"]).stdout.split()[1])


def test_systemd_has_nothing_to_say_against_the_units(possible: None, tmp_path: Path) -> None:
    # verify exits with 0 for unknown keys and bad values, and only prints.
    done = run(["systemd-analyze", "verify", "--man=no", *laid_out(tmp_path)])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("drop_in", sorted(path.name for path in (SYSTEMD / "drop-ins").iterdir()))
def test_the_examples_are_good_drop_ins(possible: None, drop_in: str, tmp_path: Path) -> None:
    done = run(["systemd-analyze", "verify", "--man=no", *laid_out(tmp_path, drop_in)])
    said = [line for line in done.stderr.splitlines() if not (NEWER.search(line) and systemd_version() < 253)]
    assert (done.returncode, said) == (0, [])


def test_the_example_for_newer_systemds_changes_the_type_and_nothing_else(tmp_path: Path) -> None:
    """As any systemd merges a drop-in: the last value counts, an empty one takes all away. Older ones only say so."""
    laid_out(tmp_path, "notify-reload.conf")
    unit = settings(tmp_path / "docferry.service")
    merged = settings(tmp_path / "docferry.service", tmp_path / "docferry.service.d" / "notify-reload.conf")
    changed = {name: values for name, values in merged.items() if values != unit[name]}
    # systemd.service(5), 253: ExecReload= may go, SIGHUP is sent, RELOADING=1 with MONOTONIC_USEC= must be answered.
    assert changed == {"Type": ["notify-reload"], "ExecReload": []}


def settings(*files: Path) -> dict[str, list[str]]:
    """The settings of a unit and its drop-ins: each value that counts, in order."""
    found: dict[str, list[str]] = {}
    for line in "\n".join(file.read_text() for file in files).splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            repeatable = name in REPEATABLE
            found[name] = [*(found.get(name, []) if repeatable and value else []), *([value] if value else [])]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_cage_is_tight(possible: None, service: str, tmp_path: Path) -> None:
    laid_out(tmp_path)
    done = run(["systemd-analyze", "security", "--offline=yes", f"--threshold={WORST_SCORE}", tmp_path / service])
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("name", ["docferry", "docferry-engine"])
def test_an_instance_differs_from_the_service_in_nothing_but_its_name(name: str) -> None:
    service = (SYSTEMD / f"{name}.service").read_text().splitlines()
    template = (SYSTEMD / f"{name}@.service").read_text().splitlines()
    changed = [line for line in difflib.ndiff(service, template) if line[0] in "+-" and not line[2:].startswith("#")]
    for before, after in zip(changed[::2], changed[1::2], strict=True):
        # Undone, the change of the name gives the service's own line.
        own = re.sub(r" \(%i\)|@%i|-%i", "", after[2:]).replace("/%i.yaml", "/docferry.yaml")
        assert (before[0], after[0], own) == ("-", "+", before[2:])


def test_the_packages_scripts_are_clean() -> None:
    scripts = [SYSTEMD / "package" / name for name in ("build-deb", "postinst", "prerm", "postrm")]
    done = run(["shellcheck", *scripts, Path(__file__).with_name("container.sh")])
    assert done.returncode == 0, done.stdout


def test_the_containerfile_is_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = run([hadolint, SYSTEMD / "Containerfile"])
    assert (done.returncode, done.stdout) == (0, "")


def test_the_manual_names_every_command_and_is_good_roff(tmp_path: Path) -> None:
    from docferry.cli import COMMANDS

    made = run([sys.executable, SYSTEMD / "package" / "man_page.py", SYSTEMD / "docferry.8.in", "1767225600"])
    assert made.returncode == 0, made.stderr
    page = tmp_path / "docferry.8"
    page.write_text(made.stdout)
    for command in COMMANDS:
        assert f".SS docferry {command}" in made.stdout
    rendered = run(["man", "--warnings", "--local-file", page])
    assert rendered.returncode == 0
    assert rendered.stderr == ""
    assert "2026-01-01" in rendered.stdout
