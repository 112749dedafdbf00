"""Evaluation with facts read as the rules ask for them: lazily, and each once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from docferry.models import Json
from docferry.rules.evaluate import Matched, NeedFacts, Outcome, RuleSet, evaluate
from docferry.rules.known import unreadable
from docferry.rules.plan import needs_sha256

Facts = dict[str, Json]
Read = Callable[[frozenset[str]], Awaitable[Facts]]


async def decide(rules: RuleSet, facts: Facts, read: Read | None) -> tuple[Outcome, Facts]:
    """What the rules decide, and every fact known in the end. Without ``read`` the outcome may be NeedFacts."""
    while isinstance(outcome := evaluate(rules, facts), NeedFacts) and read is not None:
        facts = {**facts, **await _read(read, outcome.names)}
    if isinstance(outcome, Matched) and needs_sha256(outcome.decision) and "sha256" not in facts:
        names = frozenset({"sha256"})
        facts = {**facts, **(await _read(read, names) if read is not None else {"sha256": unreadable("no file")})}
    return outcome, facts


async def _read(read: Read, names: frozenset[str]) -> Facts:
    """Every asked-for fact gets a value, so that nothing is asked for twice."""
    values = await read(names)
    return {name: values.get(name, unreadable("the reader gave no answer")) for name in names}
