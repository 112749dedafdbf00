"""Routing: the facts that the rules ask for are read, and what they decide becomes a plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from docferry.config.models import Config
from docferry.errors import FactError
from docferry.models import Json, Plan
from docferry.rules.evaluate import Matched, NeedFacts, RuleSet, Unreadable, evaluate
from docferry.rules.explanation import Explanation, explain, fact_problem
from docferry.rules.known import cheap_facts, unreadable, unreadable_reason, without_unreadable
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
        facts |= await self._read(candidate.file, candidate.wanted - facts.keys())
        while isinstance(outcome := evaluate(self.rules, facts), NeedFacts):
            facts |= await self._read(candidate.file, outcome.names)
        if isinstance(outcome, Unreadable):
            rule = outcome.rule.config.name
            hint = "narrow the rule, or mend the file and drop it again"
            raise FactError(f"rule {rule!r} cannot be decided: {fact_problem(outcome.missing)}", hint=hint)
        if not isinstance(outcome, Matched):
            return Routing(None, facts, self.rules)
        name = outcome.rule.config.name
        if outcome.rule.config.ignore:
            return Routing(None, facts, self.rules, ignored=True, rule=name)
        return await self._planned(candidate, facts, outcome)

    def _known(self, candidate: Candidate) -> dict[str, Json]:
        modified_at = candidate.modified_at.astimezone(UTC).timestamp()
        cheap = cheap_facts(candidate.inbox, candidate.path, candidate.size_bytes, modified_at, self._now())
        return {**without_unreadable(candidate.known), **cheap}

    async def _read(self, file: Path, names: frozenset[str]) -> dict[str, Json]:
        if not names:
            return {}
        values = await self._reader.read(file, names)
        return {name: values.get(name, unreadable("the reader gave no answer")) for name in names}

    async def _planned(self, candidate: Candidate, facts: dict[str, Json], matched: Matched) -> Routing:
        name = matched.rule.config.name
        if needs_sha256(matched.decision):
            facts |= await self._read(candidate.file, frozenset({"sha256"}) - facts.keys())
            if reason := unreadable_reason(facts["sha256"]):
                raise FactError(f"rule {name!r} uses {{sha256}}, which cannot be read: {reason}")
        plan = plan_of(matched, facts, candidate.id, self._config.rules_hash)
        if matched.rule.classifies:
            return Routing(plan, facts, self.rules, rule=name)
        inbox = self._config.inbox(candidate.inbox)
        sidecar = read_sidecar(candidate.file, inbox)
        if sidecar is None:
            return Routing(plan, facts, self.rules, rule=name)
        plan, warnings = apply_sidecar(plan, sidecar, inbox, self._config, matched.decision.extra)
        return Routing(plan, facts, self.rules, rule=name, warnings=warnings)
