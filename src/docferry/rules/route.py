"""Routing: the facts that the rules ask for are read, and what they decide becomes a plan."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from docferry.config.models import Config
from docferry.errors import FactError
from docferry.models import Json, Plan
from docferry.rules.decide import decide
from docferry.rules.evaluate import Matched, NeedFacts, Outcome, RuleSet, Unreadable
from docferry.rules.explanation import Explanation, explain, fact_problem
from docferry.rules.known import cheap_facts, unreadable_reason, without_unreadable
from docferry.rules.plan import needs_sha256, plan_of
from docferry.rules.sidecar import apply_sidecar, read_sidecar


class ReadsFacts(Protocol):
    """What routing asks of the one who opens files."""

    async def read(self, path: Path, names: frozenset[str]) -> dict[str, Json]:
        """A value for each name; what cannot be read is said in its value. Repeating is safe."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document to be routed. ``known`` facts are not read again; ``wanted`` ones are read whatever the rules ask."""

    inbox: str
    path: str  # below the inbox, surrogate-escaped
    file: Path
    size_bytes: int
    modified_at: datetime
    id: str
    known: Mapping[str, Json] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Routing:
    """What was decided. Without a plan the document is ignored, or no rule takes it."""

    plan: Plan | None
    facts: Mapping[str, Json]
    rules: RuleSet
    ignored: bool = False
    rule: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def explanation(self) -> Explanation:
        """Every rule, with what became of it."""
        return explain(self.rules, self.facts)

    @property
    def explanation_line(self) -> str:
        """The nearest rules and what kept them from matching, in one line."""
        return self.explanation.line


class Router:
    """The rules of one configuration, and the reader of facts."""

    def __init__(self, config: Config, fact_reader: ReadsFacts, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._reader = fact_reader
        self._now = now
        self.rules = RuleSet.of(config)

    def may_ignore(self, inbox: str) -> bool:
        """True when some rule may leave a file of ``inbox`` where it is: then it is routed before it is claimed."""
        return any(rule.config.ignore for rule in self.rules.tried_for(inbox))

    async def route(self, candidate: Candidate) -> Routing:
        """What the rules decide. FactError: it hangs on a fact that cannot be read. RoutingError: a bad sidecar."""
        facts = self._known(candidate)

        async def read(names: frozenset[str]) -> dict[str, Json]:
            return await self._reader.read(candidate.file, names)

        if missing := candidate.wanted - facts.keys():
            facts |= await read(missing)
        outcome, facts = await decide(self.rules, facts, read)
        finish = partial(conclude, self._config, self.rules, outcome, facts, candidate.file, candidate.id)
        sidecar = self._config.inbox(candidate.inbox).sidecar
        if sidecar.allowed or sidecar.required:
            return await asyncio.to_thread(finish)  # it is read from the inbox, whose share may hang
        return finish()

    async def read(self, path: Path, names: frozenset[str]) -> dict[str, Json]:
        """Facts that something else than a rule asks for; what cannot be read says so in its value."""
        return await self._reader.read(path, names)

    def _known(self, candidate: Candidate) -> dict[str, Json]:
        modified_at = candidate.modified_at.timestamp()
        cheap = cheap_facts(candidate.inbox, candidate.path, candidate.size_bytes, modified_at, self._now())
        return {**without_unreadable(candidate.known), **cheap}


def conclude(
    config: Config, rules: RuleSet, outcome: Outcome, facts: dict[str, Json], file: Path | None, document_id: str
) -> Routing:
    """What an outcome means for the document. Raises FactError and RoutingError as ``Router.route`` does."""
    if isinstance(outcome, NeedFacts):
        names = ", ".join(sorted(name.split(":", 1)[0] for name in outcome.names))
        raise FactError(
            f"rule {outcome.rule.config.name!r} asks for {names}, which is not known", hint="give it as a fact"
        )
    if isinstance(outcome, Unreadable):
        hint = "narrow the rule, or mend the file and drop it again"
        raise FactError(
            f"rule {outcome.rule.config.name!r} cannot be decided: {fact_problem(outcome.missing)}", hint=hint
        )
    if not isinstance(outcome, Matched):
        return Routing(None, facts, rules)
    name = outcome.rule.config.name
    if outcome.rule.config.ignore:
        return Routing(None, facts, rules, ignored=True, rule=name)
    if needs_sha256(outcome.decision) and (reason := unreadable_reason(facts["sha256"])):
        raise FactError(f"rule {name!r} uses {{sha256}}, which cannot be read: {reason}")
    plan = plan_of(outcome, facts, document_id, config.rules_hash)
    inbox = config.inbox(facts["inbox"])
    sidecar = read_sidecar(file, inbox) if file is not None and not outcome.rule.classifies else None
    if sidecar is None:
        return Routing(plan, facts, rules, rule=name)
    plan, warnings = apply_sidecar(plan, sidecar, inbox, config, outcome.decision.extra)
    return Routing(plan, facts, rules, rule=name, warnings=warnings)
