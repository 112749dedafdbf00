"""From a configuration to everything the pipeline works with."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from docferry.clock import Clock
from docferry.config.keys import KeySource, Secret
from docferry.config.models import Config, InboxConfig, ProviderConfig
from docferry.errors import ConfigError, DocferryError, LedgerError, OutboxUnavailable
from docferry.ledger import Change, Ledger, LedgerReader
from docferry.observe.logs import register_secret
from docferry.observe.metrics import Metrics
from docferry.outbox.delivery import Outbox
from docferry.outbox.root import Root
from docferry.pipeline.context import Context, Places, Service
from docferry.pipeline.gate import Gate
from docferry.pipeline.pace import PaceBook
from docferry.providers.build import create_provider
from docferry.rules.facts import FactReader
from docferry.rules.route import Router

log = logging.getLogger(__name__)

KNOWN_FOLDERS = "known folders"  # the ledger's memory of folders we have written into


async def build_context(
    config: Config,
    *,
    ledger: Ledger,
    clock: Clock,
    rng: random.Random,
    facts: FactReader,
    engine_socket: Path,
    pace: PaceBook,
    metrics: Metrics,
    on_change: Callable[[Change], None],
    environ: Mapping[str, str] = os.environ,
) -> Context:
    """Raises ConfigError when a key cannot be read, OutboxError when a folder cannot be used."""
    return Context(
        ledger=ledger,
        clock=clock,
        rng=rng,
        state=config.state,
        router=Router(config, facts),
        inboxes={inbox.name: inbox for inbox in config.inboxes},
        outlets=await open_places(ledger, config.inboxes),
        services=make_services(config, clock, rng, engine_socket, environ, {}),
        pace=pace,
        metrics=metrics,
        on_change=on_change,
    )


def make_services(
    config: Config,
    clock: Clock,
    rng: random.Random,
    engine_socket: Path,
    environ: Mapping[str, str],
    present: Mapping[str, Service],
) -> dict[str, Service]:
    """One service for each provider; one whose settings did not change is kept with all it has learned."""
    problems, services = [], {}
    for name, provider in config.providers.items():
        kept = present.get(name)
        if kept is not None and kept.config == provider:
            services[name] = kept
            continue
        try:
            services[name] = _make_service(provider, clock, rng, engine_socket, environ)
        except DocferryError as error:
            problems.append(f"{config.path}: providers.{name}: {error}")
    if problems:
        raise ConfigError(problems)
    return services


def _make_service(
    provider: ProviderConfig, clock: Clock, rng: random.Random, engine_socket: Path, environ: Mapping[str, str]
) -> Service:
    key = read_key(provider.key, environ) if provider.key else None
    socket = engine_socket if provider.engine else None
    return Service(
        provider=create_provider(provider, key=key, engine_socket=socket),
        config=provider,
        gate=Gate(provider, clock.now(), rng),
    )


def read_key(source: KeySource, environ: Mapping[str, str]) -> Secret:
    """The key, registered so that no log line can ever show it. Raises ConfigError when it cannot be read."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    key = source.read(environ, Path(folder) if folder else None)
    register_secret(key.reveal())
    return key


async def open_places(ledger: Ledger, inboxes: Sequence[InboxConfig]) -> dict[str, Places]:
    """Outbox, archive and failed folder of each inbox, each known by a marker from its first use on.

    A folder that was used before and whose marker is missing (a share that is not mounted yet) is not taken for
    an empty one: it stays offline, and what belongs there waits.
    """
    known = set(await ledger.recall(KNOWN_FOLDERS) or [])
    places = {inbox.name: make_places(inbox) for inbox in inboxes}
    for place in places.values():
        for root in place.roots():
            try:
                await asyncio.to_thread(root.prepare, new=str(root.path) not in known)
            except OutboxUnavailable as error:
                log.error("%s", error)
    used = {str(root.path) for place in places.values() for root in place.roots()}
    used |= {str(inbox.path) for inbox in inboxes}
    if not used <= known:
        await ledger.remember(KNOWN_FOLDERS, sorted(known | used))
    return places


def known_folders(state: Path) -> set[Path]:
    """The folders that an earlier run has used; none where nothing was ever run."""
    try:
        with LedgerReader(state) as ledger:
            return {Path(path) for path in ledger.memory(KNOWN_FOLDERS) or []}
    except LedgerError:
        return set()


def make_places(inbox: InboxConfig) -> Places:
    mode, group = inbox.output_mode, inbox.output_group
    return Places(
        outbox=Outbox(inbox.outbox, mode=mode, group=group),
        archive=Root(inbox.archive, mode=mode, group=group) if inbox.archive else None,
        failed=Root(inbox.failed, mode=mode, group=group),
    )
