"""How far routing goes ahead of what providers take, while an inbox has many files to claim and while none has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docferry.errors import Parked
from docferry.ledger import Event
from docferry.pipeline.dispatcher import ROUTE_AHEAD_EVERY_S, ROUTE_PLACES, ROUTED_AHEAD, Dispatcher
from simulation.simulator import Simulation
from simulation.world import Dice, OneThreadLoop, new_ledger

COUNT = 200
MOST_AT_ONCE = 64  # at a provider with its default concurrency, however well it answers
TURNS = 2000  # of the loop, each of which lets whatever can go on take a step


class Backlog:
    """A dispatcher with more unrouted documents than its provider, which never answers, has places."""

    def __init__(self, folder: Path) -> None:
        self.simulation = Simulation(0, folder)
        self.simulation.dice = Dice(random.Random(0), quiet=True)
        self.simulation.contents = {f"{number}.txt": b"text" for number in range(COUNT)}
        self.claims_in_bulk = True
        for place in ("path", "outbox", "archive", "failed"):
            (folder / place).mkdir(parents=True)
        new_ledger(folder / "state")
        self.simulation._start()
        self.context = self.simulation.context
        self.simulation.provider.submit = _never_answer  # type: ignore[method-assign]
        self.context.ledger.add_documents_sync(self.simulation._claim(), Event("claimed"))
        self.dispatcher = Dispatcher(self.context, lambda: self.claims_in_bulk)

    @contextmanager
    def running(self) -> Iterator[None]:
        task = asyncio.get_running_loop().create_task(self.dispatcher.run())
        try:
            yield
        finally:
            task.cancel()
            for work in self.dispatcher._tasks:
                work.cancel()
            self.context.ledger.close()

    async def routed(self) -> int:
        """How many documents have a plan once nothing moves any more. Time stands still meanwhile."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return sum(document.plan is not None for document in self.simulation._documents())

    def pass_time(self, seconds: float) -> None:
        self.simulation.clock.moment += seconds
        self.dispatcher.wake()


async def _never_answer(*_: Any) -> Any:
    await asyncio.Event().wait()


def run(folder: Path, test: Callable[[Backlog], Awaitable[None]]) -> None:
    async def main() -> None:
        backlog = Backlog(folder)
        await backlog.dispatcher.load()
        with backlog.running():
            await test(backlog)

    with asyncio.Runner(loop_factory=OneThreadLoop) as runner:
        runner.run(main())


async def _goes_on_slowly_and_then_at_once(backlog: Backlog) -> None:
    first = await backlog.routed()
    assert ROUTED_AHEAD <= first <= ROUTED_AHEAD + ROUTE_PLACES + MOST_AT_ONCE
    backlog.pass_time(ROUTE_AHEAD_EVERY_S / 2)
    assert await backlog.routed() == first
    for more in (1, 2, 3):
        backlog.pass_time(ROUTE_AHEAD_EVERY_S)
        assert await backlog.routed() == first + more
    backlog.claims_in_bulk = False
    backlog.dispatcher.wake()
    assert await backlog.routed() == COUNT


def test_routing_gives_way_to_claims_in_bulk_and_never_stands_still(tmp_path: Path) -> None:
    run(tmp_path, _goes_on_slowly_and_then_at_once)


async def _knows_when_to_look_again(backlog: Backlog) -> None:
    await backlog.routed()
    now = backlog.context.clock.now()
    assert backlog.dispatcher._opens_at("route", now) == now + ROUTE_AHEAD_EVERY_S


def test_the_next_document_is_routed_without_anything_else_happening(tmp_path: Path) -> None:
    run(tmp_path, _knows_when_to_look_again)


async def _leaves_out_the_parked_one(backlog: Backlog) -> None:
    backlog.context.services["peer"].gate.park(backlog.context.clock.now(), Parked("no such key", needs_person=True))
    assert await backlog.routed() == COUNT


def test_documents_of_a_parked_provider_do_not_keep_others_from_being_routed(tmp_path: Path) -> None:
    run(tmp_path, _leaves_out_the_parked_one)


async def _leaves_out_the_paused_one(backlog: Backlog) -> None:
    backlog.dispatcher.paused_providers = {"peer"}
    assert await backlog.routed() == COUNT


def test_documents_of_a_paused_provider_do_not_either(tmp_path: Path) -> None:
    run(tmp_path, _leaves_out_the_paused_one)
