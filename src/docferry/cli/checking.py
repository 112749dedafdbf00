"""What ``docferry check`` does once the configuration has been read: rule tests, replay, and saying so."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import Any

import click

from docferry.cli.common import print_json
from docferry.config import Config
from docferry.config.folders import folders_of
from docferry.daemon.service import folder_problems
from docferry.errors import ConfigError, ExitCode
from docferry.ledger.reading import LedgerReader
from docferry.models import counted, display
from docferry.rules.facts import FactReader
from docferry.rules.replay import EXAMPLES, Replay, Rerouted, grouped, replay
from docferry.rules.selftest import TestResult, run_tests


def report(config: Config, replay_count: int | None, as_json: bool) -> ExitCode:
    """Runs what was asked for, prints it, and gives the exit code.

    ConfigError when the folders lie where a start would be refused. Folders that are missing are only said: rules may
    be checked where documents will never be.
    """
    unready = folder_problems(config)
    if unready and all(folder.exists() for inbox in config.inboxes for _, folder in folders_of(inbox)):
        raise ConfigError(unready)
    results, replayed = asyncio.run(_run(config, replay_count))
    failed = any(result.faults for result in results)
    if as_json:
        print_json({**_as_json(config, results, replayed), "folders": unready})
    else:
        for line in unready:
            click.echo(f"not ready to run here: {line}", err=True)
        _print(config, results, replayed)
    return ExitCode.FAILED if failed else ExitCode.OK


async def _run(config: Config, replay_count: int | None) -> tuple[list[TestResult], Replay | None]:
    reader = FactReader()
    try:
        results = await run_tests(config, reader, time.time())
        if replay_count is None:
            return results, None
        with LedgerReader(config.state) as ledger:
            return results, await replay(config, ledger.documents(limit=replay_count), reader)
    finally:
        await reader.aclose()


def _as_json(config: Config, results: list[TestResult], replayed: Replay | None) -> dict[str, Any]:
    return {
        "ok": not any(result.faults for result in results),
        "config": str(config.path),
        "rules_hash": config.rules_hash,
        "inboxes": [inbox.name for inbox in config.inboxes],
        "providers": list(config.providers),
        "rules": [rule.name for rule in config.rules],
        "tests": [asdict(result) for result in results],
        "replay": asdict(replayed) if replayed is not None else None,
    }


def _print(config: Config, results: list[TestResult], replayed: Replay | None) -> None:
    for result in results:
        for fault in result.faults:
            click.echo(f"FAILED {result.origin} {result.name}: {fault}")
    passed = sum(not result.faults for result in results)
    tests = f", {passed} of {len(results)} rule tests pass" if results else ""
    inboxes = counted(len(config.inboxes), "inbox", "inboxes")
    providers = counted(len(config.providers), "provider", "providers")
    click.echo(f"{config.path}: {inboxes}, {providers}, {counted(len(config.rules), 'rule', 'rules')}{tests}")
    if replayed is not None:
        _print_replay(replayed)


def _print_replay(replayed: Replay) -> None:
    again = f"replayed {counted(replayed.count, 'document', 'documents')}"
    click.echo(f"{again}: {len(replayed.rerouted)} would go elsewhere" if replayed.rerouted else f"{again}: no change")
    for what, documents in grouped(replayed.rerouted):
        click.echo(f"  {counted(len(documents), 'document', 'documents')}: {what}")
        _print_examples(documents)
    if replayed.untold:
        click.echo(f"  {counted(len(replayed.untold), 'document', 'documents')} cannot be told:")
        _print_examples(replayed.untold, reasons=True)


def _print_examples(documents: list[Rerouted] | tuple[Rerouted, ...], *, reasons: bool = False) -> None:
    for one in documents[:EXAMPLES]:
        reason = f": {one.after}" if reasons else ""
        click.echo(f"      {one.inbox}/{display(one.path)}{reason}")
    if len(documents) > EXAMPLES:
        click.echo(f"      … and {len(documents) - EXAMPLES} more (--json shows all)")
