"""A provider that takes everything and whose answers never arrive, until a person has retried."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from docferry.errors import Ambiguous
from docferry.ledger import Event
from docferry.models import DocumentState
from docferry.pipeline import requests
from docferry.providers.base import Accepted, Submission
from simulation.simulator import Simulation
from simulation.world import Dice, OneThreadLoop, SimulatedProvider, new_ledger


class LosesAnswers(SimulatedProvider):
    loses = True

    async def submit(self, submission: Submission, answer: Path) -> Accepted:
        accepted = await super().submit(submission, answer)
        if self.loses:
            raise Ambiguous("the connection was cut")
        return accepted


async def hold_and_retry(simulation: Simulation, provider: LosesAnswers) -> None:
    for place in ("path", "outbox", "archive", "failed"):
        (simulation.folder / place).mkdir(parents=True)
    new_ledger(simulation.folder / "state")
    simulation._start()
    [entered, *_] = simulation._claim()
    simulation.context.ledger.add_documents_sync([entered], Event("claimed"))
    gate = simulation.context.services["peer"].gate
    while (document := simulation._next(simulation._documents())) is not None:
        gate.succeeded(simulation.clock.now())  # others get their answers: it is not the provider that is parked
        await simulation._step(document)
    [held] = simulation._documents()
    assert held.state is DocumentState.HELD
    provider.loses = False
    await requests.retry(simulation.context, held.id)
    while (document := simulation._next(simulation._documents())) is not None:
        await simulation._step(document)
    [ended] = simulation._documents()
    assert ended.state is DocumentState.DELIVERED
    simulation.context.ledger.close()


def test_a_retry_after_lost_answers_is_the_same_submission(tmp_path: Path) -> None:
    """The provider took it at the first try, and honours the key: nobody must pay for another job."""
    simulation = Simulation(0, tmp_path)
    simulation.dice = Dice(random.Random(0), quiet=True)
    simulation.provider = provider = LosesAnswers(simulation.dice, "idempotent")
    with asyncio.Runner(loop_factory=OneThreadLoop) as runner:
        runner.run(hold_and_retry(simulation, provider))
    assert len(provider.jobs) == 1
