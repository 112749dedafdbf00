"""What several commands share: finding the configuration, asking the daemon, printing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from docferry.config.models import Config

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        help="Configuration file. Default: ./docferry.yaml, then the user's, then /etc/docferry/docferry.yaml.",
    )(function)


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")(function)


def locate_config(config_path: Path | None) -> Path:
    """The configuration's path; which file it is is said on stderr when nobody named one. Raises UsageError."""
    from docferry.config import find_config

    found = find_config(config_path, environ=os.environ)
    if config_path is None:
        click.echo(f"using {found}", err=True)
    return found


def load_config(config_path: Path | None) -> Config:
    """The configuration. Raises ConfigError, UsageError."""
    from docferry.config import load

    return load(locate_config(config_path), environ=os.environ)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    """Columns as wide as their longest cell; nothing is cut, so that ids can be copied."""
    lines = [list(headings), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
