"""Rules that can never be reached, where that can be decided from the conditions alone.

``swallows(earlier, later)`` is true only when every document that meets ``later`` certainly meets ``earlier``.
What cannot be decided (two different globs that overlap, say) counts as reachable: a false alarm would
refuse a configuration that works.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from docferry.config.rules import RuleConfig, WhenConfig
from docferry.config.units import Comparison

_LEAVES = (
    "inbox",
    "name",
    "path",
    "regex",
    "type",
    "extension",
    "size",
    "pages",
    "text",
    "modified",
    "encrypted",
    "class_",
)
_NOTHING: frozenset[str] = frozenset()
_EVERYTHING: dict[str, frozenset[str]] = {
    "name": frozenset({"*", "**"}),
    "path": frozenset({"**", "**/*"}),
    "type": frozenset({"*/*"}),
}


def unreachable(rules: Sequence[RuleConfig]) -> list[tuple[int, int]]:
    """Pairs (rule that is never reached, the earlier rule that takes all its documents), by index."""
    pairs: list[tuple[int, int]] = []
    enders: list[tuple[int, WhenConfig]] = []
    for index, rule in enumerate(rules):
        if not rule.enabled:
            continue
        pairs += [(index, before) for before, when in enders if swallows(when, rule.when)][:1]
        if _ends_the_search(rule):
            enders.append((index, rule.when))
    return pairs


def _ends_the_search(rule: RuleConfig) -> bool:
    """A rule that classifies is passed over once the class is known, so those after it are reached then."""
    return not rule.continue_ and not classifies(rule)


def classifies(rule: RuleConfig) -> bool:
    """True for a rule whose step only finds out the class, after which the rules are read again."""
    return any(step.endpoint == "classify" for step in rule.steps or ())


def swallows(earlier: WhenConfig, later: WhenConfig) -> bool:
    """True when whatever meets ``later`` certainly meets ``earlier``."""
    if earlier == later:
        return True
    if later.any and all(swallows(earlier, _with(later, branch)) for branch in later.any):
        return True
    own = _conjuncts(later)
    for name in _LEAVES:
        if getattr(earlier, name) is not None and not _leaf_implied(name, getattr(earlier, name), own):
            return False
    return (
        all(swallows(part, later) for part in earlier.all or ())
        and (earlier.any is None or any(swallows(part, later) for part in earlier.any))
        and (earlier.not_ is None or _refuses(earlier.not_, own))
    )


def _with(later: WhenConfig, branch: WhenConfig) -> WhenConfig:
    """``later`` with one branch of its ``any`` taken."""
    return later.model_copy(update={"any": None, "all": (*(later.all or ()), branch)})


def _conjuncts(when: WhenConfig) -> list[WhenConfig]:
    """``when`` and everything that must hold with it."""
    return [when, *(inner for part in when.all or () for inner in _conjuncts(part))]


def _refuses(part: WhenConfig, own: list[WhenConfig]) -> bool:
    """True when what meets all of ``own`` certainly does not meet ``part``: it names the same exclusion."""
    return any(when.not_ is not None and swallows(when.not_, part) for when in own)


def _leaf_implied(name: str, wanted: object, own: list[WhenConfig]) -> bool:
    if isinstance(wanted, tuple) and not _EVERYTHING.get(name, _NOTHING).isdisjoint(wanted):
        return True
    given = [getattr(when, name) for when in own]
    return any(_implies(name, one, wanted) for one in given if one is not None)


def _implies(name: str, given: object, wanted: object) -> bool:
    """True when one of ``given`` (any-of) always meets one of ``wanted`` (any-of)."""
    if name == "encrypted":
        return given == wanted
    assert isinstance(given, tuple)
    assert isinstance(wanted, tuple)
    return all(any(_covers(name, one, other) for other in wanted) for one in given)


def _covers(name: str, one: object, other: object) -> bool:
    if isinstance(one, Comparison) and isinstance(other, Comparison):
        return one.of_age == other.of_age and one.interval.within(other.interval)
    if name == "type" and isinstance(one, str) and isinstance(other, str):
        return one == other or ("*" not in one and fnmatchcase(one, other))
    return one == other
