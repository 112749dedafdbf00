"""The loop that keeps every lane moving: it decides who may go, ``advance`` does the work.

One loop for everything: it sleeps until the next moment something falls due or somebody wakes it. A lane
whose provider or outbox is parked simply has no place to give; nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from docferry.errors import LedgerError, OutboxUnavailable
from docferry.ledger import StaleDocument
from docferry.ledger.ledger import find_waiting_for_fallback
from docferry.models import Document, DocumentState
from docferry.pipeline.advance import advance
from docferry.pipeline.context import Context
from docferry.pipeline.ending import fail, use_fallback
from docferry.pipeline.lanes import ROUTE, Entry, Schedule, lane, lane_of

log = logging.getLogger(__name__)

ROUTE_PLACES = 8
ROUTED_AHEAD = 64
"""How many routed documents may wait for their providers before routing gives way to claims in bulk."""
ROUTE_AHEAD_EVERY_S = 0.05
DELIVER_PLACES = 8
FILE_PLACES = 4
LEDGER_PAUSE_S = 5.0
OUTBOX_PAUSES_S = (2.0, 5.0, 15.0, 60.0)
LONGEST_SLEEP_S = 1.0
FALLBACK_LOOK_S = 2.0


@dataclass(slots=True)
class OutboxTrouble:
    """Why an inbox's outbox takes nothing at present."""

    reason: str
    since: float
    until: float
    times: int = 1


