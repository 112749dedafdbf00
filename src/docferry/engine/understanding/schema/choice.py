"""Which of the values offered for a field is taken, or that none is: in doubt, none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from docferry.engine.understanding.answers import Citation, Json
from docferry.engine.understanding.schema.candidates import Candidate

MIN_SCORE = 0.5
_CLEAR_LEAD = 0.03  # two different values nearer than this contradict each other
_AGREEMENT = 0.01  # for each further place that gives the same value
_MAX_SCORE = 0.99


@dataclass(frozen=True, slots=True)
class Choice:
    """The value taken, or null; ``rivals`` are the values that contradict each other, where that is why."""

    value: Json = None
    score: float = 0.0
    citations: tuple[Citation, ...] = ()
    rivals: tuple[Json, ...] = ()


NOTHING = Choice()


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The value with the best score, if it leads clearly; values that differ and are as good leave the field null."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(_identity(candidate.value), []).append(candidate)
    ranked = sorted(groups.values(), key=_group_score, reverse=True)
    if not ranked or _best(ranked[0]).score < MIN_SCORE:
        return NOTHING
    first = _group_score(ranked[0])
    rivals = [group for group in ranked if _group_score(group) > first - _CLEAR_LEAD]
    if len(rivals) > 1:
        return Choice(rivals=tuple(_best(group).value for group in rivals))
    taken = _best(ranked[0])
    return Choice(taken.value, min(_MAX_SCORE, first), taken.citations)


def _best(group: Sequence[Candidate]) -> Candidate:
    return max(group, key=lambda candidate: candidate.score)


def _group_score(group: Sequence[Candidate]) -> float:
    places = {candidate.citations[0] for candidate in group if candidate.citations}
    return _best(group).score + _AGREEMENT * min(max(len(places) - 1, 0), 3)


def _identity(value: Json) -> str:
    """Values are equal whatever the blanks and case in them."""
    return "".join(value.split()).casefold() if isinstance(value, str) else json.dumps(value)
