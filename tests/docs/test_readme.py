"""What README shows is run, loaded and complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docferry.cli import COMMANDS, group
from docferry.config import load

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"<!-- (executed|checked) by tests/docs/test_readme\.py -->\n```\w+\n(.*?)```", re.DOTALL)
EXAMPLES = {kind: [text for found, text in FENCE.findall(README) if found == kind] for kind in ("executed", "checked")}
STORY = README.partition("$ journalctl -o cat ")[2].partition("```")[0].splitlines()[1:]
TIME_AND_LEVEL = len("2026-01-01 00:00:00.000 WARNING ")


def test_readme_has_examples_of_both_kinds() -> None:
    assert EXAMPLES["executed"]
    assert EXAMPLES["checked"]


@pytest.mark.parametrize("script", EXAMPLES["executed"])
def test_shell_example_does_what_it_says(tmp_path: Path, script: str) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Notes of the quay meeting" in done.stdout
    assert "delivered" in done.stdout
    story = [line[TIME_AND_LEVEL:] for line in done.stderr.splitlines() if " document=" in line]
    assert [shape(line) for line in story] == [shape(line, of=told) for line, told in zip(STORY, story, strict=True)]


def shape(line: str, of: str | None = None) -> tuple[str, list[str]]:
    """A log line's sentence and the names of its fields; what README leaves out ("…") is taken from ``of``."""
    sentence, _, fields = line.partition(" document=")
    shown = re.findall(r"(\w+)=", f"document={fields}")
    if of is not None and "…" in line:
        whole = shape(of)[1]
        assert set(shown) <= set(whole)
        return sentence, whole
    return sentence, shown


@pytest.mark.parametrize("text", EXAMPLES["checked"])
def test_configuration_example_loads(tmp_path: Path, text: str) -> None:
    path = tmp_path / "docferry.yaml"
    path.write_text(text)
    config = load(path, environ={"HOME": str(tmp_path)})
    assert config.rules


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_documented_and_its_help_says_something(command: str) -> None:
    assert re.search(rf"`[^`]*\b{command}\b[^`]*`", README), f"README does not name docferry {command}"
    found = group.get_command(None, command)  # type: ignore[arg-type]
    assert found is not None
    assert found.help


def test_every_link_into_the_tree_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
