"""The systemd unit that runs this configuration, if there is one: its cage is not that of this shell."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from docferry.config.models import Config
from docferry.models import display
from docferry.observe.checks.findings import Finding, fine, wrong

SETTINGS_FOLDER = Path("/etc/docferry")
_PROPERTIES = "ExecStart,ProtectSystem,ReadWritePaths,SystemCallFilter,ActiveState"


def unit_of(config: Path) -> str:
    """The unit that runs a configuration of the system: docferry.service, or docferry@NAME.service for another name."""
    return "docferry.service" if config.stem == "docferry" else f"docferry@{config.stem}.service"


def check_unit(config: Config) -> list[Finding]:
    """Whether the service runs, and whether its cage lets it write where this configuration wants it to."""
    if config.path.parent != SETTINGS_FOLDER or not Path("/run/systemd/system").is_dir():
        return []
    name = unit_of(config.path)
    return judge_unit(name, _properties(name), config)


def judge_unit(name: str, shown: Mapping[str, str], config: Config) -> list[Finding]:
    """What the unit's properties, as systemd shows them, mean for this configuration."""
    if str(config.path) not in shown.get("ExecStart", ""):
        return []  # no service on this machine runs this configuration
    findings = [*_activity(name, shown), *_paths(name, shown, config), *_groups(name, shown, config)]
    return findings or [fine("unit", name, "the service runs and may write where it must")]


def _activity(name: str, shown: Mapping[str, str]) -> Iterator[Finding]:
    state = shown.get("ActiveState", "unknown")
    if state != "active":
        remedy = f"systemctl start {name}; if it fails: journalctl -u {name} -e"
        yield wrong("unit", name, f"the service is {state}", remedy)


def _paths(name: str, shown: Mapping[str, str], config: Config) -> Iterator[Finding]:
    if shown.get("ProtectSystem") != "strict":
        return
    allowed = [Path(path.lstrip("-+")) for path in shown.get("ReadWritePaths", "").split()]
    outside = sorted({str(path) for path in _written(config) if not _is_below(path, allowed)})
    if outside:
        places = " ".join(outside)
        remedy = f"systemctl edit {name}: [Service] ReadWritePaths={places}; then systemctl restart {name}"
        yield wrong("unit", name, f"the unit's ReadWritePaths= lacks {display(places)}", remedy)


def _groups(name: str, shown: Mapping[str, str], config: Config) -> Iterator[Finding]:
    groups = sorted({inbox.output_group for inbox in config.inboxes if inbox.output_group})
    if groups and "chown" not in shown.get("SystemCallFilter", "chown").split():
        remedy = "set the group on the outbox instead: chgrp GROUP FOLDER && chmod g+s FOLDER"
        yield wrong("unit", name, f"the unit forbids output_group: {', '.join(groups)}", remedy)


def _written(config: Config) -> Iterator[Path]:
    for inbox in config.inboxes:
        yield from (path for path in (inbox.path, inbox.outbox, inbox.archive, inbox.failed) if path is not None)


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _properties(name: str) -> Mapping[str, str]:
    """What systemd knows of the unit; nothing where it does not answer."""
    command = ["systemctl", "show", name, f"--property={_PROPERTIES}"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.partition("=")[::2] for line in shown.stdout.splitlines() if "=" in line)
