"""``docferry audit``: is anything missing?"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from docferry.cli.common import config_option, json_option, load_config, print_json
from docferry.errors import ExitCode
from docferry.models import counted

DAY_S = 86_400


@click.command()
@config_option
@json_option
@click.option("--deep", is_flag=True, help="Every document and every file, compared by hash.")
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="Without --deep: also what ended in the last days.",
)
def command(config_path: Path | None, as_json: bool, deep: bool, days: float) -> int:
    """Compare the ledger with inboxes, outboxes, archives and failed folders; exit 1 if something is amiss."""
    from docferry.daemon.audit import audit

    result = audit(load_config(config_path), deep=deep, since=time.time() - days * DAY_S)
    if as_json:
        print_json({"ok": result.ok, **asdict(result)})
    else:
        for finding in result.findings:
            click.echo(
                f"{finding.kind:8}{finding.path}  {finding.said}"
                + (f"  ({finding.document})" if finding.document else "")
            )
        verdict = "nothing is missing" if result.ok else counted(len(result.findings), "finding", "findings")
        looked_at = f"{counted(result.documents, 'document', 'documents')} and {counted(result.files, 'file', 'files')}"
        click.echo(f"{looked_at} looked at: {verdict}", err=not result.ok)
    return ExitCode.OK if result.ok else ExitCode.FAILED
