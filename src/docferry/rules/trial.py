"""Trying the rules without sending anything: for a file, for facts that a person gives, for rule tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docferry.config.models import Config
from docferry.errors import DocferryError, FactError, RoutingError
from docferry.models import Json, Plan
from docferry.rules.decide import Read, decide
from docferry.rules.evaluate import RuleSet
from docferry.rules.explanation import Explanation, explain
from docferry.rules.known import cheap_facts
from docferry.rules.route import ReadsFacts, conclude

TRIAL_ID = "0000000000000000"  # stands for the id that a real document would get


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of a document. Without a plan: ``ignored``, or ``problem`` says why not."""

    facts: Mapping[str, Json]
    explanation: Explanation
    plan: Plan | None = None
    rule: str | None = None
    ignored: bool = False
    problem: DocferryError | None = None
    warnings: tuple[str, ...] = ()
    no_rule_takes_it: bool = False


async def try_document(
    config: Config, rules: RuleSet, facts: dict[str, Json], file: Path | None, reader: ReadsFacts | None
) -> Trial:
    """What the rules decide for a document with ``facts``; others are read from ``file``, if there is one."""
    outcome, facts = await decide(rules, facts, _reading(file, reader))
    explanation = explain(rules, facts)
    try:
        routing = conclude(config, rules, outcome, facts, file, TRIAL_ID)
    except (FactError, RoutingError) as error:
        return Trial(facts, explanation, problem=error)
    if routing.plan is None and not routing.ignored:
        problem = RoutingError(f"no rule takes it: {explanation.line}", hint="add or widen a rule")
        return Trial(facts, explanation, problem=problem, no_rule_takes_it=True)
    return Trial(facts, explanation, routing.plan, routing.rule, routing.ignored, warnings=routing.warnings)


def _reading(file: Path | None, reader: ReadsFacts | None) -> Read | None:
    if file is None or reader is None:
        return None

    async def read(names: frozenset[str]) -> dict[str, Json]:
        return await reader.read(file, names)

    return read


def facts_of_file(file: Path, inbox: str, path: str, now: float) -> dict[str, Json]:
    """The cheap facts of ``file`` as if dropped at ``path`` below ``inbox``. OSError when it is not there."""
    status = file.stat()
    return cheap_facts(inbox, path, status.st_size, status.st_mtime, now)
