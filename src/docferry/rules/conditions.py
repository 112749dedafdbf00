"""Conditions, compiled once: facts in, a verdict out. Pure.

A verdict is True, False or Missing: a fact is needed that is not known yet, or could not be read. False
wins over Missing where all must hold, True where any may: a fact that cannot change the outcome is never
asked for, and one that cannot be read never hides behind "no match" when the outcome hangs on it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import regex
from wcmatch import glob

from docferry.config.rules import WhenConfig
from docferry.config.units import Comparison
from docferry.errors import FactError
from docferry.models import Json, display
from docferry.rules.known import TEXT, unreadable_reason
from docferry.rules.showing import ago, bytes_shown, moment_shown

REGEX_TIMEOUT_S = 0.2
CLASS = "class"

_GLOB_FLAGS = glob.GLOBSTAR | glob.DOTGLOB | glob.CASE | glob.FORCEUNIX
# In this order facts are asked for: what is cheap to read, and may settle the matter, comes first.
_COST = {"type": 0, "encrypted": 1, "pages": 2, "sha256": 4}
_TEXT_COST = 3
_CLASS_COST = 10

Facts = Mapping[str, Json]


class Missing(NamedTuple):
    """``fact`` is needed. With a ``reason`` it was asked for and cannot be read."""

    fact: str
    reason: str = ""

    @property
    def unreadable(self) -> bool:
        return bool(self.reason)


Verdict = bool | Missing
Check = Callable[[Facts], Verdict]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: how to decide it, and how to say it. ``parts`` are what it is made of."""

    kind: str  # the key in YAML: inbox, path …, any, all, not
    wanted: str  # as it was written
    check: Check
    found: Callable[[Facts], str]
    parts: tuple[Condition, ...] = ()


def compile_when(when: WhenConfig) -> Condition:
    """All conditions of ``when`` as one; cheap ones first."""
    leaves = [build(values) for build, values in _leaves(when) if values is not None]
    if when.encrypted is not None:
        leaves.append(_encrypted(when.encrypted))
    if when.all is not None:
        leaves.extend(compile_when(part) for part in when.all)
    if when.any is not None:
        branches = tuple(compile_when(part) for part in when.any)
        leaves.append(Condition("any", "", _any_of([part.check for part in branches]), _nothing, branches))
    if when.not_ is not None:
        inner = compile_when(when.not_)
        leaves.append(Condition("not", "", _negated(inner.check), _nothing, (inner,)))
    return Condition("all", "", _all_of([part.check for part in leaves]), _nothing, tuple(leaves))


def _leaves(when: WhenConfig) -> list[tuple[Callable[..., Condition], tuple[object, ...] | None]]:
    return [
        (_inbox, when.inbox),
        (_extension, when.extension),
        (_size, when.size),
        (_path, when.path),
        (_name, when.name),
        (_modified, when.modified),
        (_regex, when.regex),
        (_class, when.class_),
        (_type, when.type),
        (_pages, when.pages),
        (_text, when.text),
    ]


def _nothing(_: Facts) -> str:
    return ""


