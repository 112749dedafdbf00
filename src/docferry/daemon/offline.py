"""The pipeline's context without a daemon: for commands that change documents while nothing runs."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from docferry.clock import SystemClock
from docferry.config.models import Config
from docferry.daemon.build import build_context
from docferry.daemon.sockets import engine_socket
from docferry.ledger import Ledger
from docferry.observe.metrics import Metrics
from docferry.pipeline.context import Context
from docferry.pipeline.pace import PaceBook
from docferry.rules.facts import FactReader


@asynccontextmanager
async def offline_context(config: Config, environ: Mapping[str, str]) -> AsyncIterator[Context]:
    """Holds the ledger's lock while it is open, so that no daemon starts meanwhile. Raises LedgerBusy."""
    ledger = Ledger(config.state).open()
    facts = FactReader()
    rng = random.Random()  # noqa: S311 - spreads retries, guards nothing
    try:
        context = await build_context(
            config,
            ledger=ledger,
            clock=SystemClock(),
            rng=rng,
            facts=facts,
            engine_socket=engine_socket(config.state, environ),
            pace=PaceBook({}, config.providers, rng),
            metrics=Metrics(),
            on_change=lambda change: None,
            environ=environ,
        )
        try:
            yield context
        finally:
            for service in context.services.values():
                await service.provider.aclose()
    finally:
        await facts.aclose()
        ledger.close()
