"""``docferry backup``: a consistent copy of the ledger."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config
from docferry.errors import UsageError


@click.command()
@config_option
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
def command(config_path: Path | None, target: Path) -> None:
    """Copy the ledger to FILE, also while the daemon runs.

    To restore: stop docferry and copy FILE to ledger.sqlite in the state folder.
    """
    from docferry.ledger.backup import backup

    config = load_config(config_path)
    if not target.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", hint=f"mkdir -p {target.parent}")
    size_bytes = backup(config.state, target)
    click.echo(f"{target}: {size_bytes:,} bytes")
