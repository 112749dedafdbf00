"""``docferry explain``: which rule takes a file and why, and what would be sent."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, json_option, load_config


@click.command(name="explain")
@config_option
@json_option
@click.option("--inbox", "inbox_name", metavar="NAME", help="As if the files were dropped into this inbox.")
@click.option(
    "--fact",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A fact to assume, such as pages=80 or path=contracts/a.pdf. May be repeated, also without FILE.",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE…")
def command(
    config_path: Path | None, as_json: bool, inbox_name: str | None, given: tuple[str, ...], files: tuple[Path, ...]
) -> int:
    """Show the facts of each FILE, every rule with what kept it from matching, the plan, and the exact request.

    Nothing is sent and nothing is changed. Exit code 1 when a file would fail.
    """
    from docferry.cli.explaining import explain_all

    return explain_all(load_config(config_path), files, inbox_name, given, as_json)
