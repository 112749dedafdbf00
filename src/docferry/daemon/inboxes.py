"""The scanners of all inboxes: started, stopped, exchanged at a reload, and asked how they are."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docferry.clock import iso
from docferry.config.models import InboxConfig
from docferry.daemon.claims import ClaimDesk
from docferry.daemon.once import left_behind
from docferry.errors import DocferryError, LedgerError
from docferry.intake.inbox import Inbox
from docferry.intake.values import Candidate, EventKind, InboxStatus, IntakeEvent
from docferry.intake.watcher import Watcher
from docferry.ledger import Event, Oldest
from docferry.ledger.ledger import find_known_identity, known_among
from docferry.ledger.upkeep import finished_among
from docferry.models import FileIdentity, display, new_id
from docferry.observe.metrics import Metrics
from docferry.observe.notify import Progress
from docferry.rules.route import Candidate as RoutingCandidate

if TYPE_CHECKING:
    from docferry.daemon.service import Daemon

log = logging.getLogger(__name__)

OBSERVER = "observer"
SILENCE_S = 120.0  # a scanner that shows no sign of life for so long is blind
MIN_FREE_BYTES = 50_000_000
"""With less room in the state folder nothing more is claimed: what is ours must always be recordable."""

_TROUBLE = frozenset(
    {
        EventKind.OFFLINE,
        EventKind.UNREADABLE,
        EventKind.NOT_MOVABLE,
        EventKind.OTHER_FILESYSTEM,
        EventKind.SIDECAR_REFUSED,
        EventKind.WATCH_LIMIT,
        EventKind.WATCH_FAILED,
        EventKind.HAND_OVER_FAILED,
        EventKind.FAILED,
        EventKind.SPECIAL_FILE,
    }
)


class Inboxes:
    """All scanners. Their callbacks come from their own threads; what they need of the loop is handed over."""

    def __init__(self, daemon: Daemon, desk: ClaimDesk) -> None:
        self._daemon = daemon
        self._desk = desk
        self._watcher = Watcher()
        self._inboxes: dict[str, Inbox] = {}
        self._offline_since: dict[str, float] = {}  # inboxes that were looked for in vain, on the elapsed clock
        self._routed_first: set[str] = set()  # inboxes whose files are routed before they are claimed
        self._loop = asyncio.get_running_loop()

    async def start(self, configs: Sequence[InboxConfig]) -> None:
        for config in configs:
            await self._add(config)

    async def stop(self) -> None:
        """Ends every scanner; one that hangs in its filesystem is left behind."""
        inboxes = list(self._inboxes.values())
        self._inboxes = {}
        await asyncio.gather(*(asyncio.to_thread(inbox.stop) for inbox in inboxes))
        await asyncio.to_thread(self._watcher.stop)

    async def change(self, configs: Sequence[InboxConfig]) -> None:
        """Follows a reload: scanners whose settings changed are exchanged, the others learn that rules changed."""
        wanted = {config.name: config for config in configs}
        for name, inbox in list(self._inboxes.items()):
            if wanted.get(name) == inbox.config and self._routes_first(name) == (name in self._routed_first):
                inbox.rules_changed()
                continue
            del self._inboxes[name]
            self._daemon.progress.forget(f"inbox {name}")
            # Perhaps it was the last one whose events arrive; where others' do, the next tick expects them again.
            self._daemon.progress.forget(OBSERVER)
            await asyncio.to_thread(inbox.stop)
        for config in configs:
            if config.name not in self._inboxes:
                await self._add(config)

    def _routes_first(self, name: str) -> bool:
        return self._daemon.context.router.may_ignore(name)

    async def _add(self, config: InboxConfig) -> None:
        ledger = self._daemon.ledger
        owner = await self._owner()
        marker = await ledger.recall(f"marker {config.name}")
        routes_first = self._routes_first(config.name)
        (self._routed_first.add if routes_first else self._routed_first.discard)(config.name)
        inbox = Inbox(
            config,
            self._daemon.clock,
            self._on_event,
            watcher=self._watcher,
            on_claimed=self._desk.enter,
            may_claim=lambda: self._may_claim(config.name),
            pre_route=self._pre_route if routes_first else None,
            known=(lambda identity, path: self._known(config.name, identity, path)),
            known_ids=lambda ids: ledger.call_sync(lambda connection: known_among(connection, ids)),
            finished_ids=lambda ids: ledger.call_sync(lambda connection: finished_among(connection, ids)),
            marker_id=marker,
            owner=owner,
        )
        self._inboxes[config.name] = inbox
        inbox.start()

    async def _owner(self) -> str:
        """A name for this state folder among daemons that share an inbox; made once."""
        owner = await self._daemon.ledger.recall("owner")
        if owner is None:
            owner = new_id(self._daemon.clock.now())
            await self._daemon.ledger.remember("owner", owner)
        return str(owner)

    # called in scanner threads

    def _may_claim(self, name: str) -> bool:
        daemon = self._daemon
        if name in daemon.paused.inboxes or daemon.stopping:
            return False
        return shutil.disk_usage(daemon.config.state).free > MIN_FREE_BYTES

    def _known(self, inbox: str, identity: FileIdentity, path: str) -> bool:
        """Whether this very version of a file that stays where it is was taken before."""
        document = self._daemon.ledger.call_sync(lambda connection: find_known_identity(connection, inbox, path))
        if document is None:
            return False
        known = document.identity
        return (known.inode, known.size_bytes, known.mtime_ns) == (
            identity.inode,
            identity.size_bytes,
            identity.mtime_ns,
        )

    def _pre_route(self, candidate: Candidate) -> bool:
        """Whether the rules want the file at all; asked only where some rule ignores files."""
        routed = asyncio.run_coroutine_threadsafe(self._wanted(candidate), self._loop)
        return routed.result()

    async def _wanted(self, candidate: Candidate) -> bool:
        daemon = self._daemon
        try:
            routing = await daemon.context.router.route(
                RoutingCandidate(
                    inbox=candidate.inbox,
                    path=candidate.path,
                    file=Path(candidate.file),
                    size_bytes=candidate.identity.size_bytes,
                    modified_at=datetime.fromtimestamp(candidate.identity.mtime_ns / 1e9, UTC),
                    id=new_id(daemon.clock.now()),
                )
            )
        except DocferryError:
            return True  # it becomes a document, which then fails with this reason where a person sees it
        if routing.ignored:
            detail = {"inbox": candidate.inbox, "path": display(candidate.path), "rule": routing.rule}
            log.info("left where it is: rule %s ignores it", routing.rule, extra={"path": candidate.path})
            await daemon.ledger.record(Event("ignored", detail), daemon.clock.now())
        return not routing.ignored

    def _on_event(self, event: IntakeEvent) -> None:
        self._loop.call_soon_threadsafe(self._take_note, event)

    # in the loop

    def _take_note(self, event: IntakeEvent) -> None:
        if event.kind is EventKind.OFFLINE:
            self._offline_since.setdefault(event.inbox, self._daemon.clock.elapsed())
        elif event.kind is EventKind.ONLINE:
            self._offline_since.pop(event.inbox, None)
        task = self._loop.create_task(self._record(event))
        task.add_done_callback(_log_failure)

    async def _record(self, event: IntakeEvent) -> None:
        ledger, now = self._daemon.ledger, self._daemon.clock.now()
        if event.kind is EventKind.MARKER:
            await ledger.remember(f"marker {event.inbox}", event.detail)
            return
        where = display(event.path) or "the inbox"
        log.log(
            logging.WARNING if event.kind in _TROUBLE else logging.INFO,
            "%s: %s: %s",
            event.kind.value,
            where,
            event.detail,
            extra={"inbox": event.inbox, "path": event.path},
        )
        detail = {"inbox": event.inbox, "path": display(event.path), "detail": event.detail}
        await ledger.record(Event(event.kind.value, detail), now)

    def all_scanned(self) -> bool:
        """Whether every inbox was looked through once; one that is away, hangs or takes nothing is not waited for."""
        return all(
            status.scanned_once
            or status.hung_since is not None
            or status.name in self._offline_since
            or not self._may_claim(status.name)
            for status in self.statuses()
        )

    def left_behind(self) -> list[str] | None:
        """What ``run --once`` cannot work off, in words; None while something may still come by itself."""
        now = self._daemon.clock.elapsed()
        left: list[str] = []
        for inbox in self._inboxes.values():
            offline_s = now - self._offline_since.get(inbox.config.name, now)
            of_this_one = left_behind(
                inbox.snapshot(),
                inbox.config,
                offline_s,
                paused=inbox.config.name in self._daemon.paused.inboxes,
                has_room=self._may_claim(inbox.config.name),
            )
            if of_this_one is None:
                return None
            left += of_this_one
        return left

    def claim_in_bulk(self) -> bool:
        """Whether any inbox has so many files to claim that it takes them in ever larger batches."""
        return any(inbox.claims_in_bulk for inbox in self._inboxes.values())

    def waiting_count(self) -> int:
        return sum(status.waiting_count for status in self.statuses())

    def offline(self) -> dict[str, str]:
        return {
            status.name: status.reason or "offline" for status in self.statuses() if status.name in self._offline_since
        }

    def mark_progress(self, progress: Progress) -> None:
        for status in self.statuses():
            # Only one that was seen once can become blind: after a restart a share that still hangs is no reason
            # for the next restart, and the other inboxes work.
            if status.hung_since is None and (status.scanned_once or status.name in self._offline_since):
                progress.expect(f"inbox {status.name}", self._daemon.notifier.watchdog_s or SILENCE_S)
        if any(status.events_proven for status in self.statuses()):
            progress.expect(OBSERVER, SILENCE_S)  # its canaries arrive: should they stop, it is blind

    def facts(self, name: str) -> dict[str, Any]:
        """What ``status`` shows of one inbox."""
        inbox = self._inboxes.get(name)
        if inbox is None:
            return {"state": "not watched"}
        status = inbox.snapshot()
        return {
            "state": "watched" if status.online else f"offline: {status.reason}",
            "watching": status.watching,
            "events_proven": status.events_proven,
            "directories": status.directories,
            "last_scan_at": iso(status.last_scan_at),
            "scan_took_s": status.scan_took_s,
            "hung_since": iso(status.hung_since),
            "waiting_count": status.waiting_count,
            "waiting_files": [
                {
                    "path": display(file.path),
                    "size_bytes": file.size_bytes,
                    "waits_for": file.waits_for,
                    "since": file.since,
                }
                for file in status.files_waiting
            ],
        }

    def oldest_waiting(self, in_ledger: Mapping[str, Oldest]) -> dict[str, Oldest]:
        """What waits longest in each inbox where anything does: a file that lies there, or a document on its way."""
        oldest = {}
        for status in self.statuses():
            waiting = [Oldest(file.since, display(file.path), file.waits_for) for file in status.files_waiting]
            waiting += [in_ledger[status.name]] if status.name in in_ledger else []
            if waiting:
                oldest[status.name] = min(waiting, key=lambda one: one.since)
        return oldest

    def measure(self, metrics: Metrics, in_ledger: Mapping[str, Oldest]) -> None:
        now, oldest = self._daemon.clock.now(), self.oldest_waiting(in_ledger)
        for status in self.statuses():
            metrics.inbox(status.name, online=status.online, events=bool(status.events_proven))
        since = {status.name: oldest[status.name].since if status.name in oldest else now for status in self.statuses()}
        metrics.oldest_waiting({name: now - moment for name, moment in since.items()})

    def statuses(self) -> list[InboxStatus]:
        """Every inbox at this moment; returns at once, also while one hangs."""
        return [inbox.snapshot() for inbox in self._inboxes.values()]


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and isinstance(error := task.exception(), LedgerError):
        log.error("an inbox event could not be recorded: %s", error)
