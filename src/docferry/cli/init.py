"""``docferry init``: a commented starting configuration and its folders."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="[DIR]")
def command(folder: Path) -> None:
    """Write a commented starting configuration and its folders into DIR (default: here).

    Nothing that exists is changed.
    """
    from docferry.config.starting import write_start

    target, made = write_start(folder)
    click.echo(f"wrote {target}")
    for path in made:
        click.echo(f"made  {path}")
    where = "" if folder == Path() else f" -c {target}"
    click.echo(f"start with: docferry run{where}")
