"""What the stages work with, and the one way in which they make a change durable."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from docferry.clock import Clock
from docferry.config.models import InboxConfig, ProviderConfig
from docferry.errors import DocferryError
from docferry.ledger import Change, Delivery, Event, Ledger
from docferry.models import Document, Json, Step
from docferry.observe.metrics import Metrics
from docferry.outbox.delivery import Outbox
from docferry.outbox.root import Root
from docferry.pipeline.gate import Gate
from docferry.pipeline.pace import PaceBook
from docferry.pipeline.tidying import Tidier
from docferry.providers.base import Provider
from docferry.rules.route import Router

log = logging.getLogger(__name__)

WORK_FOLDER = ".docferry"
_GOES_AWAY = re.compile(r"deprecat|will go away|provider warns", re.IGNORECASE)


@dataclass(slots=True)
class Service:
    """A configured provider with what governs our use of it."""

    provider: Provider
    config: ProviderConfig
    gate: Gate


@dataclass(frozen=True, slots=True)
class Places:
    """Where an inbox's documents end."""

    outbox: Outbox
    archive: Root | None
    failed: Root
    tidier: Tidier = field(default_factory=Tidier)

    def roots(self) -> tuple[Root, ...]:
        return (self.outbox.root, self.failed, *((self.archive,) if self.archive else ()))


@dataclass(slots=True)
class Context:
    """Everything a stage may touch. The mappings are exchanged whole when the configuration is reloaded."""

    ledger: Ledger
    clock: Clock
    rng: random.Random
    state: Path
    router: Router
    inboxes: Mapping[str, InboxConfig]
    outlets: Mapping[str, Places]
    services: Mapping[str, Service]
    pace: PaceBook
    metrics: Metrics
    on_change: Callable[[Change], None]
    may_submit_now: Callable[[Document], bool] = lambda document: False
    """Gives a document that was just routed a free place at its provider, if there is one and nobody waits for it."""
    shown_warnings: set[tuple[str, str]] = field(default_factory=set)
    uploads: dict[str, int] = field(default_factory=dict)  # bytes sent so far, by document, while a request runs

    def service(self, name: str | None) -> Service:
        """The provider a document is bound to. Raises DocferryError when the configuration no longer has it."""
        if name is None or name not in self.services:
            raise DocferryError(
                f"provider {name!r} is not in the configuration any more",
                hint="add it again, or retry the document to route it anew",
            )
        return self.services[name]

    def inbox(self, document: Document) -> InboxConfig:
        if document.inbox not in self.inboxes:
            raise DocferryError(
                f"inbox {document.inbox!r} is not in the configuration any more",
                hint="add it again so that its open documents can be finished",
            )
        return self.inboxes[document.inbox]

    def places(self, document: Document) -> Places:
        self.inbox(document)  # says clearly when the inbox is gone
        return self.outlets[document.inbox]

    def work_folder(self, document: Document) -> Path:
        """The document's own folder: beside the original, or in the state folder where originals stay in place."""
        if self.inbox(document).claim == "leave":
            return self.state / "work" / document.id
        return Path(document.work_path).parent

    def change(
        self,
        before: Document,
        event: str,
        detail: Mapping[str, Json] | None = None,
        *,
        steps: tuple[Step, ...] = (),
        deliveries: tuple[Delivery, ...] = (),
        quiet: bool = False,
        **fields: Any,
    ) -> Change:
        """A change of ``before`` by ``fields``; ``event`` tells the document's story, ``detail`` its values."""
        after = replace(before, updated_at=self.clock.now(), **fields)
        return Change(before, after, Event(event, detail or {}), steps, deliveries, quiet)

    async def commit(self, *changes: Change) -> Document:
        """Makes changes of one document durable; then, and only then, tells the log and the observer."""
        document = await self.ledger.apply(*changes)
        _tell(changes)
        for change in changes:
            self.on_change(change)
        return document

    def warn_once(self, provider: str, warnings: Sequence[str]) -> None:
        """Shows once for each provider that a call will go away: every answer says so, and would drown the rest."""
        for warning in warnings:
            if _GOES_AWAY.search(warning) and (provider, warning) not in self.shown_warnings:
                self.shown_warnings.add((provider, warning))
                log.warning("%s: %s", provider, warning, extra={"provider": provider})


def _tell(changes: Sequence[Change]) -> None:
    """One line of the log for what was committed together; polls and the like are details."""
    told = [change.event for change in changes if not change.quiet]
    reasons = any(event.detail.get("reason") for event in told)
    level = logging.WARNING if reasons else logging.INFO if told else logging.DEBUG
    if not log.isEnabledFor(level):
        return
    last = changes[-1]
    document = last.after
    facts = {
        "document": document.id,
        "path": document.path,
        "inbox": document.inbox,
        "provider": document.provider,
        "rule": document.plan.rule if document.plan else None,
        "state": document.state.value,
        "attempt": document.attempts,
        "job": last.steps[-1].job_id if last.steps else None,
    }
    log.log(level, "%s", ", ".join(_sentence(event) for event in told or (last.event,)), extra=facts)


def _sentence(event: Event) -> str:
    reason = event.detail.get("reason")
    return f"{event.kind}: {reason}" if reason else event.kind
