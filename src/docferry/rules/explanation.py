"""Why the rules decided as they did: every rule in order, with the first condition that failed. Pure.

It asks the same ``judge`` as routing does, so that the two can never disagree.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from docferry.models import Json
from docferry.rules.conditions import CLASS, Condition, Facts, Missing
from docferry.rules.evaluate import Rule, RuleSet, comparable, judge

NEAREST = 3


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """What became of one rule. ``met`` of ``total`` conditions held, as far as they could be decided."""

    rule: str
    origin: str
    verdict: str  # matched | continues | no match | disabled | not asked | needs a fact | cannot be decided
    because: str = ""
    met: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """The rules in order, each with what became of it."""

    rules: tuple[RuleTrace, ...]

    @property
    def line(self) -> str:
        """The nearest rules and what kept them from matching, in one line."""
        tried = [trace for trace in self.rules if trace.verdict == "no match"]
        nearest = sorted(tried, key=lambda trace: trace.total - trace.met)[:NEAREST]
        return "; ".join(f"{trace.rule}: {trace.because}" for trace in nearest) or "there is no rule for its inbox"

    def to_json(self) -> list[dict[str, Json]]:
        return [asdict(trace) for trace in self.rules]


def explain(rules: RuleSet, facts: Facts) -> Explanation:
    """What becomes of every rule for a document with ``facts``."""
    facts = comparable(facts)
    traces: list[RuleTrace] = []
    decided = False
    for rule in rules.rules:
        trace = RuleTrace(rule.config.name, rule.origin, "not asked") if decided else _trace(rule, facts)
        decided = decided or trace.verdict in ("matched", "needs a fact", "cannot be decided")
        traces.append(trace)
    return Explanation(tuple(traces))


def _trace(rule: Rule, facts: Facts) -> RuleTrace:
    name, origin = rule.config.name, rule.origin
    if not rule.config.enabled:
        return RuleTrace(name, origin, "disabled", "enabled: false")
    parts = rule.condition.parts
    met = sum(part.check(facts) is True for part in parts)
    verdict = judge(rule, facts)
    if verdict is True:
        return RuleTrace(name, origin, "continues" if rule.config.continue_ else "matched", met=met, total=len(parts))
    if verdict is False:
        return RuleTrace(name, origin, "no match", _why_not(rule, facts), met=met, total=len(parts))
    if verdict.unreadable:
        return RuleTrace(name, origin, "cannot be decided", fact_problem(verdict), met=met, total=len(parts))
    return RuleTrace(name, origin, "needs a fact", f"{verdict.fact} is not known", met=met, total=len(parts))


def _why_not(rule: Rule, facts: Facts) -> str:
    if rule.classifies and CLASS in facts:
        return f"it classifies, and the class is known already: {facts[CLASS]}"
    return failure(rule.condition, facts) or "the class is not known yet"


def failure(condition: Condition, facts: Facts) -> str:
    """The first part of ``condition`` that does not hold, and what was found; nothing if none is false."""
    if condition.kind == "all":
        return next((text for part in condition.parts if (text := failure(part, facts))), "")
    if condition.check(facts) is not False:
        return ""
    if condition.kind == "any":
        return "none of: " + " | ".join(failure(part, facts) or said(part) for part in condition.parts)
    if condition.kind == "not":
        return f"not wanted, but it holds: {said(condition.parts[0])}"
    return f"{condition.kind} {condition.wanted}: found {condition.found(facts)}"


def said(condition: Condition) -> str:
    """``condition`` in one line, as it was written."""
    if not condition.parts:
        return f"{condition.kind} {condition.wanted}" if condition.wanted else "everything"
    joint = " or " if condition.kind == "any" else " and "
    text = joint.join(said(part) for part in condition.parts)
    if condition.kind == "not":
        return f"not ({text})"
    return f"({text})" if len(condition.parts) > 1 else text


def fact_problem(missing: Missing) -> str:
    """A fact that cannot be read, as a sentence's part."""
    name = missing.fact.split(":", 1)[0]
    return missing.reason if name == "regex" else f"{name} cannot be read: {missing.reason}"
