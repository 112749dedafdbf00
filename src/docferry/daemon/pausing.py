"""Inboxes and providers that a person holds still: kept in the ledger, so that a restart does not let them go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from docferry.config.models import Config
from docferry.daemon.control import ask
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.errors import UsageError
from docferry.ledger import Ledger
from docferry.models import Json

MEMORY = "paused"


@dataclass(slots=True)
class Paused:
    """The names of what is held still at present."""

    inboxes: set[str] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)

    @classmethod
    async def recall(cls, ledger: Ledger) -> Self:
        names = await ledger.recall(MEMORY) or {}
        return cls(set(names.get("inboxes", [])), set(names.get("providers", [])))

    async def remember(self, ledger: Ledger) -> None:
        await ledger.remember(MEMORY, {"inboxes": sorted(self.inboxes), "providers": sorted(self.providers)})

    def follow(self, config: Config, name: str, *, pausing: bool) -> str:
        """Holds ``name`` still or lets it go; what happened in words. Raises UsageError for a name nobody has."""
        known: Mapping[str, tuple[set[str], bool]] = {
            "inbox": (self.inboxes, any(inbox.name == name for inbox in config.inboxes)),
            "provider": (self.providers, name in config.providers),
        }
        kinds = [kind for kind, (_, is_known) in known.items() if is_known]
        if not kinds:
            raise UsageError(f"there is no inbox or provider called {name!r}")
        for kind in kinds:
            paused, _ = known[kind]
            paused.add(name) if pausing else paused.discard(name)
        return f"{' and '.join(kinds)} {name} {'paused' if pausing else 'goes on'}"


async def pause_or_resume(config: Config, request: Mapping[str, Json]) -> str:
    """Asks the running daemon, or writes it into the ledger for the next one. Raises UsageError, LedgerError."""
    answer = ask(config.control.socket or socket_path(config.state, CONTROL), request)
    if answer is not None:
        return str(answer["said"])
    paused = Paused()
    said = paused.follow(config, request["name"], pausing=request["do"] == "pause")  # before a ledger is made for it
    ledger = Ledger(config.state).open()
    try:
        paused = await Paused.recall(ledger)
        paused.follow(config, request["name"], pausing=request["do"] == "pause")
        await paused.remember(ledger)
    finally:
        ledger.close()
    return f"{said}, from the next start on"
