"""What the daemon says of itself in a few words: the line for ``systemctl status``, and its troubles."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from docferry.daemon.inboxes import MIN_FREE_BYTES
from docferry.errors import LedgerError
from docferry.models import display
from docferry.pipeline.gate import ParkedState

if TYPE_CHECKING:
    from docferry.daemon.service import Daemon


def status_line(daemon: Daemon) -> str:
    """Counts and troubles in one line, such as "3 waiting, 1 parked: pulse 401 invalid key"."""
    dispatcher = daemon.dispatcher
    parts = [f"{len(dispatcher.schedule) + len(dispatcher.in_flight)} waiting"]
    if settling := daemon.inboxes.waiting_count():
        parts.append(f"{settling} settling")
    troubles = {
        "parked": [f"{name} {parked.reason}" for name, parked in parked_providers(daemon).items()],
        "offline": list(daemon.inboxes.offline()),
        "without outbox": list(dispatcher.outbox_trouble),
        "paused": sorted(daemon.paused.inboxes | daemon.paused.providers),
    }
    parts += [f"{len(names)} {what}: {'; '.join(names)}" for what, names in troubles.items() if names]
    if ledger_trouble(daemon) is not None:
        parts.append("the ledger is in trouble")
    if daemon.reload_problem:
        parts.append("the edited configuration is not used")
    return ", ".join(parts)


def troubles(daemon: Daemon) -> list[str]:
    """What a person should know, one line each; empty when all is well."""
    lines = [f"provider {name} is parked: {parked.reason}" for name, parked in parked_providers(daemon).items()]
    lines += [f"inbox {name} is offline: {reason}" for name, reason in daemon.inboxes.offline().items()]
    lines += [f"outbox of {name}: {it.reason}" for name, it in daemon.dispatcher.outbox_trouble.items()]
    if (ledger := ledger_trouble(daemon)) is not None:
        lines.append(str(ledger))
    if daemon.reload_problem:
        lines.append(f"the edited configuration is not used: {daemon.reload_problem}")
    return lines


def parked_providers(daemon: Daemon) -> Mapping[str, ParkedState]:
    """Every provider that is not asked at present, and why."""
    services = daemon.context.services
    return {name: parked for name, service in services.items() if (parked := service.gate.parked) is not None}


def ledger_trouble(daemon: Daemon) -> LedgerError | None:
    """Why the ledger cannot be trusted or written at present: damage, a commit that failed, no room for the next."""
    if daemon.upkeep.damage is not None:
        return daemon.upkeep.damage
    if daemon.dispatcher.ledger_trouble is not None:
        return daemon.dispatcher.ledger_trouble
    state = daemon.config.state
    if shutil.disk_usage(state).free <= MIN_FREE_BYTES:
        hint = "free some space; docferry goes on by itself"
        return LedgerError(f"{display(str(state))}: the disk is full, so no new document is taken", hint=hint)
    return None
