"""Every check, in the order in which a person would ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from docferry.config.models import Config
from docferry.observe.checks import folders, machine, services, unit
from docferry.observe.checks.findings import Finding

Check = Callable[[], list[Finding]]


def credentials_directory(config: Path, environ: Mapping[str, str]) -> Path | None:
    """Where credentials are: systemd's folder inside the service; for root also what the service has, or was given."""
    given = environ.get("CREDENTIALS_DIRECTORY")
    if given:
        return Path(given)
    candidates = (Path("/run/credentials") / unit.unit_of(config), Path("/etc/docferry/credentials"))
    return next((folder for folder in candidates if os.access(folder, os.R_OK | os.X_OK)), None)


def local_checks(config: Config) -> list[Check]:
    """The checks that need nothing but this machine."""
    wanted = folders.wanted_folders(config)
    checks: list[Check] = [partial(machine.check_user, [folder.path for folder in wanted])]
    checks += [partial(folders.check_folder, folder) for folder in wanted]
    for inbox in config.inboxes:
        about_inbox = (folders.check_mount, folders.check_contents, machine.check_canary)
        checks += [partial(check, inbox) for check in about_inbox]
    about_all = (
        folders.check_layout,
        folders.check_state_privacy,
        folders.check_space,
        machine.check_ledger,
        unit.check_unit,
        services.check_alerts,
        services.check_metrics,
    )
    checks += [partial(check, config) for check in about_all]
    checks += [partial(machine.check_inotify, config.inboxes)]
    return [*checks, machine.check_sqlite, machine.check_clock, machine.check_open_files]
