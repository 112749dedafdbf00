"""``docferry engine``: both extraction APIs, served locally."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from docferry.errors import ExitCode, UsageError


@click.command()
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="Take engine: of this configuration, and serve only if one of its providers is embedded.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, help="0 takes a free one.")
@click.option("--uds", type=click.Path(path_type=Path), help="A Unix socket instead of host and port.")
@click.option("--state", type=click.Path(path_type=Path), help="Where jobs and results are kept.")
@click.option("--workers", default=0, help="Worker processes; 0: one for each core.")
@click.option("--key-file", type=click.Path(path_type=Path), help="File of accepted keys, one a line.")
def command(
    config_path: Path | None,
    host: str,
    port: int,
    uds: Path | None,
    state: Path | None,
    workers: int,
    key_file: Path | None,
) -> int:
    """Serve the Pulse and Nanonets APIs without the daemon; stops at Ctrl-C."""
    from docferry.daemon.engine_child import require_engine

    require_engine()
    from docferry.engine.serve import main
    from docferry.engine.settings import SettingsError, settings_from_json

    configured = {} if config_path is None else _configured(config_path)
    if configured is None:
        click.echo("no provider of the configuration is embedded, so there is nothing to serve", err=True)
        return ExitCode.OK
    keys = [line.strip() for line in key_file.read_text().splitlines() if line.strip()] if key_file else []
    named = {"state": str(state) if state else None, "workers": workers or None}
    values = {
        "state": str(_default_state()),
        **configured,
        **{name: value for name, value in named.items() if value is not None},
        "host": host,
        "port": port,
        "uds": str(uds) if uds else None,
        "keys": keys,
    }
    try:
        return main(settings_from_json(values))
    except SettingsError as error:
        raise UsageError(str(error)) from error


def _configured(path: Path) -> dict[str, Any] | None:
    """What a configuration wants of its embedded engine; None where it has none."""
    from docferry.config import load
    from docferry.daemon.engine_child import engine_settings

    config = load(path, environ=os.environ)
    if not any(provider.engine for provider in config.providers.values()):
        return None
    return engine_settings(config.engine, config.state, os.environ)


def _default_state() -> Path:
    from docferry.config.folders import user_state

    return user_state() / "engine"
