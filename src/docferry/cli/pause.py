"""``docferry pause``: hold an inbox or a provider still, and let it go on."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
@click.argument("name")
def command(config_path: Path | None, name: str) -> None:
    """Stop claiming from the inbox, or submitting to the provider, called NAME."""
    from docferry.daemon.requests import ask_daemon

    click.echo(ask_daemon(load_config(config_path), {"do": "pause", "name": name})["said"])
