"""Commands that change something: asked of the running daemon, or done here under the ledger's lock when none runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from docferry.config.models import Config
from docferry.daemon.control import ask
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.errors import DocferryError, ExitCode, UsageError
from docferry.ledger import LedgerReader
from docferry.models import ENDED, Json

if TYPE_CHECKING:
    from docferry.pipeline.context import Context

ALL = 1_000_000


def ask_daemon(config: Config, request: Mapping[str, Json]) -> dict[str, Any]:
    """A running daemon's answer. Raises UsageError when none runs."""
    answer = ask(config.control.socket or socket_path(config.state, CONTROL), request)
    if answer is None:
        raise UsageError("no daemon runs with this configuration", hint="docferry run, or systemctl start docferry")
    return answer


def ask_for_documents(config: Config, what: str, ids: Sequence[str], *, all_failed: bool = False) -> int:
    """``retry`` or ``cancel`` for some documents; prints one line for each and returns the exit code."""
    resolved = [_resolve(config, item) for item in ids]
    if all_failed:
        with LedgerReader(config.state) as ledger:
            resolved += [document.id for document in ledger.documents(states=("failed",), limit=ALL)]
    if not resolved:
        if all_failed:
            click.echo("nothing has failed")
            return ExitCode.OK
        raise UsageError(f"{what}: which documents?", hint=f"docferry {what} ID…; docferry jobs lists them")
    answer = ask(config.control.socket or socket_path(config.state, CONTROL), {"do": what, "ids": resolved})
    outcomes = answer["outcomes"] if answer is not None else asyncio.run(_without_daemon(config, what, resolved))
    for outcome in outcomes:
        click.echo(f"{outcome['id']}  {outcome['said']}", err=not outcome["ok"])
    return ExitCode.OK if all(outcome["ok"] for outcome in outcomes) else ExitCode.FAILED


def _resolve(config: Config, what: str) -> str:
    """The id of the one document that ``what`` (an id's beginning, a path, a job id) means."""
    with LedgerReader(config.state) as ledger:
        found = ledger.find(what)
    if not found:
        raise UsageError(f"no document is known as {what!r}", hint="docferry jobs lists them")
    if len(found) > 1 and found[0].id != what:
        raise UsageError(
            f"{what!r} means {len(found)} documents: {', '.join(document.id for document in found[:5])}",
            hint="name an id",
        )
    return found[0].id


async def perform(context: Context, what: str, ids: Sequence[str]) -> list[dict[str, Json]]:
    """Does it for each id; a refusal of one does not stop the others."""
    from docferry.pipeline import requests

    action = {"retry": requests.retry, "cancel": requests.cancel}[what]
    outcomes: list[dict[str, Json]] = []
    for document_id in ids:
        try:
            document = await action(context, document_id)
            outcomes.append({"id": document_id, "ok": True, "said": document.state.value, "document": document})
        except DocferryError as error:
            outcomes.append({"id": document_id, "ok": False, "said": str(error)})
    return outcomes


async def _without_daemon(config: Config, what: str, ids: Sequence[str]) -> list[dict[str, Json]]:
    from docferry.daemon.offline import offline_context

    async with offline_context(config, os.environ) as context:
        outcomes = []
        for document_id in ids:
            try:
                await _put_away(context, document_id)
            except DocferryError as error:
                outcomes.append({"id": document_id, "ok": False, "said": str(error)})
            else:
                outcomes += await perform(context, what, [document_id])
        return outcomes


async def _put_away(context: Context, document_id: str) -> None:
    """What a crash left half put away is put away first: nobody else does it while no daemon runs."""
    from docferry.pipeline.advance import advance

    found = await context.ledger.document_and_steps(document_id)
    if found is not None and found[0].state in ENDED and not found[0].filed:
        await advance(context, *found)
