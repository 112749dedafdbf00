"""What a document's name must at least have in it for a rule to match: two string comparisons instead of a rule.

With hundreds of rules almost every document fails almost every rule by its path, so this is what routing
spends its time on. A prefilter may let through what the rule then refuses, never the other way round.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from docferry.config.rules import WhenConfig

_GLOB_SPECIAL = re.compile(r"[*?\[\\]")
_REGEX_START = re.compile(r"\^([\w /-]+)(.?)", re.ASCII | re.DOTALL)
_REGEX_FLAGS = re.compile(r"\(\?[a-zA-Z0-9-]*[a-zA-Z][a-zA-Z0-9-]*[:)]")


@dataclass(frozen=True, slots=True)
class Prefilter:
    """The path must start with one of ``prefixes``, and ``literal`` must occur in the name; empty: no demand."""

    prefixes: tuple[str, ...] = ()
    literal: str = ""


def prefilter_of(when: WhenConfig) -> Prefilter:
    """The strongest demand that follows from ``when``. Names are compared in composed form (NFC)."""
    return Prefilter(_prefixes(when), _literal(when))


def _prefixes(when: WhenConfig) -> tuple[str, ...]:
    """One set of beginnings, from the first condition that has any."""
    own = [_beginnings_of_globs(when.path or ()), _beginnings_of_patterns(when.regex or ())]
    own += [_prefixes(part) for part in when.all or ()]
    if when.any is not None:
        branches = [_prefixes(part) for part in when.any]
        own.append(tuple(prefix for branch in branches for prefix in branch) if all(branches) else ())
    return next((prefixes for prefixes in own if prefixes), ())


def _beginnings_of_globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    beginnings = tuple(unicodedata.normalize("NFC", _GLOB_SPECIAL.split(one, maxsplit=1)[0]) for one in globs)
    return beginnings if all(beginnings) else ()


def _beginnings_of_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    beginnings = tuple(_beginning_of_pattern(one) for one in patterns)
    return beginnings if all(beginnings) else ()


def _beginning_of_pattern(pattern: str) -> str:
    """The literal text after ``^``; none where alternatives or flags could change what it means."""
    match = _REGEX_START.match(pattern)
    if match is None or "|" in pattern or _REGEX_FLAGS.search(pattern):
        return ""
    return match[1][:-1] if match[2] in tuple("*?{+") else match[1]


def _literal(when: WhenConfig) -> str:
    """The longest literal piece of a single glob on the name."""
    if when.name is None or len(when.name) != 1 or re.search(r"[\[\\]", when.name[0]):
        return ""
    # `**/a.pdf` also takes a name without a folder before it: a slash at the edge of a piece demands nothing.
    pieces = [unicodedata.normalize("NFC", piece.strip("/")) for piece in re.split(r"[*?]+", when.name[0])]
    return max(pieces, key=len)
