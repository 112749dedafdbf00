"""``docferry run``: the daemon in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
@click.option(
    "--once",
    is_flag=True,
    help="Work off what is there and exit: 0 when all is done, 1 when a document failed or anything is left that only "
    "a person can move on (a held document, something paused, a refused key); what it is and why is said. What may "
    "pass by itself, such as an outage, is waited for.",
)
def command(config_path: Path | None, once: bool) -> int:
    """Watch the inboxes, submit what comes, deliver the results. Ctrl-C or SIGTERM stops it in order."""
    from docferry.daemon.service import run

    return int(run(load_config(config_path), once=once))
