"""Templates: ``{name}`` and ``{date:%Y-%m}`` in options and output names. Parsed, never evaluated.

Only a name in single braces is a template, so that JSON and regular expressions in options stay what
they are; ``{{name}}`` gives the text ``{name}``. What is put in is never looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from docferry.models import Json

VARIABLES = ("name", "stem", "extension", "path", "inbox", "date", "sha256", "id")
DATE_FORMATS = "YmdHMSjyVGBbAau"
DATE_DEFAULT = "%Y-%m-%d"

_PLACE = re.compile(r"\{\{([A-Za-z_]\w*(?::[^{}]*)?)\}\}|\{([A-Za-z_]\w*)(?::([^{}]*))?\}")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


def variables(text: str) -> Iterator[tuple[str, str | None]]:
    """Yields each variable that ``text`` uses, with its format or None."""
    for match in _PLACE.finditer(text):
        if match[2]:
            yield match[2], match[3]


def fault(name: str, form: str | None, groups: frozenset[str]) -> str | None:
    """Says what is wrong with one use of a variable, or None. ``groups``: the rule's own, from its regex."""
    if name not in VARIABLES and name not in groups:
        known = ", ".join([*VARIABLES, *sorted(groups)])
        return f"{{{name}}} is not a variable; known are {known}; for the text itself write {{{{{name}}}}}"
    if form is None:
        return None
    if name != "date":
        return f"{{{name}}} takes no format; only {{date:%Y-%m}} does"
    unknown = [match[0] for match in _DIRECTIVE.finditer(form) if match[1] not in DATE_FORMATS or not match[1]]
    known = ", ".join(f"%{letter}" for letter in DATE_FORMATS)
    return f"the date format knows no {unknown[0]}; known are {known}" if unknown else None


def fill(text: str, values: Mapping[str, str], moment: datetime, safe: Callable[[str], str]) -> str:
    """``text`` with its variables replaced by ``safe`` values. A group that took no part gives nothing."""

    def value(match: re.Match[str]) -> str:
        if match[1]:
            return "{" + match[1] + "}"
        if match[2] == "date":
            return moment.strftime(match[3] or DATE_DEFAULT)
        return safe(values.get(match[2], ""))

    return _PLACE.sub(value, text)


def strings(value: Json) -> Iterator[str]:
    """Yields every string inside a JSON value, keys left out: only values are templates."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
