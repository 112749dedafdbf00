"""``docferry init`` writes a configuration that works, and harms nothing that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from docferry.cli.init import command
from docferry.config import load
from docferry.config.folders import check_folders
from docferry.config.starting import starting_text, write_start
from docferry.errors import UsageError


def test_the_written_configuration_loads_and_its_folders_are_right(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "new")])

    assert result.exit_code == 0
    assert f"start with: docferry run -c {tmp_path}/new/docferry.yaml" in result.output
    config = load(tmp_path / "new" / "docferry.yaml", environ={})
    assert check_folders(config) == []
    assert (config.state.stat().st_mode & 0o077) == 0


def test_an_existing_configuration_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "docferry.yaml").write_text("mine")

    with pytest.raises(UsageError, match="exists already; nothing was changed"):
        write_start(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["docferry.yaml"]
    assert (tmp_path / "docferry.yaml").read_text() == "mine"


def test_existing_folders_are_kept(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.pdf").touch()

    _, made = write_start(tmp_path)

    assert tmp_path / "inbox" not in made
    assert (tmp_path / "inbox" / "a.pdf").exists()


def test_its_commented_examples_are_right_too(tmp_path: Path) -> None:
    # Whoever takes the comment signs away must get a configuration that loads.
    lines = []
    for line in starting_text().splitlines():
        body = line.lstrip()
        is_example = (
            line.startswith(("  #", "    #")) and ("{" in body or ":" in body) and not body.startswith("# The ")
        )
        lines.append(line.replace("# ", "", 1) if is_example else line)
    path = tmp_path / "docferry.yaml"
    path.write_text("\n".join(lines))

    config = load(path, environ={})

    assert set(config.providers) == {"local", "pulse", "nanonets"}
    assert [rule.name for rule in config.rules] == ["long contracts", "everything"]
    assert config.inboxes[0].duplicates == "link"
