"""The rules, compiled, and their evaluation: facts in, an outcome out. Pure; explain and route share it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from docferry.config.merge import combined
from docferry.config.models import Config
from docferry.config.reachable import classifies
from docferry.config.rules import Decision, RuleConfig
from docferry.rules.conditions import CLASS, Condition, Facts, Missing, Verdict, compile_when
from docferry.rules.prefilter import prefilter_of


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be tried. ``origin`` says where it was written."""

    config: RuleConfig
    condition: Condition
    origin: str
    classifies: bool
    prefixes: tuple[str, ...]  # the path starts with one of these, or the rule cannot match
    literal: str  # occurs in the name, or the rule cannot match
    decision: Decision  # its own over the defaults


@dataclass(frozen=True, slots=True)
class Matched:
    """The first rule that takes the document, and everything it and the rules before it decide."""

    rule: Rule
    decision: Decision
    continued: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedFacts:
    """Evaluation cannot go on without these. ``rule`` asks for them."""

    names: frozenset[str]
    rule: Rule


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The outcome hangs on a fact that cannot be read."""

    rule: Rule
    missing: Missing


@dataclass(frozen=True, slots=True)
class NoMatch:
    """No rule takes the document."""


Outcome = Matched | NeedFacts | Unreadable | NoMatch


class RuleSet:
    """All rules in the order in which they are tried. Immutable; made anew when the configuration changes."""

    def __init__(self, rules: Sequence[RuleConfig], defaults: Decision, origins: Mapping[str, str]) -> None:
        self.defaults = defaults
        self.rules = tuple(_compiled(rule, defaults, origins.get(rule.name, "")) for rule in rules)
        self._by_inbox: dict[str, tuple[Rule, ...]] = {}

    @classmethod
    def of(cls, config: Config) -> RuleSet:
        """The rules of ``config``. A rule that names no provider gets the only one, where there is only one."""
        only = next(iter(config.providers)) if len(config.providers) == 1 else None
        base = Decision(provider=only) if only else Decision()
        return cls(config.rules, combined([base, config.defaults]), config.origins)

    def tried_for(self, inbox: str) -> tuple[Rule, ...]:
        """The enabled rules that may take a document of ``inbox``: the others cannot match whatever it is."""
        if inbox not in self._by_inbox:
            names = [rule for rule in self.rules if rule.config.enabled]
            self._by_inbox[inbox] = tuple(
                rule for rule in names if rule.config.when.inbox is None or inbox in rule.config.when.inbox
            )
        return self._by_inbox[inbox]


def _compiled(rule: RuleConfig, defaults: Decision, origin: str) -> Rule:
    demands = prefilter_of(rule.when)
    decision = combined([defaults, rule])
    return Rule(rule, compile_when(rule.when), origin, classifies(rule), demands.prefixes, demands.literal, decision)


def evaluate(rules: RuleSet, facts: Facts) -> Outcome:
    """What the rules decide for a document of which ``facts`` are known."""
    facts = comparable(facts)
    path, name = facts["path"], facts["name"]
    continued: list[Rule] = []
    for rule in rules.tried_for(facts["inbox"]):
        if (rule.prefixes and not path.startswith(rule.prefixes)) or rule.literal not in name:
            continue
        verdict = judge(rule, facts)
        if verdict is False:
            continue
        if isinstance(verdict, Missing):
            return Unreadable(rule, verdict) if verdict.unreadable else NeedFacts(frozenset({verdict.fact}), rule)
        if rule.config.continue_:
            continued.append(rule)
            continue
        return Matched(rule, _decision(rules, continued, rule), tuple(continued))
    return NoMatch()


def _decision(rules: RuleSet, continued: Sequence[Rule], rule: Rule) -> Decision:
    if not continued:
        return rule.decision
    return combined([rules.defaults, *(before.config for before in continued), rule.config])


def judge(rule: Rule, facts: Facts) -> Verdict:
    """Whether ``rule`` takes a document with ``facts``, as far as they tell.

    A document whose class is not known yet meets no condition on the class, and one that has a class is not
    classified again.
    """
    if rule.classifies and CLASS in facts:
        return False
    verdict = rule.condition.check(facts)
    if isinstance(verdict, Missing) and verdict.fact == CLASS and not verdict.unreadable:
        return False
    return verdict


def comparable(facts: Facts) -> Facts:
    """``facts`` with names in the one form that patterns are compared in: some systems write é as two characters."""
    if facts["path"].isascii():
        return facts
    return {**facts, **dict(_composed(facts))}


def _composed(facts: Facts) -> Iterator[tuple[str, str]]:
    for name in ("path", "name", "stem", "extension"):
        yield name, unicodedata.normalize("NFC", facts[name])
