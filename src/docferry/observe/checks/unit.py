"""The systemd unit that runs this configuration, if there is one: its cage is not that of this shell."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from docferry.config.folders import ENGINE_VARIABLE
from docferry.config.models import Config
from docferry.models import display
from docferry.observe.checks.findings import Finding, fine, wrong
from docferry.observe.health import is_loopback

SETTINGS_FOLDER = Path("/etc/docferry")
_PROPERTIES = "ExecStart,Environment,ProtectSystem,ReadWritePaths,SystemCallFilter,ActiveState,IPAddressDeny"
_ANYWHERE = "::/0"  # how systemd shows IPAddressDeny=any, beside 0.0.0.0/0


def unit_of(config: Path) -> str:
    """The unit that runs a configuration of the system: docferry.service, or docferry@NAME.service for another name."""
    return "docferry.service" if config.stem == "docferry" else f"docferry@{config.stem}.service"


def check_unit(config: Config) -> list[Finding]:
    """Whether the service runs, and whether its cage lets it write where this configuration wants it to."""
    if config.path.parent != SETTINGS_FOLDER or not Path("/run/systemd/system").is_dir():
        return []
    name = unit_of(config.path)
    shown = _properties(name)
    findings = judge_unit(name, shown, config)
    if findings and ENGINE_VARIABLE in shown.get("Environment", ""):
        engine = name.replace("docferry", "docferry-engine", 1)
        findings += judge_engine(engine, name, _properties(engine), config)
    return findings


def judge_unit(name: str, shown: Mapping[str, str], config: Config) -> list[Finding]:
    """What the unit's properties, as systemd shows them, mean for this configuration."""
    if str(config.path) not in shown.get("ExecStart", ""):
        return []  # no service on this machine runs this configuration
    findings = [*_activity(name, shown), *_paths(name, shown, config), *_groups(name, shown, config)]
    return findings or [fine("unit", name, "the service runs and may write where it must")]


def judge_engine(name: str, daemon: str, shown: Mapping[str, str], config: Config) -> list[Finding]:
    """The same for the unit of the embedded engine, where that is a service of its own."""
    if not any(provider.engine for provider in config.providers.values()):
        return []
    if (state := shown.get("ActiveState", "unknown")) != "active":
        remedy = f"systemctl restart {daemon}; if it fails: journalctl -u {name} -e"
        return [wrong("unit", name, f"the engine's service is {state}", remedy)]
    wants = list(_engine_calls(config))
    if wants and _ANYWHERE in shown.get("IPAddressDeny", "").split():
        remedy = f"make /etc/systemd/system/{name}.d/engine.conf from /usr/share/doc/docferry/examples/engine.conf"
        return [wrong("unit", name, f"the unit keeps the engine from {' and '.join(wants)}", remedy)]
    return [fine("unit", name, "the engine's service runs")]


def _engine_calls(config: Config) -> Iterator[str]:
    """What the engine is asked to reach beyond this machine."""
    host = urlsplit(config.engine.llm.url).hostname if config.engine.llm else None
    if host is not None and not is_loopback(host):
        yield f"its language model at {host}"
    store = config.engine.s3
    if store is not None and not (store.endpoint and is_loopback(urlsplit(store.endpoint).hostname or "")):
        yield f"S3 at {(store.endpoint and urlsplit(store.endpoint).hostname) or 'Amazon'}"
    if links := [inbox.name for inbox in config.inboxes if inbox.links]:
        yield f"the addresses in inbox {', '.join(links)}"


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
