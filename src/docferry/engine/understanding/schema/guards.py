"""The schema's own conditions on a value: a value that breaks one is not evidence for the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import regex

from docferry.engine.understanding import labels
from docferry.engine.understanding.answers import Json
from docferry.engine.understanding.schema.definition import Leaf

PATTERN_TIMEOUT_S = 0.1
_MAX_PATTERN = 1_000
_MAX_MATCHED = 5_000


class PatternRefused(ValueError):
    """A ``pattern`` that is no regular expression, or takes too long."""


def pattern_matches(pattern: str, text: str) -> bool:
    """Whether ``pattern`` is found in ``text``. Raises ``PatternRefused`` when it is malformed or runs out of time."""
    if len(pattern) > _MAX_PATTERN:
        raise PatternRefused(f"a pattern of more than {_MAX_PATTERN} characters is not tried")
    try:
        return regex.search(pattern, text[:_MAX_MATCHED], timeout=PATTERN_TIMEOUT_S) is not None
    except regex.error as error:
        raise PatternRefused(f"pattern '{pattern[:60]}' is not a regular expression: {error}") from error
    except TimeoutError as error:
        raise PatternRefused(f"pattern '{pattern[:60]}' takes too long to match; simplify it") from error


def fitted(leaf: Leaf, value: Json, printed: str) -> tuple[bool, Json]:
    """Whether ``value`` may stand for ``leaf``, and in the form its type asks for. ``printed`` is as it was read."""
    if leaf.enum:
        return _chosen(leaf.enum, value, printed)
    fits, typed = _typed(leaf, value, printed)
    if not fits:
        return False, None
    return (True, typed) if within_limits(leaf.limits, typed) else (False, None)


def _typed(leaf: Leaf, value: Json, printed: str) -> tuple[bool, Json]:
    types = leaf.types
    if not types:
        return True, value
    if isinstance(value, bool):
        return ("boolean" in types, value) if "boolean" in types else ("string" in types, printed)
    if isinstance(value, (int, float)):
        if "number" in types or ("integer" in types and float(value).is_integer()):
            scaled = _as_fraction(leaf, float(value), printed)
            return True, scaled if scaled is not None else int(value) if float(value).is_integer() else value
        return ("string" in types, printed)
    return ("string" in types, value)


def _as_fraction(leaf: Leaf, value: float, printed: str) -> float | None:
    """A percentage as a fraction, where the schema's maximum shows that fractions are wanted."""
    maximum = leaf.limits.get("maximum")
    if "%" in printed and isinstance(maximum, (int, float)) and maximum <= 1 < value:
        return round(value / 100, 10)
    return None


def _chosen(choices: tuple[Json, ...], value: Json, printed: str) -> tuple[bool, Json]:
    """The choice that the value, or what was printed, names; a longer text may name exactly one."""
    if value in choices:
        return True, value
    by_key = {labels.key(str(choice)): choice for choice in choices}
    for text in (str(value), printed):
        if labels.key(text) in by_key:
            return True, by_key[labels.key(text)]
    words = set(labels.tokens(printed))
    named = [choice for choice in choices if labels.tokens(str(choice)) and set(labels.tokens(str(choice))) <= words]
    return (True, named[0]) if len(named) == 1 else (False, None)


def within_limits(limits: Mapping[str, Any], value: Json) -> bool:
    """Whether ``value`` keeps to the keywords in ``limits``; keywords of other types do not concern it."""
    if isinstance(value, str):
        return _text_within(limits, value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return all(
            test(value, limits[keyword])
            for keyword, test in _NUMBER_TESTS.items()
            if isinstance(limits.get(keyword), (int, float))
        )
    return True


def _text_within(limits: Mapping[str, Any], value: str) -> bool:
    shortest, longest = limits.get("minLength"), limits.get("maxLength")
    if isinstance(shortest, int) and len(value) < shortest:
        return False
    if isinstance(longest, int) and len(value) > longest:
        return False
    pattern = limits.get("pattern")
    return not isinstance(pattern, str) or pattern_matches(pattern, value)


def _is_multiple(value: float, of: float) -> bool:
    return of <= 0 or math.isclose(value / of, round(value / of), abs_tol=1e-9)


_NUMBER_TESTS: dict[str, Callable[[float, float], bool]] = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "multipleOf": _is_multiple,
}
