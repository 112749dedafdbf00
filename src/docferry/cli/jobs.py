"""``docferry jobs``: the latest documents and what became of them."""

from __future__ import annotations

import time
from pathlib import Path

import click

from docferry.cli.common import config_option, json_option, load_config, print_json, table
from docferry.clock import ago
from docferry.errors import UsageError
from docferry.models import DocumentState, display


@click.command()
@config_option
@json_option
@click.option("--state", "states", multiple=True, type=click.Choice([state.value for state in DocumentState]))
@click.option("--inbox", help="Only this inbox.")
@click.option("-n", "--number", type=click.IntRange(min=0), default=30, show_default=True, help="How many; 0 for all.")
def command(config_path: Path | None, as_json: bool, states: tuple[str, ...], inbox: str | None, number: int) -> None:
    """List documents, the newest first."""
    from docferry.daemon.status import document_facts
    from docferry.ledger import LedgerReader

    config = load_config(config_path)
    with LedgerReader(config.state) as ledger:
        documents = ledger.documents(states=states, inbox=inbox, limit=number or None)
        known = [one.name for one in config.inboxes]
        if inbox is not None and inbox not in known and not documents:  # one that was there before may be asked for
            raise UsageError(f"there is no inbox {inbox}", hint=f"known are {', '.join(known)}")
        if as_json:
            print_json([document_facts(document, ledger.steps(document)) for document in documents])
            return
    now = time.time()
    rows = [
        [
            document.id,
            document.state.value,
            document.plan.rule if document.plan else "–",
            document.provider or "–",
            f"{ago(document.seen_at, now)} ago",
            display(document.path),
            document.error or document.waits_for or "",
        ]
        for document in documents
    ]
    table(rows, ["DOCUMENT", "STATE", "RULE", "PROVIDER", "SEEN", "PATH", "NOTE"])
