"""``docferry run``: the daemon in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
@click.option("--once", is_flag=True, help="Exit when every inbox is empty and every document has ended.")
def command(config_path: Path | None, once: bool) -> int:
    """Watch the inboxes, submit what comes, deliver the results. Ctrl-C or SIGTERM stops it in order."""
    from docferry.daemon.service import run

    return int(run(load_config(config_path), once=once))
