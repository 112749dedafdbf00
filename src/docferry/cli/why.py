"""``docferry why``: everything known about one document."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from docferry.cli.common import config_option, json_option, load_config, print_json, table
from docferry.clock import ago, iso
from docferry.errors import UsageError

SHOWN_WHOLE = 3


@click.command()
@config_option
@json_option
@click.argument("what", metavar="ID-OR-PATH")
def command(config_path: Path | None, as_json: bool, what: str) -> int:
    """Say what was seen of a file when, what it waits for, which rule, attempt and job, and where its results are.

    ID-OR-PATH is a document's id (or its beginning), a job id, a sha256, or the path of the original or a result.
    """
    from docferry.daemon.why import look_up

    if not what.strip():
        raise UsageError("which document?", hint="docferry jobs lists them")
    config = load_config(config_path)
    found = look_up(config, what)
    if as_json:
        print_json(found)
    elif len(found) > SHOWN_WHOLE:
        table([[entry["id"], entry["state"], entry["path"]] for entry in found], ["DOCUMENT", "STATE", "PATH"])
        click.echo(f"{what} may mean any of these {len(found)} documents: name one by its id", err=True)
    else:
        for number, entry in enumerate(found):
            if number:
                click.echo()
            _show(entry)
    return 0 if found and found[0]["kind"] != "unknown" else 1


def _show(entry: Mapping[str, Any]) -> None:
    if entry["kind"] != "document":
        click.echo(f"{entry['path']}: {entry['said']}")
        return
    click.echo(click.style(f"{entry['path']}", bold=True) + f"  ({entry['id']}, inbox {entry['inbox']})")
    _line("state", entry["state"] + (" (partial results delivered)" if entry["partial"] else ""))
    _line("waits for", entry["waits_for"])
    if entry["next_at"]:
        _line("next", f"in {ago(entry['next_at'], time.time())}" if entry["next_at"] > time.time() else "now")
    _line("error", entry["error"])
    _line("what to do", entry["hint"])
    _line("rule", entry["rule"])
    _line("provider", entry["provider"])
    _line("sha256", entry["sha256"])
    _line("original", entry["original_at"] or entry["work_path"])
    for step in entry["steps"]:
        _show_step(step)
    for file in entry["deliveries"]:
        _line("result", file["path"] + ("" if file["there"] else "  (not there any more)"))
    for warning in entry["warnings"]:
        _line("warning", warning)
    click.echo("  story")
    for event in entry["events"]:
        detail = "  ".join(f"{name}={value}" for name, value in event["detail"].items() if value is not None)
        click.echo(f"    {iso(event['at'])}  {event['kind']}  {detail}".rstrip())


def _show_step(step: Mapping[str, Any]) -> None:
    facts = [f"{step['endpoint']} at {step['provider']}", step["state"]]
    for name in ("job_id", "attempt", "polls", "pages", "credits"):
        if step[name] is not None:
            facts.append(f"{name} {step[name]}")
    _line(f"step (run {step['run']})", ", ".join(str(fact) for fact in facts))
    _line("", "  ".join(f"{name}={value}" for name, value in step["outcome"].items()))
    for warning in step["warnings"]:
        _line("warning", warning)


def _line(name: str, value: object) -> None:
    if value:
        click.echo(f"  {name:<14}{value}")
