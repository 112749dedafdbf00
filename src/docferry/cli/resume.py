"""``docferry resume``: hold an inbox or a provider still, and let it go on."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
@click.argument("name")
def command(config_path: Path | None, name: str) -> None:
    """Go on with the inbox or provider called NAME."""
    from docferry.daemon.requests import ask_daemon

    click.echo(ask_daemon(load_config(config_path), {"do": "resume", "name": name})["said"])
