"""Runs one schedule after another and checks the promises after every single step."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from docferry import failpoints
from docferry.config.models import InboxConfig, ProviderConfig
from docferry.intake.values import identity_of
from docferry.ledger import Event, LedgerReader
from docferry.models import ENDED, Document, DocumentState, Plan, StepPlan
from docferry.observe.metrics import Metrics
from docferry.outbox.delivery import Outbox
from docferry.outbox.root import Root
from docferry.pipeline.advance import advance
from docferry.pipeline.context import Context, Places, Service
from docferry.pipeline.gate import Gate
from docferry.pipeline.lanes import lane_of
from docferry.pipeline.pace import PaceBook
from simulation.world import Crash, CrashingLedger, Dice, SimulatedClock, SimulatedProvider, receipts_below

MOST_STEPS = 400


@dataclass(frozen=True)
class Outcome:
    """What a schedule came to."""

    seed: int
    steps: int
    crashes: int
    states: Counter[str]


class FixedRouter:
    """Every document gets the same plan: rules have their own tests."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    async def route(self, candidate: object) -> Any:
        return SimpleNamespace(plan=self._plan, facts={}, ignored=False, rule="all", warnings=())


class Simulation:
    """One schedule: a few documents, one provider, one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        rng = random.Random(seed)
        self.dice = Dice(rng)
        self.clock = SimulatedClock()
        self.provider = SimulatedProvider(self.dice, rng.choice(["idempotent", "listing", "plain"]))
        self.policy = rng.choice(["resubmit", "hold"])
        self.inbox = InboxConfig.model_validate(
            {"name": "scans", **{place: folder / place for place in ("path", "outbox", "archive", "failed")}}
        )
        self.contents = {f"{number}.txt": f"document {number}".encode() for number in range(rng.randint(1, 3))}
        self.steps = 0
        self.delivered: set[str] = set()

    async def run(self) -> Outcome:
        for place in ("path", "outbox", "archive", "failed"):
            (self.folder / place).mkdir(parents=True)
        self._start()
        self.context.ledger.add_documents_sync(self._claim(), Event("claimed"))
        failpoints.simulate(self.dice.may_crash)
        try:
            while (document := await self._next()) is not None:
                await self._step(document)
                self.steps += 1
                self.dice.quiet = self.dice.quiet or self.steps > MOST_STEPS // 2
                assert self.steps < MOST_STEPS, f"seed {self.seed}: does not come to an end at {document}"
                await self._check()
        finally:
            failpoints.simulate(None)
        await self._check_end()
        states = Counter(document.state.value for document in await self._documents())
        self.context.ledger.close()
        return Outcome(self.seed, self.steps, self.dice.crashes, states)

    def _start(self) -> None:
        """What a start of the process makes: everything but ledger and disk is new."""
        provider = ProviderConfig(name="peer", dialect="pulse", url="http://peer.example")
        plan = Plan("all", "hash", "peer", (StepPlan("extract"),), mode="async", on_ambiguous=self.policy)
        places = Places(Outbox(self.inbox.outbox), Root(self.folder / "archive"), Root(self.inbox.failed))
        self.dice.quiet, quiet = True, self.dice.quiet
        for root in places.roots():
            root.prepare()
        self.dice.quiet = quiet
        rng = random.Random(self.seed)
        self.context = Context(
            ledger=CrashingLedger(self.folder / "state", self.dice).open(),
            clock=self.clock,
            rng=rng,
            state=self.folder / "state",
            router=cast(Any, FixedRouter(plan)),
            inboxes={"scans": self.inbox},
            outlets={"scans": places},
            services={"peer": Service(self.provider, provider, Gate(provider, self.clock.now(), rng))},
            pace=PaceBook({}, {"peer": provider}, rng),
            metrics=Metrics(),
            on_change=lambda change: None,
        )

    def _claim(self) -> list[Document]:
        documents = []
        for number, (name, content) in enumerate(self.contents.items()):
            original = Path(self.inbox.path) / ".docferry" / f"id{number}" / name
            original.parent.mkdir(parents=True)
            original.write_bytes(content)
            documents.append(
                Document(
                    id=f"id{number}",
                    inbox="scans",
                    path=name,
                    work_path=str(original),
                    state=DocumentState.QUEUED,
                    size_bytes=len(content),
                    identity=identity_of(original.stat()),
                    seen_at=self.clock.now(),
                    claimed_at=self.clock.now(),
                    updated_at=self.clock.now(),
                    due_at=self.clock.now(),
                )
            )
        return documents

    async def _documents(self) -> list[Document]:
        found = [await self.context.ledger.document(f"id{number}") for number in range(len(self.contents))]
        return [document for document in found if document is not None]

    async def _next(self) -> Document | None:
        """One that has something to do, by chance among those that are due; time passes until one is."""
        waiting = [document for document in await self._documents() if lane_of(document) is not None]
        if not waiting:
            return None
        earliest = min(document.due_at for document in waiting)
        self.clock.moment = max(self.clock.moment, earliest) + 0.001
        return self.dice.rng.choice([document for document in waiting if document.due_at <= self.clock.moment])

    async def _step(self, document: Document) -> None:
        found = await self.context.ledger.document_and_steps(document.id)
        assert found is not None
        try:
            await advance(self.context, *found)
        except Crash:
            self._restart()

    def _restart(self) -> None:
        self.context.ledger.close()
        self._start()

    # promises

    async def _check(self) -> None:
        """After every step: each original in exactly one place, each receipt with its whole set."""
        for name, content in self.contents.items():
            places = [path for path in self._originals(name) if path.read_bytes() == content]
            inodes = {path.stat().st_ino for path in places}
            assert len(inodes) == 1, f"seed {self.seed}, step {self.steps}: {name} is at {places}"
        for path, receipt in receipts_below(Path(self.inbox.outbox)).items():
            for output in receipt["outputs"]:
                written = Path(path).parent / output["name"]
                digest = hashlib.sha256(written.read_bytes()).hexdigest()
                assert digest == output["sha256"], f"seed {self.seed}, step {self.steps}: {written} is not whole"
        now_delivered = {d.id for d in await self._documents() if d.state is DocumentState.DELIVERED}
        assert self.delivered <= now_delivered, f"seed {self.seed}: a delivered document was taken up again"
        self.delivered = now_delivered

    def _originals(self, name: str) -> list[Path]:
        return [Path(folder) / name for folder, _, names in os.walk(self.folder) if name in names]

    async def _check_end(self) -> None:
        """Every document has ended (or is held), was delivered once, and was not submitted more often than allowed."""
        documents = await self._documents()
        receipts = Counter(r["document"] for r in receipts_below(Path(self.inbox.outbox)).values())
        for document in documents:
            assert document.state in ENDED or document.state is DocumentState.HELD, f"seed {self.seed}: {document}"
            wanted = 1 if document.state is DocumentState.DELIVERED else 0
            found = receipts[document.id]
            assert found == wanted, f"seed {self.seed}: {document.id} has {found} receipts"
            self._check_jobs(document)
        left = [path for root in ("outbox", "archive", "failed") for path in (self.folder / root).rglob("*.tmp")]
        assert not left, f"seed {self.seed}: left behind {left}"

    def _check_jobs(self, document: Document) -> None:
        """A second job follows only one that broke or was forgotten, or, at plain Pulse, a resubmission on record."""
        jobs = [job for job in self.provider.jobs if job.key.startswith(f"{document.id}-")]
        broken = sum(job.fate in ("retryable", "forgotten") for job in jobs)
        allowed = 1 + broken
        if self.provider.kind == "plain" and self.policy == "resubmit":
            with LedgerReader(self.folder / "state") as ledger:
                kinds = [event["kind"] for event in ledger.events(document.id)]
            allowed = 1 + kinds.count("submitting again") + kinds.count("job failed, will submit again")
        assert len(jobs) <= allowed, f"seed {self.seed}: {document.id} has jobs {jobs}"
        if self.provider.kind == "idempotent":
            assert len({job.key for job in jobs}) == len(jobs), f"seed {self.seed}: one key, two jobs"


def simulate(seed: int, folder: Path) -> Outcome:
    """Runs the schedule of ``seed`` in a folder of its own and removes it when all promises held."""
    place = folder / str(seed)
    outcome = asyncio.run(Simulation(seed, place).run())
    shutil.rmtree(place)
    return outcome
