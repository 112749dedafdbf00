"""``python -m docferry.engine``: the engine alone, or as the daemon's supervised child."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

from docferry.engine.serve import main as serve
from docferry.engine.settings import EngineSettings, SettingsError, settings_from_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal: 0 after a clean stop, 1 after an error of the engine's own, 2 for wrong settings."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=given.log_level.upper(), format="%(levelname)s %(name)s %(message)s")
    try:
        return serve(_settings(given))
    except SettingsError as error:
        print(f"docferry engine: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="docferry-engine", description="Serve both extraction APIs locally.")
    parser.add_argument("--state", required=True, help="folder for jobs, results and the engine's ledger")
    parser.add_argument("--uds", help="Unix socket to listen on, instead of --host and --port")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8080; 0 takes a free one)")
    parser.add_argument("--workers", type=int, help="worker processes (default: one for each core)")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is no longer the parent")
    parser.add_argument("--settings-json", metavar="FILE", help="more settings as JSON; - reads them from stdin")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser


def _settings(given: argparse.Namespace) -> EngineSettings:
    """What the command line says, over what the JSON says."""
    names = ("state", "uds", "host", "port", "workers", "parent_pid")
    named = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    return settings_from_json(_read_json(given.settings_json) | named)


def _read_json(source: str | None) -> dict[str, Any]:
    if source is None:
        return {}
    try:
        if source == "-":
            values = json.load(sys.stdin)
        else:
            with open(source, encoding="utf-8") as file:  # noqa: PTH123 - a path of the command line
                values = json.load(file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"--settings-json: cannot be read ({error})") from error
    if not isinstance(values, dict):
        raise SettingsError("--settings-json: wanted a JSON object")
    return values


if __name__ == "__main__":
    sys.exit(main())