def _all_of(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(facts: Facts) -> Verdict:
        missing: Missing | None = None
        for one in checks:
            verdict = one(facts)
            if verdict is False:
                return False
            if verdict is not True:
                missing = _more_urgent(missing, verdict, class_before_unreadable=True)
        return True if missing is None else missing

    return check


def _any_of(checks: list[Check]) -> Check:
    def check(facts: Facts) -> Verdict:
        missing: Missing | None = None
        for one in checks:
            verdict = one(facts)
            if verdict is True:
                return True
            if verdict is not False:
                missing = _more_urgent(missing, verdict, class_before_unreadable=False)
        return False if missing is None else missing

    return check


def _negated(inner: Check) -> Check:
    def check(facts: Facts) -> Verdict:
        verdict = inner(facts)
        return not verdict if isinstance(verdict, bool) else verdict

    return check


def _more_urgent(one: Missing | None, other: Verdict, *, class_before_unreadable: bool) -> Missing:
    """Of two missing facts the one to name: what can still be read comes first."""
    assert isinstance(other, Missing)
    if one is None:
        return other

    def rank(missing: Missing) -> tuple[int, int]:
        if missing.unreadable:
            return (2 if class_before_unreadable else 1, 0)
        if missing.fact == CLASS:
            return (1 if class_before_unreadable else 2, 0)
        return (0, cost(missing.fact))

    return min(one, other, key=rank)


def cost(fact: str) -> int:
    """How dear a fact is to read, as a rank."""
    return _TEXT_COST if fact.startswith(TEXT) else _COST.get(fact, _CLASS_COST if fact == CLASS else 0)


def _fact(name: str, holds: Callable[[Json], bool]) -> Check:
    """A check of one fact that must be read first."""

    def check(facts: Facts) -> Verdict:
        if name not in facts:
            return Missing(name)
        value = facts[name]
        reason = unreadable_reason(value)
        return Missing(name, reason) if reason else holds(value)

    return check


def _inbox(names: tuple[str, ...]) -> Condition:
    wanted = frozenset(names)
    return Condition("inbox", _joined(names), lambda facts: facts["inbox"] in wanted, lambda facts: str(facts["inbox"]))


def _extension(extensions: tuple[str, ...]) -> Condition:
    endings = tuple("." + extension for extension in extensions)

    def check(facts: Facts) -> Verdict:
        name: str = facts["name"]
        return name.lower().endswith(endings)

    return Condition("extension", _joined(extensions), check, lambda facts: facts["extension"] or "none")


def _path(globs: tuple[str, ...]) -> Condition:
    return Condition("path", _joined(globs), _glob_check("path", globs), lambda facts: display(facts["path"]))


def _name(globs: tuple[str, ...]) -> Condition:
    return Condition("name", _joined(globs), _glob_check("name", globs), lambda facts: display(facts["name"]))


def _glob_check(fact: str, globs: tuple[str, ...]) -> Check:
    """Globs as one regular expression."""
    composed = [unicodedata.normalize("NFC", one) for one in globs]
    patterns = [pattern for one in composed for pattern in glob.translate(one, flags=_GLOB_FLAGS)[0]]
    match = re.compile("|".join(f"(?:{pattern})" for pattern in patterns)).match
    return lambda facts: match(facts[fact]) is not None


def _size(comparisons: tuple[Comparison, ...]) -> Condition:
    holds = _holds(comparisons)
    check: Check = lambda facts: holds(facts["size"])  # noqa: E731 (a named function would say no more)
    return Condition("size", _joined(comparisons), check, lambda facts: bytes_shown(facts["size"]))


def _pages(comparisons: tuple[Comparison, ...]) -> Condition:
    return Condition("pages", _joined(comparisons), _fact("pages", _holds(comparisons)), _shown("pages"))


def _modified(comparisons: tuple[Comparison, ...]) -> Condition:
    moments = _holds(tuple(one for one in comparisons if not one.of_age))
    ages = _holds(tuple(one for one in comparisons if one.of_age))

    def check(facts: Facts) -> Verdict:
        return moments(facts["modified"]) or ages(facts["now"] - facts["modified"])

    def found(facts: Facts) -> str:
        return f"{moment_shown(facts['modified'])}, {ago(facts['now'] - facts['modified'])}"

    return Condition("modified", _joined(comparisons), check, found)


def _holds(comparisons: tuple[Comparison, ...]) -> Callable[[Json], bool]:
    intervals = [comparison.interval for comparison in comparisons]
    return lambda number: any(interval.holds(number) for interval in intervals)


def _type(types: tuple[str, ...]) -> Condition:
    exact = frozenset(one for one in types if "*" not in one)
    patterns = [re.compile(re.escape(one).replace(r"\*", ".*")).fullmatch for one in types if "*" in one]
    holds: Callable[[Json], bool] = lambda value: value in exact or any(match(value) for match in patterns)  # noqa: E731
    return Condition("type", _joined(types), _fact("type", holds), _shown("type"))


def _encrypted(wanted: bool) -> Condition:
    text = "true" if wanted else "false"
    return Condition("encrypted", text, _fact("encrypted", lambda value: value is wanted), _shown("encrypted"))


def _class(names: tuple[str, ...]) -> Condition:
    wanted = frozenset(name.casefold() for name in names)
    holds: Callable[[Json], bool] = lambda value: value is not None and str(value).casefold() in wanted  # noqa: E731
    return Condition(CLASS, _joined(names), _fact(CLASS, holds), _shown(CLASS))


def _regex(patterns: tuple[str, ...]) -> Condition:
    compiled = [_as_compared(pattern) for pattern in patterns]

    def check(facts: Facts) -> Verdict:
        try:
            return any(one.search(facts["path"], timeout=REGEX_TIMEOUT_S) for one in compiled)
        except TimeoutError:
            return Missing("regex", f"the pattern takes too long on this path: {_joined(patterns)}")

    return Condition("regex", _joined(patterns), check, lambda facts: display(facts["path"]))


def _as_compared(pattern: str) -> regex.Pattern[str]:
    """``pattern`` in the one form that names are compared in. The library keeps what it compiled."""
    return regex.compile(unicodedata.normalize("NFC", pattern))


def _text(patterns: tuple[str, ...]) -> Condition:
    check = _any_of([_text_check(pattern) for pattern in patterns])
    return Condition("text", _joined(patterns), check, lambda facts: "no such text in the first pages")


def _text_check(pattern: str) -> Check:
    """The fact ``text:PATTERN``, or, where a person gave the whole text as a fact, a search in it."""
    known, compiled = _fact(TEXT + pattern, lambda value: value is True), regex.compile(pattern)

    def check(facts: Facts) -> Verdict:
        text = facts.get("text")
        if not isinstance(text, str) or TEXT + pattern in facts:
            return known(facts)
        try:
            return compiled.search(text, timeout=REGEX_TIMEOUT_S) is not None
        except TimeoutError:
            return Missing(TEXT + pattern, f"the pattern takes too long on this text: {pattern}")

    return check


def groups(when: WhenConfig, facts: Facts) -> dict[str, str]:
    """The named groups of the regular expressions that matched: the rule's own variables.

    FactError when one that did not have to be tried for the rule to match takes too long now.
    """
    found: dict[str, str] = {}
    for part in (*(when.any or ()), *(when.all or ())):
        found |= groups(part, facts)
    for pattern in when.regex or ():
        try:
            match = _as_compared(pattern).search(facts["path"], timeout=REGEX_TIMEOUT_S)
        except TimeoutError as error:
            hint = "make the pattern simpler"
            raise FactError(f"the pattern takes too long on this path: {pattern}", hint=hint) from error
        if match is not None:
            return found | {name: value or "" for name, value in match.groupdict().items()}
    return found


def _shown(name: str) -> Callable[[Facts], str]:
    def found(facts: Facts) -> str:
        value = facts.get(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        return "unknown" if value is None else display(str(value))

    return found


def _joined(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
