"""Collects what a person should know from the daemon's parts and hands it to the alerter."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from docferry.config.keys import KeySource
from docferry.config.models import AlertsConfig, Config
from docferry.daemon.build import read_key
from docferry.daemon.telling import ledger_trouble, parked_providers
from docferry.errors import LedgerError
from docferry.ledger import Change, Ledger, LedgerReader, Oldest
from docferry.models import Document, DocumentState, Json, display
from docferry.observe.alert_senders import Alerter, AppriseSender, CommandSender, Sender
from docferry.observe.alerts import Kind, Seen, Trouble

if TYPE_CHECKING:
    from docferry.daemon.service import Daemon

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
MEMORY = "alerts"
TOLD = "ledger.alert"  # the name of Note's file
MISSED_S = 3600.0  # how far back a start looks for documents whose end was not told
CLAIMED_SINCE_S = 86400.0  # only among these: a start must not read a long history
MOST_MISSED = 100
KINDS: Mapping[DocumentState, Kind] = {DocumentState.FAILED: Kind.FAILED, DocumentState.HELD: Kind.HELD}
COMPLETE = frozenset({Kind.PARKED, Kind.OFFLINE, Kind.OUTBOX, Kind.LATE, Kind.LEDGER})


class AlertDesk:
    """One for the daemon. Failed documents arrive as they happen; the rest is looked at every few seconds."""

    def __init__(self, daemon: Daemon, alerter: Alerter, missed: Sequence[Document]) -> None:
        self._daemon = daemon
        self._alerter = alerter
        self._failed = {trouble.key: trouble for document in missed for trouble in [_ended_badly(document)]}
        self._over: set[str] = set()
        self._looking = asyncio.Lock()

    @classmethod
    async def create(cls, daemon: Daemon) -> Self:
        """With what earlier runs have told, and with documents whose end an earlier run did not live to tell."""
        memory = Memory(daemon.ledger)
        senders = make_senders(daemon.config.alerts, daemon.environ)
        missed = await asyncio.to_thread(_lately_ended_badly, daemon.config.state, daemon.clock.now())
        return cls(daemon, Alerter(senders, await memory.recall(), memory.save), missed)

    def follow(self, senders: Sequence[Sender]) -> None:
        """Sends by other ways from now on (a reload)."""
        self._alerter.senders = tuple(senders)

    def changed(self, change: Change) -> None:
        """Takes note of a document that failed, is held, or has left such a state."""
        before, after = change.before, change.after
        if before.state in KINDS and before.state is not after.state:
            key = _ended_badly(before).key
            self._failed.pop(key, None)
            self._over.add(key)
        if after.state in KINDS:
            trouble = _ended_badly(after)
            self._failed[trouble.key] = trouble
            self._over.discard(trouble.key)

    async def run(self) -> None:
        """Looks and sends until cancelled."""
        while True:
            await self._daemon.clock.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Tells what is new; once the daemon stops, only how documents ended: its inboxes are watched no more."""
        async with self._looking:
            standing = Seen() if self._daemon.stopping else await self._look_around()
            failed, self._failed = self._failed, {}
            over, self._over = self._over, set()
            seen = replace(standing, troubles=(*standing.troubles, *failed.values()), over=frozenset(over))
            await self._alerter.update(seen, self._daemon.clock.now())

    async def _look_around(self) -> Seen:
        late = await self._late()
        complete = COMPLETE if late is not None else COMPLETE - {Kind.LATE}
        return Seen((*self._standing(), *(late or ())), complete, unclear=self._unclear())

    def _unclear(self) -> frozenset[str]:
        """What cannot be said yet, after a start: neither that it is in trouble nor that it is well again."""
        daemon, inboxes = self._daemon, self._daemon.inboxes.statuses()
        services, proven = daemon.context.services, daemon.dispatcher.proven_outboxes
        keys = [f"{Kind.PARKED}:{name}" for name, service in services.items() if not service.gate.proven]
        keys += [f"{Kind.OUTBOX}:{name}" for name in daemon.context.inboxes if name not in proven]
        keys += [f"{Kind.OFFLINE}:{inbox.name}" for inbox in inboxes if inbox.hung_since or not inbox.online]
        keys += [f"{Kind.LATE}:{inbox.name}" for inbox in inboxes if not inbox.scanned_once]
        keys += [f"{Kind.LEDGER}:ledger"] if daemon.ledger.unchecked else []
        return frozenset(keys)

    def _standing(self) -> list[Trouble]:
        daemon = self._daemon
        troubles = [
            Trouble(Kind.PARKED, name, parked.reason, parked.hint or "", needs_person=parked.needs_person)
            for name, parked in parked_providers(daemon).items()
        ]
        troubles += [
            Trouble(Kind.OFFLINE, name, reason, "mount or create it again; docferry goes on by itself")
            for name, reason in daemon.inboxes.offline().items()
        ]
        troubles += [Trouble(Kind.OUTBOX, name, it.reason) for name, it in daemon.dispatcher.outbox_trouble.items()]
        if (error := ledger_trouble(daemon)) is not None:
            troubles.append(_of_ledger(daemon.config.state, error))
        return troubles

    async def _late(self) -> list[Trouble] | None:
        """Inboxes whose oldest file or document waits beyond ``alert_after``; None while the ledger cannot tell."""
        now, config = self._daemon.clock.now(), self._daemon.config
        try:
            in_ledger = await asyncio.to_thread(_oldest_open, config.state)
        except LedgerError as error:
            log.error("the ledger cannot be asked what waits: %s", error)
            return None
        oldest = self._daemon.inboxes.oldest_waiting(in_ledger)
        limits = {inbox.name: inbox.alert_after_s for inbox in config.inboxes}
        return [
            Trouble(
                Kind.LATE,
                name,
                f"{one.path} waits for {(now - one.since) / 60:.0f} minutes: {one.waits_for}",
                f"docferry why {shlex.quote(one.path)}; docferry status shows the others",
            )
            for name, one in oldest.items()
            if name in limits and now - one.since > limits[name]
        ]


