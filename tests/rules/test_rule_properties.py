"""What holds for all rules and all documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from docferry.config.reachable import swallows
from docferry.config.rules import Defaults, RuleConfig, WhenConfig
from docferry.models import Json
from docferry.rules.conditions import Missing
from docferry.rules.decide import decide
from docferry.rules.evaluate import Matched, NeedFacts, RuleSet, Unreadable, comparable, evaluate, judge
from docferry.rules.explanation import explain
from docferry.rules.known import unreadable
from rules.work import NOW, facts

PATHS = [
    "a.pdf",
    "b.png",
    "x/a.pdf",
    "x/y/b.pdf",
    "y/receipt 1.jpg",
    "contracts/2026/a.pdf",
    "x/café.pdf",
    "x/cafe\u0301.pdf",
    "\udcff.pdf",
]
GLOBS = [
    "*",
    "*.pdf",
    "a*",
    "*receipt*",
    "x/**",
    "**/a.pdf",
    "contracts/*/*",
    "**",
    "b.png",
    "**/receipt*",
    "x/caf\u00e9*",
    "?.p??",
]
PATTERNS = ["^x/", "^contracts/(?P<year>\\d+)", "pdf$", "^x|^y", "(?i)^X/", "^a?b", "^x/{0}", "^(x|y)/"]
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "inbox": st.sampled_from(["scans", "mail", ["scans", "mail"]]),
    "name": st.sampled_from(GLOBS) | st.lists(st.sampled_from(GLOBS), min_size=1, max_size=2),
    "path": st.sampled_from(GLOBS) | st.lists(st.sampled_from(GLOBS), min_size=1, max_size=2),
    "regex": st.sampled_from(PATTERNS) | st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2),
    "type": st.sampled_from(["application/pdf", "image/*", "*/*", ["image/png", "text/plain"]]),
    "extension": st.sampled_from(["pdf", "PNG", ["jpg", "pdf"]]),
    "size": st.sampled_from(["< 1 kB", ">= 1000 B", "500 B .. 2 kB", [0, "> 5 MB"]]),
    "pages": st.sampled_from(["> 3", "<= 3", 1, "2 .. 5", ["1", "> 10"]]),
    "text": st.sampled_from(["invoice", "total"]),
    "encrypted": st.booleans(),
    "class": st.sampled_from(["invoice", ["letter", "invoice"]]),
    "modified": st.sampled_from(["newer than 2 h", "older than 30 min", "> 2020-01-01"]),
}


def _leaf(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return LEAVES[name].map(lambda value: {name: value})


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


WHENS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.lists(st.sampled_from(sorted(LEAVES)).flatmap(_leaf), max_size=3).map(_joined),
    lambda inner: st.builds(
        lambda leaf, key, parts: {**leaf, key: parts if key != "not" else parts[0]},
        st.sampled_from(sorted(LEAVES)).flatmap(_leaf),
        st.sampled_from(["any", "all", "not"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)
CONTENT: dict[str, st.SearchStrategy[Json]] = {
    "type": st.sampled_from(["application/pdf", "image/png", "text/plain"]),
    "pages": st.integers(1, 12) | st.just(unreadable("torn")),
    "encrypted": st.booleans() | st.just(unreadable("torn")),
    "text:invoice": st.booleans() | st.just(unreadable("torn")),
    "text:total": st.booleans(),
}
CONTENTS = st.fixed_dictionaries(CONTENT, optional={"class": st.sampled_from(["invoice", "letter", None])})
DOCUMENTS = st.builds(
    lambda path, size, age, content: {**facts(path, **content), "size": size, "modified": NOW - age},
    st.sampled_from(PATHS),
    st.sampled_from([0, 999, 1000, 6_000_000]),
    st.sampled_from([60, 3600, 8000]),
    CONTENTS,
)


def _when(data: Mapping[str, Any]) -> WhenConfig:
    return WhenConfig.model_validate(data, by_alias=True, by_name=False, context={})


def _rules(whens: list[dict[str, Any]]) -> list[RuleConfig]:
    return [RuleConfig(name=f"r{index}", when=_when(when), provider="p") for index, when in enumerate(whens)]


def _set(rules: list[RuleConfig]) -> RuleSet:
    return RuleSet(rules, Defaults(), {})


def _taken_by(rules: list[RuleConfig], document: dict[str, Json]) -> str:
    outcome = evaluate(_set(rules), document)
    if isinstance(outcome, Matched):
        return outcome.rule.config.name
    return "unreadable" if isinstance(outcome, Unreadable) else "none"


def _can_match(rule: RuleConfig, document: dict[str, Json]) -> bool:
    """True also where it cannot be decided: then its place among the others does matter."""
    return judge(_set([rule]).rules[0], comparable(document)) is not False


@given(st.lists(WHENS, min_size=2, max_size=5), st.integers(0, 3), DOCUMENTS)
@settings(deadline=None)
def test_reordering_rules_that_cannot_both_match_changes_nothing(
    whens: list[dict[str, Any]], place: int, document: dict[str, Json]
) -> None:
    rules = _rules(whens)
    place = min(place, len(rules) - 2)
    swapped = [*rules[:place], rules[place + 1], rules[place], *rules[place + 2 :]]

    if not (_can_match(rules[place], document) and _can_match(rules[place + 1], document)):
        assert _taken_by(swapped, document) == _taken_by(rules, document)


@given(st.lists(WHENS, max_size=4), WHENS, DOCUMENTS)
@settings(deadline=None)
def test_a_rule_added_at_the_end_takes_only_what_no_rule_took(
    whens: list[dict[str, Any]], more: dict[str, Any], document: dict[str, Json]
) -> None:
    rules = _rules(whens)
    before = _taken_by(rules, document)

    after = _taken_by([*rules, RuleConfig(name="added", when=_when(more), provider="p")], document)

    assert after == before or before == "none"


@given(
    st.lists(WHENS, max_size=5),
    DOCUMENTS,
    st.lists(st.sampled_from(["plain", "off", "continue"]), min_size=5, max_size=5),
)
@settings(deadline=None)
def test_explain_and_route_always_agree(
    whens: list[dict[str, Any]], document: dict[str, Json], kinds: list[str]
) -> None:
    changes = {"plain": {}, "off": {"enabled": False}, "continue": {"continue_": True}}
    rules = _set([rule.model_copy(update=changes[kind]) for rule, kind in zip(_rules(whens), kinds, strict=False)])

    outcome, traces = evaluate(rules, document), explain(rules, document).rules

    decided = [trace.rule for trace in traces if trace.verdict == "matched"]
    stuck = [trace.rule for trace in traces if trace.verdict in ("cannot be decided", "needs a fact")]
    assert [trace.rule for trace in traces] == [rule.config.name for rule in rules.rules]
    assert decided == ([outcome.rule.config.name] if isinstance(outcome, Matched) else [])
    assert stuck == ([outcome.rule.config.name] if isinstance(outcome, Unreadable | NeedFacts) else [])
    if isinstance(outcome, Matched):
        continued = [trace.rule for trace in traces if trace.verdict == "continues"]
        assert continued == [rule.config.name for rule in outcome.continued]
    for trace in traces:
        assert trace.because or trace.verdict in ("matched", "continues", "not asked")


@given(st.lists(WHENS, max_size=5), DOCUMENTS)
@settings(deadline=None)
def test_reading_facts_as_they_are_asked_for_decides_like_knowing_them_all(
    whens: list[dict[str, Any]], document: dict[str, Json]
) -> None:
    rules = _set(_rules(whens))
    asked: list[str] = []

    async def read(names: frozenset[str]) -> dict[str, Json]:
        asked.extend(names)
        return {name: document[name] for name in names}

    known = {name: value for name, value in document.items() if name not in CONTENT}
    outcome, found = asyncio.run(decide(rules, known, read))

    everything = evaluate(rules, document)
    assert type(outcome) is type(everything)
    if isinstance(outcome, Matched | Unreadable):
        assert outcome.rule.config.name == everything.rule.config.name  # type: ignore[union-attr]
    assert len(asked) == len(set(asked))
    assert all(found[name] == document[name] for name in asked)


@given(WHENS, WHENS, DOCUMENTS)
@settings(deadline=None, max_examples=300)
def test_a_rule_said_to_swallow_another_takes_every_document_of_it(
    earlier: dict[str, Any], later: dict[str, Any], document: dict[str, Json]
) -> None:
    if not swallows(_when(earlier), _when(later)):
        return
    first, second = _set([*_rules([earlier, later])]).rules
    verdict = judge(second, comparable(document))

    if verdict is True:
        taken = judge(first, comparable(document))
        assert taken is True or isinstance(taken, Missing)


@given(WHENS)
@settings(deadline=None)
def test_every_rule_swallows_itself(when: dict[str, Any]) -> None:
    rule = _when(when)

    assert swallows(rule, rule)
    assert swallows(WhenConfig(), rule)
