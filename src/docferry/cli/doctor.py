"""``docferry doctor``: looks at everything docferry needs, and says what to mend."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from docferry.cli.common import config_option, json_option, load_config, print_json
from docferry.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from docferry.observe.checks.findings import Finding

_MARKS = {"ok": ("ok     ", "green"), "advice": ("advice ", "yellow"), "wrong": ("WRONG  ", "red")}


@click.command()
@config_option
@json_option
@click.option("--user", help="Check with this user's permissions (for root; keys are read before).")
@click.option("--offline", is_flag=True, help="Leave the providers alone.")
@click.option("--timeout", "timeout_s", default=15.0, show_default=True, help="Seconds allowed for each provider.")
def command(config_path: Path | None, as_json: bool, user: str | None, offline: bool, timeout_s: float) -> int:
    """Check folders, permissions, mounts, limits, the ledger, providers and keys, and say what to mend.

    Needs no running daemon, and changes nothing. Exits with 1 if something is wrong.
    """
    from docferry.observe.checks.every import credentials_directory, local_checks
    from docferry.observe.checks.services import check_providers, read_keys

    config = load_config(config_path)
    keys = read_keys(config, os.environ, credentials_directory(config.path, os.environ))
    # The providers come first: for them root's rights are of use (keys), for the rest they would hide what is wrong.
    outside = [] if offline else asyncio.run(check_providers(config, keys, timeout_s))
    if user is not None:
        become(user)
    findings = [*(finding for check in local_checks(config) for finding in check()), *outside]
    report(findings, as_json=as_json)
    return ExitCode.FAILED if any(finding.level == "wrong" for finding in findings) else ExitCode.OK


def become(user: str) -> None:
    """Gives up root for ``user``, with that user's groups. Raises UsageError where that cannot be done."""
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise UsageError(f"there is no user {user}") from error
    if os.geteuid() not in (0, entry.pw_uid):
        raise UsageError("only root can check as another user", hint=f"sudo docferry doctor --user {user}")
    if os.geteuid() == 0:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)


def report(findings: Sequence[Finding], *, as_json: bool) -> None:
    """What was found; remedies stand beneath what they mend."""
    if as_json:
        print_json([finding.to_json() for finding in findings])
        return
    for finding in findings:
        mark, colour = _MARKS[finding.level]
        click.echo(f"{click.style(mark, fg=colour)}{finding.check} {finding.subject}: {finding.detail}")
        if finding.remedy:
            click.echo(f"       → {finding.remedy}")
    wrong = sum(finding.level == "wrong" for finding in findings)
    advice = sum(finding.level == "advice" for finding in findings)
    click.echo(f"{len(findings)} checks: {wrong} wrong, {advice} with advice")
