"""Amounts that prove each other: where net and tax add up to a total, that total is the right one."""

from __future__ import annotations

from collections.abc import Sequence

from docferry.engine.understanding.answers import Json
from docferry.engine.understanding.schema.candidates import Candidate
from docferry.engine.understanding.schema.evidence import Evidence
from docferry.engine.understanding.schema.fields import Wanted
from docferry.engine.understanding.values.kinds import Kind
from docferry.engine.understanding.values.reading import read

_PROOF = 0.06  # what a sum that adds up is worth


def proved(wanted: Wanted, offered: Sequence[Candidate], evidence: Evidence) -> list[Candidate]:
    """The candidates of a total, with those raised that the document's own sums confirm."""
    if not wanted.has_concept("grand_total", "net_total", "tax_total", "amount_due") or wanted.wants_printed:
        return list(offered)
    nets, taxes, totals = (_amounts(name, evidence) for name in ("net_total", "tax_total", "grand_total"))
    sums = [
        (net, tax, total) for net in nets for tax in taxes for total in totals if abs(net + tax - total) < 0.006 and tax
    ]
    place = {"net_total": 0, "tax_total": 1}.get(wanted.meanings[0].concept, 2)
    right = {round(numbers[place], 2) for numbers in sums}
    return [
        Candidate(each.value, each.score + _PROOF, each.citations) if _is_in(each.value, right) else each
        for each in offered
    ]


def _is_in(value: Json, amounts: set[float]) -> bool:
    return isinstance(value, (int, float)) and round(float(value), 2) in amounts


def _amounts(concept: str, evidence: Evidence) -> list[float]:
    """The amounts beside labels of a concept."""
    found = set()
    for pair in evidence.pairs:
        if any(meaning.concept == concept for meaning in evidence.matcher.meanings(pair.label)):
            reading = read(Kind.AMOUNT, pair.value, evidence.conventions)
            if reading is not None:
                found.add(float(reading.value))
    return sorted(found)[:50]
