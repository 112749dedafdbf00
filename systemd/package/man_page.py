"""Prints docferry(8): the hand-written page, with the commands and options as the program itself describes them.

Usage: man_page.py docferry.8.in SECONDS_SINCE_1970
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

import docferry
from docferry.cli import group

MARK = '.\\" @COMMANDS@'


def main(source: str, seconds: str) -> None:
    page = Path(source).read_text(encoding="utf-8")
    date = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d")
    if page.count(MARK) != 1:
        raise SystemExit(f"{source}: wanted the line {MARK} once")
    page = page.replace("@DATE@", date).replace("@VERSION@", docferry.__version__)
    sys.stdout.write(page.replace(MARK, "\n".join(commands())))


def commands() -> list[str]:
    """Every command with its arguments and options, in the program's own words."""
    context = click.Context(group, info_name="docferry")
    lines: list[str] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        usage = " ".join(command.collect_usage_pieces(inner))
        lines += [f".SS docferry {roff(name)} {roff(usage)}", roff(command.help or command.get_short_help_str(200))]
        for parameter in command.get_params(inner):
            record = parameter.get_help_record(inner)
            if record is not None and "--help" not in record[0]:
                lines += [".TP", f".B {roff(record[0])}", roff(record[1]) or "\\&"]
    return lines


def roff(text: str) -> str:
    """Text that troff prints as it is: no escapes, hyphens that can be copied, no line that looks like a request."""
    escaped = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    main(*sys.argv[1:])
