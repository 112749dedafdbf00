"""What the configuration tests share: writing files, reading them, and the problems found."""

from __future__ import annotations

from pathlib import Path

import pytest

from docferry.config import Config, load
from docferry.errors import ConfigError

VALID = """\
state: ./state
inboxes:
  - name: scans
    path: ./inbox
    outbox: ./outbox
    archive: ./archive
    failed: ./failed
providers:
  local: {dialect: pulse, engine: embedded}
  nano: {dialect: nanonets, engine: embedded}
rules:
  - name: everything
    provider: local
"""


def write(folder: Path, text: str | bytes, name: str = "docferry.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(folder: Path, text: str | bytes = VALID) -> Config:
    return load(write(folder, text), environ={"HOME": str(folder)})


def problems(folder: Path, text: str | bytes) -> list[str]:
    """Every problem of a configuration that must be refused."""
    with pytest.raises(ConfigError) as raised:
        read(folder, text)
    return raised.value.problems


def only_problem(folder: Path, text: str | bytes) -> str:
    found = problems(folder, text)
    assert len(found) == 1, "\n".join(found)
    return found[0]


def with_rules(rules: str) -> str:
    """The valid configuration with other rules."""
    return VALID[: VALID.index("rules:")] + "rules:\n" + rules