class Dispatcher:
    """Starts work as places become free. ``stop`` lets running work finish within a grace time."""

    def __init__(self, context: Context, claims_in_bulk: Callable[[], bool] = lambda: False) -> None:
        """``claims_in_bulk``: whether an inbox has more files to claim than its first few."""
        self.context = context
        self._claims_in_bulk = claims_in_bulk
        self.schedule = Schedule()
        self.in_flight: dict[str, str] = {}  # document id -> lane
        self.outbox_trouble: dict[str, OutboxTrouble] = {}
        self.proven_outboxes: set[str] = set()  # by inbox: those that have taken something in this run
        self.ledger_trouble: LedgerError | None = None  # why nothing can be recorded at present
        self.paused_providers: set[str] = set()
        self.last_turn_at = context.clock.elapsed()
        self._places: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: dict[str, Entry] = {}  # asked for while in flight
        self._wake = asyncio.Event()
        self._stopping = False
        self._ledger_ready_at = 0.0
        self._fallbacks_at = 0.0
        self._routed_at = 0.0
        self._gives_to_fallback = False  # a document is between the lanes of two providers
        context.may_submit_now = self._move_on

    async def load(self) -> int:
        """Takes up every open document of the ledger; returns how many."""
        now = self.context.clock.now()
        rows = await self.context.ledger.open_documents()
        for document_id, state, provider, inbox, routed, priority, due_at in rows:
            name = lane(DocumentState(state), provider, inbox, routed=routed, filed=False)
            if name is not None:
                self.schedule.add(Entry(document_id, name, priority, due_at), now)
        return len(rows)

    def add(self, document: Document) -> None:
        """Puts a document where its row says it belongs. Call it in the loop's thread, after the commit."""
        name = lane_of(document)
        if name is None:
            self.schedule.remove(document.id)
        else:
            entry = Entry(document.id, name, document.priority, document.due_at)
            if document.id in self.in_flight:
                self._again[document.id] = entry
            else:
                self.schedule.add(entry, self.context.clock.now())
        self.wake()

    def wake(self) -> None:
        self._wake.set()

    def held_up(self) -> dict[str, int] | None:
        """How many documents wait for each provider that only a person can open; None while anything else is to do."""
        parked = self._parked_for_a_person()
        if self.in_flight or self._gives_to_fallback or (len(self.schedule) and not self.paused_providers | parked):
            return None
        lanes, counts = self.schedule.sizes(), Counter[str]()
        for name in self.paused_providers | parked:
            counts[name] += lanes.pop(f"submit:{name}", 0)
        for name in parked:
            counts[name] += lanes.pop(f"poll:{name}", 0)  # a paused provider's jobs are still asked about
        return None if lanes else dict(+counts)

    def _parked_for_a_person(self) -> set[str]:
        """Providers that are parked for what waiting alone does not mend, and that are not about to be asked again."""
        now = self.context.clock.now()
        states = {name: service.gate.parked for name, service in self.context.services.items()}
        return {name for name, state in states.items() if state and state.only_person and state.next_probe_at > now}

    async def awaits_fallback(self, providers: Iterable[str]) -> bool:
        """Whether any document waits to be given to its plan's other provider. Raises LedgerError."""
        for name in providers:
            find = partial(find_waiting_for_fallback, provider=name, parked_s=math.inf)
            if await self.context.ledger.call(find):
                return True
        return False

    async def run(self) -> None:
        """Works until ``stop``."""
        while not self._stopping:
            self.last_turn_at = self.context.clock.elapsed()
            now = self.context.clock.now()
            self.schedule.promote(now)
            self._start_what_may(now)
            await self._move_to_fallbacks(now)
            await self._sleep(now)

    async def stop(self, grace_s: float) -> int:
        """Starts nothing new and lets running work finish; returns how much of it was cut off.

        What is cut off is taken up from the ledger next time.
        """
        self._stopping = True
        self.wake()
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(self._tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)

    async def _sleep(self, now: float) -> None:
        moments = [self.schedule.next_due_at(), *map(partial(self._opens_at, now=now), self.schedule.lanes())]
        first = min((moment for moment in moments if moment is not None), default=now + LONGEST_SLEEP_S)
        pause_s = min(max(first - now, 0.0), LONGEST_SLEEP_S)
        timer = asyncio.get_running_loop().call_later(pause_s, self._wake.set)
        await self._wake.wait()
        timer.cancel()
        self._wake.clear()

    def _opens_at(self, name: str, now: float) -> float | None:
        """When a lane that has no place for now is worth another look."""
        if name == ROUTE and self._gives_way(now):
            return self._routed_at + ROUTE_AHEAD_EVERY_S
        kind, _, owner = name.partition(":")
        service = self.context.services.get(owner)
        return service.gate.opens_at(kind, now) if kind in ("submit", "poll") and service is not None else None

    def _start_what_may(self, now: float) -> None:
        """Gives every free place to the first in its lane."""
        if now < self._ledger_ready_at:
            return
        for name in self.schedule.lanes():
            while self.schedule.has_ready(name) and self._has_place(name, now):
                self._begin(name, self.schedule.pop(name))

    def _has_place(self, name: str, now: float) -> bool:
        kind, _, owner = name.partition(":")
        running = self._places[name]
        match kind:
            case "submit":
                return owner not in self.paused_providers and self._gate_allows(owner, "submit", running, now)
            case "poll":
                return self._gate_allows(owner, "poll", running, now)
            case "deliver" | "file":
                trouble = self.outbox_trouble.get(owner)
                limit = DELIVER_PLACES if kind == "deliver" else FILE_PLACES
                if trouble is not None:
                    limit = 1  # a probe
                return running < limit and (trouble is None or now >= trouble.until)
            case _:
                return running < ROUTE_PLACES and not self._gives_way(now)

    def _gives_way(self, now: float) -> bool:
        """Whether routing waits for a moment: claims and requests need the same interpreter.

        Routed documents beyond those that go next are of no use yet but for their priorities, for whose sake routing
        goes on slowly: a slow share may have files to claim for hours.
        """
        if not self._claims_in_bulk() or now >= self._routed_at + ROUTE_AHEAD_EVERY_S:
            return False
        open_lanes = (f"submit:{name}" for name in self.context.services if self._takes_submissions(name))
        return sum(map(self.schedule.ready_count, open_lanes)) >= ROUTED_AHEAD

    def _takes_submissions(self, provider: str) -> bool:
        return provider not in self.paused_providers and self.context.services[provider].gate.parked is None

    def _gate_allows(self, provider: str, kind: str, running: int, now: float) -> bool:
        service = self.context.services.get(provider)
        if service is None:  # gone from the configuration: let the stage say so
            return running < ROUTE_PLACES
        return service.gate.admit(kind, running, now)

    def _begin(self, name: str, document_id: str) -> None:
        self._places[name] += 1
        self.in_flight[document_id] = name
        if name == ROUTE:
            self._routed_at = self.context.clock.now()
        task = asyncio.get_running_loop().create_task(self._work(document_id), name=f"{name} {document_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, document_id: str) -> None:
        """Takes a document as far as it gets without waiting for others."""
        document: Document | None = None
        try:
            document = await self._advance(document_id)
            while document is not None and document_id not in self._again and self._move_on(document):
                document = await self._advance(document_id)
        finally:
            self._leave(self.in_flight.pop(document_id))
            again = self._again.pop(document_id, None)
            if document is not None:
                self.add(document)
            elif again is not None:
                self.schedule.add(again, self.context.clock.now())
            self.wake()

    def _move_on(self, document: Document) -> bool:
        """Changes a document's place for one in the lane that is its next, where nobody waits and one is free."""
        old, new = self.in_flight.get(document.id), lane_of(document)
        now = self.context.clock.now()
        if old is None or new is None or self._stopping or now < max(document.due_at, self._ledger_ready_at):
            return False
        if self.schedule.has_ready(new) or not self._has_place(new, now):
            return False
        self._leave(old)
        self._places[new] += 1
        self.in_flight[document.id] = new
        self.wake()
        return True

    def _leave(self, name: str) -> None:
        self._places[name] -= 1
        self._release(name)

    def _release(self, name: str) -> None:
        """A document that was let through and asked nothing in the end must not keep the provider's only probe."""
        kind, _, owner = name.partition(":")
        service = self.context.services.get(owner)
        if kind in ("submit", "poll") and service is not None:
            service.gate.released()

    async def _advance(self, document_id: str) -> Document | None:
        """One step, with everything that can go wrong turned into when to go on."""
        name = self.in_flight[document_id]
        found = None
        try:
            found = await self.context.ledger.document_and_steps(document_id)
            if found is None or lane_of(found[0]) != name:
                return found[0] if found else None
            document = await advance(self.context, *found)
        except StaleDocument:
            return await self.context.ledger.document(document_id)
        except LedgerError as error:
            self._pause_for_ledger(error)
            return await self._later(found[0] if found else None, document_id, name)
        except OutboxUnavailable as error:
            assert found is not None
            self._park_outbox(found[0].inbox, error)
            # Tried again only when the folder may be: also where an answer could not be stored beside the original.
            self._again[document_id] = Entry(
                document_id, name, found[0].priority, self.outbox_trouble[found[0].inbox].until
            )
            return None
        except Exception as error:  # the task's outer edge: a defect of ours must cost one document, not all
            log.exception("unexpected error", extra={"document": document_id})
            return await self._fail_unexpected(found[0] if found else None, error)
        self._ledger_works()
        if name.startswith(("deliver:", "file:")):
            self._outbox_works(document.inbox)
        return document

    async def _later(self, document: Document | None, document_id: str, name: str) -> Document | None:
        if document is None:
            entry = Entry(document_id, name, 0, self.context.clock.now() + LEDGER_PAUSE_S)
            self._again[document_id] = entry
        return document

    async def _fail_unexpected(self, document: Document | None, error: Exception) -> Document | None:
        if document is None:
            return None
        reason = f"unexpected error: {type(error).__name__}: {error}"
        current = await self.context.ledger.document(document.id)
        if current is None or current.state not in _FAILABLE:
            return None
        return await fail(self.context, current, reason, f"please report it; docferry retry {document.id} tries again")

    def _pause_for_ledger(self, error: LedgerError) -> None:
        if self.ledger_trouble is None:
            log.error("nothing can be recorded, so nothing is done: %s", error)
        self.ledger_trouble = error
        self._ledger_ready_at = self.context.clock.now() + LEDGER_PAUSE_S

    def _ledger_works(self) -> None:
        if self.ledger_trouble is not None:
            self.ledger_trouble = None
            log.info("the ledger can be written again")

    async def _move_to_fallbacks(self, now: float) -> None:
        """Queued documents whose provider is parked for longer than their plan wants go to the plan's other one."""
        if now < self._fallbacks_at:
            return
        self._fallbacks_at = now + FALLBACK_LOOK_S
        for name, service in self.context.services.items():
            parked = service.gate.parked
            if parked is None:
                continue
            find = partial(find_waiting_for_fallback, provider=name, parked_s=now - parked.since)
            self._gives_to_fallback = True
            try:
                for document in await self.context.ledger.call(find):
                    if document.id not in self.in_flight:
                        self.add(await use_fallback(self.context, document, f"{name} is parked: {parked.reason}"))
            except LedgerError as error:
                self._pause_for_ledger(error)
            finally:
                self._gives_to_fallback = False

    def _park_outbox(self, inbox: str, error: OutboxUnavailable) -> None:
        now = self.context.clock.now()
        trouble = self.outbox_trouble.get(inbox)
        if trouble is None:
            log.error("outbox of %s is parked: %s", inbox, error, extra={"inbox": inbox})
            self.outbox_trouble[inbox] = OutboxTrouble(str(error), now, now + OUTBOX_PAUSES_S[0])
            return
        trouble.reason = str(error)
        trouble.times += 1
        trouble.until = now + OUTBOX_PAUSES_S[min(trouble.times, len(OUTBOX_PAUSES_S)) - 1]

    def _outbox_works(self, inbox: str) -> None:
        self.proven_outboxes.add(inbox)
        if self.outbox_trouble.pop(inbox, None) is not None:
            log.info("outbox of %s works again", inbox, extra={"inbox": inbox})

    def running(self) -> Mapping[str, int]:
        """How many documents each lane works on now."""
        return {name: count for name, count in self._places.items() if count}


_FAILABLE = frozenset(
    {
        DocumentState.QUEUED,
        DocumentState.SUBMITTING,
        DocumentState.WAITING,
        DocumentState.STORING,
        DocumentState.DELIVERING,
    }
)
