"""The table of failure modes is whole, and what it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
SOURCE = TESTS.parent / "src" / "docferry"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (TESTS / "docs" / "failure_modes.md").read_text().splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_every_failure_mode_has_its_row() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 49))


def test_every_module_and_test_that_is_named_exists() -> None:
    for number, _, modules, tests in ROWS:
        for module in _names(modules):
            assert (SOURCE / module).is_file(), f"row {number}: there is no {module}"
        for named in _names(tests):
            file, _, test = named.partition("::")
            assert (TESTS / file).is_file(), f"row {number}: there is no {file}"
            assert not test or test in _tests_of(TESTS / file), f"row {number}: there is no {named}"


def _names(cell: str) -> list[str]:
    names = re.findall(r"`([^`]+)`", cell)
    assert names
    return names


def _tests_of(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}
