"""``docferry retry``: bring documents back."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
@click.option("--failed", is_flag=True, help="All that failed.")
@click.argument("ids", nargs=-1)
def command(config_path: Path | None, failed: bool, ids: tuple[str, ...]) -> int:
    """Queue documents again; steps that were done are not paid for twice."""
    from docferry.daemon.requests import ask_for_documents

    return ask_for_documents(load_config(config_path), "retry", ids, all_failed=failed)
