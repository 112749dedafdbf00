"""``docferry cancel``: give documents up."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config


@click.command()
@config_option
@click.argument("ids", nargs=-1, required=True)
def command(config_path: Path | None, ids: tuple[str, ...]) -> int:
    """Stop documents here and at the provider, where it can be told; the originals go to the failed folder."""
    from docferry.daemon.requests import ask_for_documents

    return ask_for_documents(load_config(config_path), "cancel", ids)
