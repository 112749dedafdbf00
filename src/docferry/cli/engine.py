"""``docferry engine``: both extraction APIs, served locally."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.errors import UsageError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, help="0 takes a free one.")
@click.option("--uds", type=click.Path(path_type=Path), help="A Unix socket instead of host and port.")
@click.option("--state", type=click.Path(path_type=Path), help="Where jobs and results are kept.")
@click.option("--workers", default=0, help="Worker processes; 0: one for each core.")
@click.option("--key-file", type=click.Path(path_type=Path), help="File of accepted keys, one a line.")
def command(host: str, port: int, uds: Path | None, state: Path | None, workers: int, key_file: Path | None) -> int:
    """Serve the Pulse and Nanonets APIs without the daemon; stops at Ctrl-C."""
    from docferry.daemon.engine_child import require_engine

    require_engine()
    from docferry.engine.serve import main
    from docferry.engine.settings import SettingsError, settings_from_json

    keys = [line.strip() for line in key_file.read_text().splitlines() if line.strip()] if key_file else []
    values = {
        "host": host,
        "port": port,
        "uds": str(uds) if uds else None,
        "state": str(state or _default_state()),
        "workers": workers,
        "keys": keys,
    }
    try:
        return main(settings_from_json(values))
    except SettingsError as error:
        raise UsageError(str(error)) from error


def _default_state() -> Path:
    from docferry.config.folders import user_state

    return user_state() / "engine"