class Note:
    """That the ledger's own trouble was told, in a small file beside it.

    A damaged ledger may not open at all, however often the daemon is started; and what replaces it, a backup or
    nothing, knows nothing of the alert. By the file each start knows that it was told, and the first good one that it
    is over.
    """

    def __init__(self, state: Path) -> None:
        self._file = state / TOLD

    def read(self) -> dict[str, Json] | None:
        try:
            told: dict[str, Json] = asdict(Trouble(**{**json.loads(self._file.read_text()), "kind": Kind.LEDGER}))
        except (OSError, ValueError, TypeError):
            return None
        return told

    def write(self, trouble: Json | None) -> None:
        """With None the trouble is over. A disk that takes not even this only means that it is told again."""
        try:
            if trouble is None:
                self._file.unlink(missing_ok=True)
            elif self.read() is None:
                self._file.write_text(json.dumps(trouble))
        except OSError as error:
            log.warning("%s: %s", self._file, error.strerror)


class Memory:
    """What was told: kept in the ledger, and of the ledger itself in its note."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._note = Note(ledger.path.parent)

    async def recall(self) -> dict[str, Json] | None:
        state: dict[str, Json] | None = await self._ledger.recall(MEMORY)
        told = await asyncio.to_thread(self._note.read)
        if told is None or any(trouble["kind"] == Kind.LEDGER for trouble in (state or {}).get("open", [])):
            return state
        return {"unsent": [], **(state or {}), "open": [*(state or {}).get("open", []), told]}

    async def save(self, state: Json) -> None:
        """Raises LedgerError; the note is written all the same."""
        trouble = next((one for one in state["open"] if one["kind"] == Kind.LEDGER), None)
        await asyncio.to_thread(self._note.write, trouble)
        await self._ledger.remember(MEMORY, state)


async def tell_of_ledger(config: Config, environ: Mapping[str, str], error: LedgerError, now: float) -> None:
    """The one alert of a daemon that cannot start because of its ledger; nothing where it was told before."""
    note, trouble = Note(config.state), _of_ledger(config.state, error)
    if note.read() is not None:
        return
    arrived = True

    async def save(state: Json) -> None:
        nonlocal arrived
        arrived = not state["unsent"]

    await Alerter(make_senders(config.alerts, environ), None, save).update(Seen((trouble,)), now)
    if arrived:
        note.write(asdict(trouble))


def _of_ledger(state: Path, error: LedgerError) -> Trouble:
    return Trouble(Kind.LEDGER, display(str(state)), error.message, error.hint or "", id="ledger")


def make_senders(config: AlertsConfig, environ: Mapping[str, str]) -> list[Sender]:
    """The ways out for alerts. Raises ConfigError for a key that cannot be read, UsageError for a URL."""
    urls = [read_key(url, environ).reveal() if isinstance(url, KeySource) else url for url in config.urls]
    senders: list[Sender] = [AppriseSender(urls)] if urls else []
    return [*senders, CommandSender(config.command)] if config.command else senders


def _ended_badly(document: Document) -> Trouble:
    return Trouble(
        KINDS[document.state],
        display(document.path),
        document.error or "",
        document.error_hint or "",
        id=document.id,
    )


def _lately_ended_badly(state: Path, now: float) -> list[Document]:
    """The latest failed and held documents: what was told of them already, the alerter knows."""
    try:
        with LedgerReader(state) as ledger:
            documents = ledger.documents(states=tuple(KINDS), limit=MOST_MISSED, since=now - CLAIMED_SINCE_S)
    except LedgerError as error:
        log.error("the ledger cannot be asked what failed lately: %s", error)
        return []
    return [document for document in documents if now - document.updated_at < MISSED_S]


def _oldest_open(state: Path) -> dict[str, Oldest]:
    with LedgerReader(state) as ledger:
        return ledger.oldest_open()
