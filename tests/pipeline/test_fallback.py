"""A document that is given to its plan's other provider, seen from outside while that happens."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path

from docferry.config.models import ProviderConfig
from docferry.errors import Parked
from docferry.ledger import Event
from docferry.models import DocumentState, Plan, StepPlan
from docferry.pipeline.context import Service
from docferry.pipeline.dispatcher import Dispatcher
from docferry.pipeline.gate import Gate
from simulation.simulator import Simulation
from simulation.world import Dice, OneThreadLoop, new_ledger


async def what_is_held_up(simulation: Simulation) -> list[dict[str, int] | None]:
    """What the dispatcher says before, during and after it gives a parked provider's only document to the other."""
    for place in ("path", "outbox", "archive", "failed"):
        (simulation.folder / place).mkdir(parents=True)
    new_ledger(simulation.folder / "state")
    simulation._start()
    context = simulation.context
    now = simulation.clock.now()
    other = ProviderConfig(name="other", dialect="pulse", url="http://other.example")
    service = Service(simulation.provider, other, Gate(other, now, context.rng))
    context.services = {**context.services, "other": service}
    plan = Plan("all", "hash", "peer", (StepPlan("extract"),), fallback_provider="other", fallback_after_s=0.0)
    [entered, *_] = simulation._claim()
    document = replace(entered, plan=plan, provider="peer")
    context.ledger.add_documents_sync([document], Event("claimed"))
    refusal = Parked("no such key", needs_person=True, status=401)
    context.services["peer"].gate.park(now, refusal)

    dispatcher = Dispatcher(context)
    await dispatcher.load()
    seen = [dispatcher.held_up()]
    context.on_change = lambda change: seen.append(dispatcher.held_up())  # committed, and not yet in the other's lane
    await dispatcher._move_to_fallbacks(now)
    seen.append(dispatcher.held_up())
    [given] = [one for one in simulation._documents() if one is not None]
    assert (given.state, given.provider) == (DocumentState.QUEUED, "other")
    context.ledger.close()
    return seen


def test_a_document_on_its_way_to_the_other_provider_is_not_held_up(tmp_path: Path) -> None:
    """``run --once`` ended between the commit and the lane: it said that a person must open the provider."""
    simulation = Simulation(0, tmp_path)
    simulation.dice = Dice(random.Random(0), quiet=True)
    with asyncio.Runner(loop_factory=OneThreadLoop) as runner:
        before, during, after = runner.run(what_is_held_up(simulation))
    assert before == {"peer": 1}
    assert during is None
    assert after is None
