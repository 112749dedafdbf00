"""``docferry status``: what is going on, asked of the daemon, or read from the ledger when none runs."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from docferry.cli.common import config_option, json_option, locate_config, print_json, table
from docferry.clock import ago

REFRESH_S = 1.0
IN_WORK = ("queued", "submitting", "waiting", "storing", "delivering")
SHOWN = 20


@click.command()
@config_option
@json_option
@click.option("--watch", is_flag=True, help="Show it again every second until Ctrl-C.")
def command(config_path: Path | None, as_json: bool, watch: bool) -> int:
    """Show inboxes, providers and what waits for what."""
    from docferry.daemon.status import ask_status

    path = locate_config(config_path)
    while True:
        status = ask_status(path, os.environ)
        if watch and not as_json:
            click.clear()
        if as_json:
            print_json(status)
        else:
            show(status)
        if not watch:
            return 1 if status.get("trouble") else 0
        time.sleep(REFRESH_S)


def show(status: dict[str, Any]) -> None:
    """The same for people."""
    if status["running"]:
        running_for = ago(status["started_at"], time.time())
        click.echo(f"docferry {status['version']} has been running for {running_for} (process {status['pid']})")
    else:
        click.echo("docferry does not run; this is what the ledger says")
    for problem in status.get("trouble", []):
        click.echo(click.style(f"! {problem}", fg="red"))
    click.echo()
    _show_inboxes(status)
    _show_providers(status)
    _show_waiting(status)


def _show_inboxes(status: dict[str, Any]) -> None:
    rows = []
    for inbox in status["inboxes"]:
        states = inbox["documents"]
        rows.append(
            [
                inbox["name"],
                inbox["state"],
                str(inbox.get("waiting_count", 0)),
                str(_count(states, IN_WORK)),
                str(states.get("delivered", 0)),
                str(states.get("failed", 0)),
                str(states.get("held", 0)),
                inbox["path"],
            ]
        )
    table(rows, ["INBOX", "STATE", "SETTLING", "IN WORK", "DELIVERED", "FAILED", "HELD", "FOLDER"])


def _show_providers(status: dict[str, Any]) -> None:
    click.echo()
    rows = [
        [provider["name"], provider["dialect"], provider["state"], str(provider["running"]), provider["url"]]
        for provider in status["providers"]
    ]
    table(rows, ["PROVIDER", "DIALECT", "STATE", "BUSY", "ADDRESS"])


def _show_waiting(status: dict[str, Any]) -> None:
    now = time.time()
    files = [
        (inbox["name"], file["path"], file["waits_for"])
        for inbox in status["inboxes"]
        for file in inbox.get("waiting_files", [])
    ]
    documents = [
        (
            document["id"],
            document["path"],
            document["state"],
            _waits_for(document, status),
            f"{ago(document['seen_at'], now)} ago",
        )
        for document in status.get("documents", [])
    ]
    if files:
        click.echo()
        table([list(file) for file in files[:SHOWN]], ["INBOX", "FILE", "WAITS FOR"])
        _say_more(sum(inbox.get("waiting_count", 0) for inbox in status["inboxes"]))
    if documents:
        click.echo()
        table([list(document) for document in documents[:SHOWN]], ["DOCUMENT", "PATH", "STATE", "WAITS FOR", "SEEN"])
        _say_more(sum(_count(inbox["documents"], (*IN_WORK, "held")) for inbox in status["inboxes"]), "docferry jobs")


def _say_more(count: int, lister: str = "") -> None:
    if count > SHOWN:
        click.echo(f"… and {count - SHOWN} more{f' ({lister} lists them)' if lister else ''}")


def _count(states: dict[str, int], wanted: Sequence[str]) -> int:
    return sum(states.get(state, 0) for state in wanted)


def _waits_for(document: dict[str, Any], status: dict[str, Any]) -> str:
    """What a document waits for; while it is being sent, how much of it has gone."""
    sent_bytes = status.get("uploads", {}).get(document["id"])
    sent = f" ({sent_bytes / 1e6:.1f} MB sent)" if sent_bytes else ""
    return (document["waits_for"] or "") + sent
