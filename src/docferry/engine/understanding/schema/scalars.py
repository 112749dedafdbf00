"""The values of a schema's scalar fields, chosen from what the document offers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from docferry.engine.understanding.answers import Json
from docferry.engine.understanding.doctypes import document_type, titled
from docferry.engine.understanding.layout.lines import Segment
from docferry.engine.understanding.schema.candidates import (
    Candidate,
    ambiguous_dates,
    by_meaning,
    candidates,
    unknown_labels,
)
from docferry.engine.understanding.schema.choice import NOTHING, Choice, choose
from docferry.engine.understanding.schema.definition import Leaf
from docferry.engine.understanding.schema.evidence import Evidence
from docferry.engine.understanding.schema.fields import Wanted
from docferry.engine.understanding.schema.guards import PatternRefused, fitted
from docferry.engine.understanding.schema.matching import fits_by_meaning
from docferry.engine.understanding.schema.parties import party_candidates
from docferry.engine.understanding.schema.totals import proved
from docferry.engine.understanding.values.kinds import Kind
from docferry.engine.understanding.values.numbers import find_money
from docferry.engine.understanding.values.reading import read

_DOCUMENT_TYPE_NAMES = frozenset({"documenttype", "doctype", "typeofdocument", "documentkind", "documentcategory"})
_CURRENCY_SCORE = 0.9
_BARE_DOLLAR_SCORE = 0.7
_LETTER_TOP = 0.45
_PLACE_DATE_SCORE = 0.75
_LONE_DATE_SCORE = 0.62
_PLACE = re.compile(r"^[^\W\d][^\d,:]{1,30},\s(?:(?:le|den|li|a|il|el|op)\s)?(?=\d)")
_CODES = re.compile(r"\b(?:EUR|USD|GBP|CHF|CAD|AUD|JPY|SEK|DKK|NOK|PLN|CZK|HUF)\b")


def choose_scalars(fields: Sequence[Wanted], evidence: Evidence) -> tuple[dict[tuple[str, ...], Choice], list[str]]:
    """The choice for each field by its path, and what a person should know about those left null."""
    chosen: dict[tuple[str, ...], Choice] = {}
    warnings: list[str] = []
    for field in fields:
        try:
            chosen[field.leaf.path] = choose(_offered(field, evidence))
        except PatternRefused as refused:
            chosen[field.leaf.path] = NOTHING
            warnings.append(f"{field.leaf.where}: {refused}; left null")
    _choose_by_meaning(fields, evidence, chosen)
    for field in fields:
        warnings.extend(_remarks(field, chosen[field.leaf.path], evidence))
    return chosen, warnings


def _offered(field: Wanted, evidence: Evidence) -> list[Candidate]:
    offered = [*candidates(field, evidence), *party_candidates(field, evidence)]
    if field.kind is Kind.CURRENCY:
        offered += _currency(field, evidence)
    if _is_document_type(field.leaf):
        offered += _document_type(field, evidence)
    if field.has_concept("invoice_date", "document_date") and not offered:
        offered += _letter_date(field, evidence)
    return proved(field, offered, evidence)


def _choose_by_meaning(fields: Sequence[Wanted], evidence: Evidence, chosen: dict[tuple[str, ...], Choice]) -> None:
    """For fields that no known word led to: labels that mean the same. Parties' matters are not guessed at."""
    open_fields = [
        field
        for field in fields
        if chosen[field.leaf.path].value is None
        and not chosen[field.leaf.path].rivals
        and not field.is_of_party
        and not _is_document_type(field.leaf)
        and field.kind is not Kind.CURRENCY
    ]
    found_labels = unknown_labels(evidence)
    if not open_fields or not found_labels:
        return
    for place, fits in fits_by_meaning(open_fields, found_labels).items():
        field = open_fields[place]
        try:
            chosen[field.leaf.path] = choose(by_meaning(field, fits, evidence))
        except PatternRefused:
            continue  # already reported when the known labels were tried


def _remarks(field: Wanted, choice: Choice, evidence: Evidence) -> list[str]:
    if choice.rivals:
        listed = ", ".join(str(value)[:40] for value in choice.rivals[:3])
        return [f"{field.leaf.where}: the document gives several values ({listed}); left null"]
    if choice.value is None and ambiguous_dates(field, evidence):
        return [f"{field.leaf.where}: day and month of the date cannot be told apart; left null"]
    return []


def _currency(field: Wanted, evidence: Evidence) -> list[Candidate]:
    """The one currency that all amounts, labels and heads name."""
    found: dict[str, Candidate] = {}
    for line in evidence.lines:
        for segment in line.segments:
            for code, printed in _currencies(segment.text, evidence):
                fits, value = fitted(field.leaf, code, code)
                is_bare_dollar = printed == "$"
                score = _BARE_DOLLAR_SCORE if is_bare_dollar else _CURRENCY_SCORE
                if fits and (code not in found or found[code].score < score):
                    found[code] = Candidate(value, score, (segment.citation,))
    return list(found.values()) if len(found) == 1 else []


def _currencies(text: str, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The currencies of the amounts in a text, and the codes that stand in it as words."""
    for money in find_money(text, evidence.conventions):
        if money.value.currency:
            signs = re.findall(r"[A-Z]*\$", text[money.start : money.end])
            yield money.value.currency, signs[0] if signs else money.value.currency
    for code in _CODES.findall(text):
        yield code, code


def _letter_date(field: Wanted, evidence: Evidence) -> list[Candidate]:
    """The date that stands by itself at the top of a letter, alone or behind the place: "Nantes, le 8 janvier 2025"."""
    found = []
    for line in evidence.lines:
        if line.page != evidence.lines[0].page or (line.top is not None and line.top > _LETTER_TOP):
            break
        for segment in line.segments:
            match = _PLACE.match(segment.text)
            text = segment.text[match.end() :] if match else segment.text
            reading = read(Kind.DATE, text, evidence.conventions)
            if reading is None or reading.share < 1 or not _stands_alone(segment, evidence):
                continue
            fits, value = fitted(field.leaf, reading.value, reading.printed)
            if fits:
                final = reading.printed if field.wants_printed else value
                score = _PLACE_DATE_SCORE if match else _LONE_DATE_SCORE
                found.append(Candidate(final, score * segment.confidence, (segment.citation,)))
    return found


def _stands_alone(segment: Segment, evidence: Evidence) -> bool:
    """Whether no label at its left or above speaks of something else."""
    return not any(
        segment in pair.value_segments and (evidence.matcher.meanings(pair.label) or pair.label.endswith(":"))
        for pair in evidence.pairs
    )


def _is_document_type(leaf: Leaf) -> bool:
    return leaf.name.lower().replace("_", "").replace(" ", "").replace("-", "") in _DOCUMENT_TYPE_NAMES


def _document_type(field: Wanted, evidence: Evidence) -> list[Candidate]:
    """What the title says the document is: one of the enumerated words, else the title's own."""
    first_page = [line for line in evidence.lines if line.page == evidence.lines[0].page]
    found = titled(first_page)
    if found is None:
        return []
    name, segment = found
    choices: tuple[Json, ...] = field.leaf.enum
    if choices:
        same = [choice for choice in choices if document_type(str(choice).replace("_", " ")) == name]
        return [Candidate(same[0], 0.9, (segment.citation,))] if len(same) == 1 else []
    return [Candidate(name, 0.8, (segment.citation,))]
