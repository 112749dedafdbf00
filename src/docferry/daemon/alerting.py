"""Collects what a person should know from the daemon's parts and hands it to the alerter."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Self

from docferry.config.keys import KeySource
from docferry.daemon.build import read_key
from docferry.errors import LedgerError
from docferry.ledger import Change, LedgerReader
from docferry.models import DocumentState, display
from docferry.observe.alert_senders import Alerter, AppriseSender, CommandSender, Sender
from docferry.observe.alerts import Kind, Seen, Trouble

if TYPE_CHECKING:
    from docferry.daemon.service import Daemon

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
MEMORY = "alerts"
COMPLETE = frozenset({Kind.PARKED, Kind.OFFLINE, Kind.OUTBOX, Kind.LATE})


class AlertDesk:
    """One for the daemon. Failed documents arrive as they happen; the rest is looked at every few seconds."""

    def __init__(self, daemon: Daemon, alerter: Alerter) -> None:
        self._daemon = daemon
        self._alerter = alerter
        self._failed: dict[str, Trouble] = {}
        self._over: set[str] = set()

    @classmethod
    async def create(cls, daemon: Daemon) -> Self:
        config = daemon.config.alerts
        senders: list[Sender] = []
        urls = []
        for url in config.urls:
            if isinstance(url, KeySource):
                urls.append(read_key(url, daemon.environ).reveal())
            else:
                urls.append(url)
        if urls:
            senders.append(AppriseSender(urls))
        if config.command:
            senders.append(CommandSender(config.command))
        state = await daemon.ledger.recall(MEMORY)

        async def save(value: object) -> None:
            await daemon.ledger.remember(MEMORY, value)

        return cls(daemon, Alerter(senders, state, save))

    def changed(self, change: Change) -> None:
        """Takes note of a document that failed, is held, or has left such a state."""
        document = change.after
        for kind, state in ((Kind.FAILED, DocumentState.FAILED), (Kind.HELD, DocumentState.HELD)):
            trouble = Trouble(
                kind, display(document.path), document.error or "", document.error_hint or "", id=document.id
            )
            if document.state is state:
                self._failed[trouble.key] = trouble
                self._over.discard(trouble.key)
            elif change.before.state is state:
                self._failed.pop(trouble.key, None)
                self._over.add(trouble.key)

    async def run(self) -> None:
        """Looks and sends until cancelled. A ledger in trouble delays alerts, it does not end them."""
        while True:
            await self._daemon.clock.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except LedgerError as error:
                log.error("alerts wait: %s", error)

    async def look(self) -> None:
        seen = Seen(
            troubles=(*self._standing(), *await asyncio.to_thread(self._late), *self._failed.values()),
            complete=COMPLETE,
            over=frozenset(self._over),
        )
        await self._alerter.update(seen, self._daemon.clock.now())
        self._failed.clear()  # told: the alerter remembers them until they are over
        self._over.clear()

    def _standing(self) -> list[Trouble]:
        daemon = self._daemon
        troubles = [
            Trouble(Kind.PARKED, name, service.gate.parked.reason, service.gate.parked.hint or "")
            for name, service in daemon.context.services.items()
            if service.gate.parked is not None
        ]
        troubles += [
            Trouble(Kind.OFFLINE, name, reason, "mount or create it again; docferry goes on by itself")
            for name, reason in daemon.inboxes.offline().items()
        ]
        troubles += [Trouble(Kind.OUTBOX, name, it.reason) for name, it in daemon.dispatcher.outbox_trouble.items()]
        return troubles

    def _late(self) -> list[Trouble]:
        """Inboxes whose oldest open document waits beyond ``alert_after``."""
        now, config = self._daemon.clock.now(), self._daemon.config
        with LedgerReader(Path(config.state)) as ledger:
            oldest = ledger.oldest_open()
        limits = {inbox.name: inbox.alert_after_s for inbox in config.inboxes}
        return [
            Trouble(
                Kind.LATE,
                name,
                f"its oldest document waits for {(now - seen_at) / 60:.0f} minutes",
                "docferry status says what for",
            )
            for name, seen_at in oldest.items()
            if name in limits and now - seen_at > limits[name]
        ]
