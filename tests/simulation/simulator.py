"""Runs one schedule after another and checks the promises after every single step."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from docferry import failpoints
from docferry.config.models import InboxConfig, ProviderConfig
from docferry.durable import remove_tree
from docferry.errors import InboxOffline, UsageError
from docferry.intake.values import identity_of
from docferry.ledger import Event, LedgerReader
from docferry.ledger.ledger import find_document
from docferry.models import ENDED, Document, DocumentState, Plan, StepPlan
from docferry.observe.metrics import Metrics
from docferry.outbox.delivery import Outbox
from docferry.outbox.receipt import RECEIPT_SUFFIX
from docferry.outbox.root import Root
from docferry.pipeline import requests
from docferry.pipeline.advance import advance
from docferry.pipeline.context import Context, Places, Service
from docferry.pipeline.gate import Gate
from docferry.pipeline.lanes import lane_of
from docferry.pipeline.pace import PaceBook
from docferry.pipeline.tidying import Tidier
from simulation.world import (
    Crash,
    CrashingLedger,
    Dice,
    OneThreadLoop,
    SimulatedClock,
    SimulatedProvider,
    new_ledger,
    receipts_below,
)

MOST_STEPS = 400
_NUMBERED = re.compile(r"~\d+\.txt$")  # the same name again


@dataclass(frozen=True)
class Outcome:
    """What a schedule came to."""

    seed: int
    steps: int
    crashes: int
    states: Counter[str]


class FixedRouter:
    """Every document gets the same plan, once its share can be read: rules have their own tests."""

    def __init__(self, plan: Plan, dice: Dice) -> None:
        self._plan = plan
        self._dice = dice

    async def route(self, candidate: object) -> Any:
        if self._dice.faulty():
            raise InboxOffline("the share is gone")
        return SimpleNamespace(plan=self._plan, facts={}, ignored=False, rule="all", warnings=())


class TidiesAtOnce(Tidier):
    """A thread would throw the dice in an order that no seed decides."""

    def add(self, folder: Path) -> None:
        remove_tree(folder, sync=False)


class Simulation:
    """One schedule: a few documents, one provider, one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        rng = random.Random(seed)
        self.dice = Dice(rng, fault_share=rng.choice([0.1, 0.25, 0.25, 0.7]))
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
        new_ledger(self.folder / "state")
        self._start()
        self.context.ledger.add_documents_sync(self._claim(), Event("claimed"))
        failpoints.simulate(self.dice.may_crash)
        documents = self._documents()
        try:
            while (document := self._next(documents)) is not None or self._is_asked_again():
                if document is None or self.dice.interferes():
                    await self._ask(self.dice.rng.choice(documents))
                else:
                    await self._step(document)
                self.steps += 1
                self.dice.quiet = self.dice.quiet or self.steps > MOST_STEPS // 2
                assert self.steps < MOST_STEPS, f"seed {self.seed}: does not come to an end at {document}"
                documents = self._documents()
                self._check(documents)
        finally:
            failpoints.simulate(None)
        self._check_end(documents)
        states = Counter(document.state.value for document in documents)
        self.context.ledger.close()
        return Outcome(self.seed, self.steps, self.dice.crashes, states)

    def _start(self) -> None:
        """What a start of the process makes: everything but ledger and disk is new."""
        provider = ProviderConfig(name="peer", dialect="pulse", url="http://peer.example")
        plan = Plan("all", "hash", "peer", (StepPlan("extract"),), mode="async", on_ambiguous=self.policy)
        outbox = Outbox(self.inbox.outbox)
        outbox._flushers = None  # threads would throw the dice in an order that no seed decides
        places = Places(outbox, Root(self.folder / "archive"), Root(self.inbox.failed), TidiesAtOnce())
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
            router=cast(Any, FixedRouter(plan, self.dice)),
            inboxes={"scans": self.inbox},
            outlets={"scans": places},
            services={"peer": Service(self.provider, provider, Gate(provider, self.clock.now(), rng))},
            pace=PaceBook({}, {"peer": provider}, rng),
            metrics=Metrics(),
            on_change=lambda change: None,
            may_submit_now=lambda document: rng.random() < 0.5,
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

    def _documents(self) -> list[Document]:
        ids = [f"id{number}" for number in range(len(self.contents))]
        found = self.context.ledger.call_sync(lambda connection: [find_document(connection, id) for id in ids])
        return [document for document in found if document is not None]

    def _next(self, documents: Sequence[Document]) -> Document | None:
        """One that has something to do, by chance among those that are due; time passes until one is."""
        waiting = [document for document in documents if lane_of(document) is not None]
        if not waiting:
            return None
        earliest = min(document.due_at for document in waiting)
        self.clock.moment = max(self.clock.moment, earliest) + 0.001
        return self.dice.rng.choice([document for document in waiting if document.due_at <= self.clock.moment])

    def _is_asked_again(self) -> bool:
        """Whether a person comes back to documents that have all ended."""
        return not self.dice.quiet and self.dice.rng.random() < 0.3

    async def _ask(self, document: Document) -> None:
        """A person wants the document done again, or given up, whatever its state; a refusal changes nothing."""
        try:
            if self.dice.rng.random() < 0.6:
                await requests.retry(self.context, document.id)
                self.delivered.discard(document.id)
            else:
                await requests.cancel(self.context, document.id)
        except UsageError:
            assert document in self._documents(), f"seed {self.seed}: refused, and {document} has changed"
        except Crash:
            self._restart()
            self.delivered -= {document.id for document in self._documents() if document.state not in ENDED}

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

    def _check(self, documents: Sequence[Document]) -> None:
        """After every step: each original in exactly one place, each receipt with its whole set."""
        originals, receipts = self._originals_and_receipts()
        for name, content in self.contents.items():
            places = [path for path in originals[name] if _content(path) == content]
            inodes = {os.stat(path).st_ino for path in places}
            assert len(inodes) == 1, f"seed {self.seed}, step {self.steps}: {name} is at {places}"
        for path in receipts:
            for output in json.loads(_content(path))["outputs"]:
                written = f"{os.path.dirname(path)}/{output['name']}"
                digest = hashlib.sha256(_content(written)).hexdigest()
                assert digest == output["sha256"], f"seed {self.seed}, step {self.steps}: {written} is not whole"
        now_delivered = {document.id for document in documents if document.state is DocumentState.DELIVERED}
        assert self.delivered <= now_delivered, f"seed {self.seed}: a delivered document was taken up again"
        self.delivered = now_delivered

    def _originals_and_receipts(self) -> tuple[dict[str, list[str]], list[str]]:
        """Where files of the originals' names lie, anywhere, and the receipts: one walk, for there are many."""
        originals: dict[str, list[str]] = {name: [] for name in self.contents}
        receipts = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if (original := _NUMBERED.sub(".txt", name)) in originals:
                    originals[original].append(f"{folder}/{name}")
                elif name.endswith(RECEIPT_SUFFIX) and folder.startswith(str(self.inbox.outbox)):
                    receipts.append(f"{folder}/{name}")
        return originals, receipts

    def _check_end(self, documents: Sequence[Document]) -> None:
        """Every document has ended (or is held), was delivered once, and was not submitted more often than allowed."""
        receipts = Counter(r["document"] for r in receipts_below(Path(self.inbox.outbox)).values())
        for document in documents:
            assert document.state in ENDED or document.state is DocumentState.HELD, f"seed {self.seed}: {document}"
            wanted = {1} if document.state is DocumentState.DELIVERED else {0} if document.run == 1 else {0, 1}
            found = receipts[document.id]
            assert found in wanted, f"seed {self.seed}: {document.id} has {found} receipts"
            self._check_jobs(document)
        left = [path for root in ("outbox", "archive", "failed") for path in (self.folder / root).rglob("*.tmp")]
        assert not left, f"seed {self.seed}: left behind {left}"

    def _check_jobs(self, document: Document) -> None:
        """A second job follows only one that broke or was forgotten, a person's wish, or, at plain Pulse, a
        resubmission on record."""
        with LedgerReader(self.folder / "state") as ledger:
            events = ledger.events(document.id)
        kinds = Counter(event["kind"] for event in events)
        wishes = kinds["retried"]
        if self.provider.kind == "idempotent":  # held after lost answers, it is the same submission that is retried
            wishes -= sum(event["kind"] == "retried" and event["detail"]["from"] == "held" for event in events)
        jobs = [job for job in self.provider.jobs if job.key.startswith(f"{document.id}-")]
        broken = sum(job.fate in ("retryable", "forgotten") for job in jobs)
        if self.provider.kind == "plain" and self.policy == "resubmit":
            broken = kinds["submitting again"] + kinds["job failed, will submit again"]
        allowed = 1 + broken + wishes
        assert len(jobs) <= allowed, f"seed {self.seed}: {document.id} has jobs {jobs}"
        if self.provider.kind == "idempotent":
            assert len({job.key for job in jobs}) == len(jobs), f"seed {self.seed}: one key, two jobs"


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def simulate(seed: int, folder: Path) -> Outcome:
    """Runs the schedule of ``seed`` in a folder of its own and removes it when all promises held."""
    place = folder / str(seed)
    with asyncio.Runner(loop_factory=OneThreadLoop) as runner:
        outcome = runner.run(Simulation(seed, place).run())
    shutil.rmtree(place)
    return outcome
