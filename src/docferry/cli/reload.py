"""``docferry reload``: read the configuration again, now."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
def command(config_path: Path | None) -> None:
    """Make the running daemon read its configuration; a broken one changes nothing and is shown."""
    from docferry.daemon.requests import ask_daemon

    click.echo(ask_daemon(load_config(config_path), {"do": "reload"})["said"])
