"""``docferry check``: the configuration and the rules, without a document."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, json_option, load_config, print_json
from docferry.errors import ConfigError, ExitCode


@click.command(name="check")
@config_option
@json_option
@click.option(
    "--replay",
    "replay_count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Route the last N documents of the ledger by these rules and show which would go elsewhere.",
)
def command(config_path: Path | None, as_json: bool, replay_count: int | None) -> None:
    """Validate configuration and rules, and run the rules' own tests.

    Everything that is wrong is shown at once, with its place and what to do. Exit code 2 when the
    configuration is wrong, 1 when a rule test fails.
    """
    try:
        config = load_config(config_path)
        from docferry.cli.checking import report

        raise SystemExit(report(config, replay_count, as_json))
    except ConfigError as error:
        if not as_json:
            raise
        print_json({"ok": False, "problems": error.problems})
        raise SystemExit(ExitCode.USAGE) from error
