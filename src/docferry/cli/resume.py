"""``docferry resume``: let an inbox or a provider that was paused go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
@click.argument("name")
def command(config_path: Path | None, name: str) -> None:
    """Go on with the inbox or provider called NAME."""
    from docferry.daemon.pausing import pause_or_resume

    click.echo(asyncio.run(pause_or_resume(load_config(config_path), {"do": "resume", "name": name})))
