"""The rules' own tests: documents, real or described, and what the rules must decide for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docferry.config.models import Config
from docferry.config.rules import Expectation, RuleTest
from docferry.errors import DocferryError, UsageError
from docferry.models import Json
from docferry.rules.evaluate import RuleSet
from docferry.rules.given import given_facts
from docferry.rules.known import cheap_facts
from docferry.rules.route import ReadsFacts
from docferry.rules.trial import Trial, facts_of_file, try_document


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test; it passed when ``faults`` is empty."""

    name: str
    origin: str
    faults: tuple[str, ...]


async def run_tests(config: Config, reader: ReadsFacts, now: float) -> list[TestResult]:
    """Runs every test of the configuration, in order."""
    rules = RuleSet.of(config)
    results = []
    for test, origin in zip(config.tests, config.test_origins, strict=True):
        try:
            faults = await _faults(config, rules, test, reader, now)
        except (UsageError, OSError) as error:
            faults = [str(error)]
        results.append(TestResult(_name(test), origin, tuple(faults)))
    return results


def _name(test: RuleTest) -> str:
    return test.description or test.path or (test.file.name if test.file else ", ".join(test.facts))


async def _faults(config: Config, rules: RuleSet, test: RuleTest, reader: ReadsFacts, now: float) -> Sequence[str]:
    inbox = test.inbox or str(test.facts.get("inbox", config.inboxes[0].name))
    if test.file is not None:
        facts = facts_of_file(test.file, inbox, test.path or test.file.name, now)
    else:
        facts = cheap_facts(inbox, test.path or "document", 0, now, now)
    trial = await try_document(config, rules, {**facts, **given_facts(test.facts)}, test.file, reader)
    return list(_differences(trial, test.expect))


def _differences(trial: Trial, expect: Expectation) -> Iterator[str]:
    """What is not as expected, in words; only what the test names is compared."""
    if expect.no_match:
        if trial.plan is not None or trial.ignored:
            yield f"no rule was expected to take it, {trial.rule} does"
        elif trial.problem is not None and not trial.no_rule_takes_it:
            yield _said(trial.problem)
        return
    if trial.problem is not None:
        yield _said(trial.problem)
        return
    if expect.rule is not None and expect.rule != trial.rule:
        reason = next((trace.because for trace in trial.explanation.rules if trace.rule == expect.rule), "")
        yield f"rule: expected {expect.rule}, got {trial.rule}" + (f" ({expect.rule}: {reason})" if reason else "")
    if expect.ignored is not None and expect.ignored != trial.ignored:
        yield f"ignored: expected {_shown(expect.ignored)}, got {_shown(trial.ignored)}"
    for name, wanted, got in _compared(trial, expect):
        if wanted is not None and wanted != got:
            yield f"{name}: expected {_shown(wanted)}, got {_shown(got)}"


def _compared(trial: Trial, expect: Expectation) -> Iterator[tuple[str, Json, Json]]:
    plan = trial.plan
    for name in ("provider", "mode", "formats", "priority", "after"):
        yield name, getattr(expect, name), getattr(plan, name, None)
    yield "name", expect.name, plan.output_name if plan else None
    if expect.steps is not None:
        wanted = [{step.endpoint: dict(step.options)} for step in expect.steps]
        yield "steps", wanted, [{step.endpoint: dict(step.options)} for step in plan.steps] if plan else None


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _said(problem: DocferryError) -> str:
    return problem.message
