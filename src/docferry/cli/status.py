"""``docferry status``: what is going on, asked of the daemon, or read from the ledger when none runs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import click

from docferry.cli.common import config_option, json_option, locate_config, print_json, table
from docferry.clock import ago

REFRESH_S = 1.0
IN_WORK = ("queued", "submitting", "waiting", "storing", "delivering")


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
        since = ago(status["started_at"], time.time())
        click.echo(f"docferry {status['version']} runs since {since} (process {status['pid']})")
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
                str(len(inbox.get("waiting_files", []))),
                str(
                    sum(states.get(state, 0) for state in ("queued", "submitting", "waiting", "storing", "delivering"))
                ),
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
            document["waits_for"] or "",
            ago(document["seen_at"], now),
        )
        for document in status.get("documents", [])
    ]
    if files:
        click.echo()
        table([list(file) for file in files[:20]], ["INBOX", "FILE", "WAITS FOR"])
    if documents:
        click.echo()
        table([list(document) for document in documents[:20]], ["DOCUMENT", "PATH", "STATE", "WAITS FOR", "SEEN"])


def _waits_for(document: dict[str, Any], status: dict[str, Any]) -> str:
    """What a document waits for; while it is being sent, how much of it has gone."""
    sent_bytes = status.get("uploads", {}).get(document["id"])
    sent = f" ({sent_bytes / 1e6:.1f} MB sent)" if sent_bytes else ""
    return (document["waits_for"] or "") + sent
