"""Values that a document offers for one wanted field, each with its place and how sure it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docferry.engine.understanding import labels
from docferry.engine.understanding.answers import Citation, Json
from docferry.engine.understanding.layout.lines import Segment
from docferry.engine.understanding.layout.pairs import RUNNING, Pair, Relation
from docferry.engine.understanding.schema.evidence import Evidence
from docferry.engine.understanding.schema.fields import PARTY_CONCEPTS, Wanted
from docferry.engine.understanding.schema.guards import fitted
from docferry.engine.understanding.values import dates, numbers
from docferry.engine.understanding.values.kinds import SELF_EVIDENT_KINDS, Kind
from docferry.engine.understanding.values.reading import Reading, read, read_all
from docferry.engine.understanding.vocabulary import Meaning

_WORDY = frozenset({Kind.TEXT, Kind.NAME, Kind.ADDRESS})
_UNLABELLED_SCORE = 0.78  # of an IBAN or an e-mail address that stands alone of its kind
_MIN_FIT = 0.5
_WHOSE = ("name", "address", "street", "city", "postal_code", "country")  # labels of these must say whose they are
_CHECKBOX = re.compile(
    r"^\s*(?P<mark>[☐☑☒✓✔]|\[[ xX]?\])\s*(?P<after>.+)$|^(?P<before>.+?)\s*(?P<late>[☐☑☒✓✔]|\[[ xX]?\])\s*$"
)
_RELATIONS = tuple(Relation)
_MAX_UNKNOWN = 300
_BRIEF = ("payment_terms", "payment_method", "delivery_terms")  # a sentence that follows says something else
_SENTENCE_END = re.compile(r"(?<=\w\w)\.\s+(?=[A-ZÀ-Þ])")
_LINE_WRAPS = 0.86  # a line that fills this much of its block's width goes on in the next


@dataclass(frozen=True, slots=True)
class Candidate:
    value: Json
    score: float  # 0..1
    citations: tuple[Citation, ...]


def candidates(wanted: Wanted, evidence: Evidence) -> list[Candidate]:
    """Every value that the document offers for the field by label, by party or by its own form."""
    found = [*_by_label(wanted, evidence)]
    if wanted.kind is Kind.BOOLEAN:
        found += _by_checkbox(wanted, evidence)
    if wanted.kind in SELF_EVIDENT_KINDS and not found:
        found += _by_form(wanted, evidence)
    if wanted.kind is Kind.BIC and not found:
        found += _bic_beside_iban(wanted, evidence)
    if wanted.has_concept("tax_rate"):
        found += _rates_in_labels(wanted, evidence)
    return found


def by_meaning(wanted: Wanted, fits: dict[str, float], evidence: Evidence) -> list[Candidate]:
    """The values beside the labels that fit the field by meaning alone."""
    found = []
    for pair in evidence.pairs:
        if pair.label in fits and pair.relation not in RUNNING:
            candidate = _from_pair(wanted, pair, fits[pair.label], None, evidence)
            if candidate is not None:
                found.append(candidate)
    return found


def _by_label(wanted: Wanted, evidence: Evidence) -> Iterator[Candidate]:
    for pair in evidence.pairs:
        if pair.relation in RUNNING and wanted.kind in _WORDY:
            continue  # "Customer service ..." is not the label "Customer" with a value behind it
        fit, meaning = evidence.matcher.fit(wanted, pair.label)
        if fit < _MIN_FIT or not _is_of_the_party(wanted, pair, meaning, evidence):
            continue
        candidate = _from_pair(wanted, pair, fit, meaning, evidence)
        if candidate is not None:
            yield candidate


def _is_of_the_party(wanted: Wanted, pair: Pair, meaning: Meaning | None, evidence: Evidence) -> bool:
    """Whether a label speaks of the party that the field asks about; without a word of it, the seller is meant."""
    is_party_matter = wanted.is_of_party or (meaning is not None and meaning.concept in PARTY_CONCEPTS)
    stated = (meaning.role if meaning is not None else None) or evidence.role_at(pair.label_segment)
    if not is_party_matter:
        return True
    if wanted.role is None:
        return stated in (None, "seller")
    if wanted.role == "seller" and not wanted.has_concept(*_WHOSE):
        return stated in (None, "seller")
    return stated == wanted.role


def _from_pair(wanted: Wanted, pair: Pair, fit: float, meaning: Meaning | None, evidence: Evidence) -> Candidate | None:
    text, segments = pair.value, pair.value_segments
    if wanted.has_concept(*_BRIEF):
        text = _SENTENCE_END.split(text, maxsplit=1)[0].rstrip(".")
    elif wanted.kind in (Kind.TEXT, Kind.ADDRESS) and pair.relation is not Relation.LINE_END:
        text, segments = _continued(wanted.kind, pair, evidence)
    reading = _read(wanted, text, meaning, evidence)
    if reading is None:
        return None
    if pair.relation in RUNNING and not _follows_at_once(wanted, text, reading):
        return None  # a sentence that begins with the label's words
    if wanted.kind in _WORDY and evidence.vocabulary.is_label(reading.printed):
        return None
    fits, value = fitted(wanted.leaf, reading.value, reading.printed)
    if not fits:
        return None
    if wanted.wants_printed and not wanted.leaf.enum:
        value = reading.printed
    confidence = min((segment.confidence for segment in segments), default=1.0)
    score = fit * pair.strength * (0.8 + 0.2 * reading.share) * confidence
    return Candidate(value, score, tuple(segment.citation for segment in segments))


def _follows_at_once(wanted: Wanted, text: str, reading: Reading) -> bool:
    """Whether a value stands right behind its label, and is surely one though no mark stands between them."""
    if wanted.kind is Kind.IDENTIFIER and not any(map(str.isdigit, reading.printed)):
        return False
    return len(text[: reading.start].split()) <= 1


def _read(wanted: Wanted, text: str, meaning: Meaning | None, evidence: Evidence) -> Reading | None:
    if wanted.kind is Kind.DATE and meaning is not None and meaning.concept == "period":
        return _end_of_period(wanted, text, evidence)
    if wanted.kind is Kind.PERCENT and meaning is not None and meaning.concept == "tax_total" and "%" not in text:
        return None  # the amount of the tax, not its rate
    return read(wanted.kind, text, evidence.conventions)


def _end_of_period(wanted: Wanted, text: str, evidence: Evidence) -> Reading | None:
    """The first or the second date of a period such as "1 to 31 May 2025", if it has both."""
    found = read_all(Kind.DATE, text, evidence.conventions)
    if len(found) != 2:
        return None
    if wanted.has_concept("period_start"):
        return found[0]
    return found[1] if wanted.has_concept("period_end") else None


def _continued(kind: Kind, pair: Pair, evidence: Evidence) -> tuple[str, tuple[Segment, ...]]:
    """A text with the lines that go on with it: a wrapped paragraph, or the further lines of an address."""
    last = pair.value_segments[-1]
    texts, segments = [pair.value], list(pair.value_segments)
    if last.box is None:
        return pair.value, pair.value_segments
    block = evidence.block(last.block_id)
    start = last.box.left
    for line in evidence.lines[last.line + 1 : last.line + 15]:
        following = [each for each in line.segments if each.box is not None and abs(each.box.left - start) < 0.012]
        if line.page != last.page or len(following) != 1 or last.box is None or following[0].box is None:
            break
        if pair.relation is Relation.RIGHT and len(line.segments) > 1:
            break  # a label of its own stands before the next line's text
        segment = following[0]
        height = max(evidence.lines[last.line].height, 0.006)
        near = segment.box is not None and segment.box.top - last.box.bottom <= 0.9 * height
        is_new = ":" in segment.text[:40] or evidence.vocabulary.is_label(segment.text)
        wraps = block is not None and block.box is not None and segment.block_id == last.block_id
        if wraps and block is not None and block.box is not None:
            wraps = last.box.right - block.box.left >= _LINE_WRAPS * (block.box.right - block.box.left)
        if not near or is_new or not (wraps or kind is Kind.ADDRESS):
            break
        texts.append(segment.text)
        segments.append(segment)
        last = segment
    joint = ", " if kind is Kind.ADDRESS else " "
    return joint.join(text.strip(" ,") if kind is Kind.ADDRESS else text for text in texts), tuple(segments)


def _by_checkbox(wanted: Wanted, evidence: Evidence) -> Iterator[Candidate]:
    for line in evidence.lines:
        for segment in line.segments:
            match = _CHECKBOX.match(segment.text)
            if match is None:
                continue
            fit, _ = evidence.matcher.fit(wanted, match["after"] or match["before"])
            reading = read(Kind.BOOLEAN, match["mark"] or match["late"], evidence.conventions)
            if fit >= _MIN_FIT and reading is not None:
                yield Candidate(reading.value, 0.95 * fit * segment.confidence, (segment.citation,))


def _by_form(wanted: Wanted, evidence: Evidence) -> Iterator[Candidate]:
    """A value that shows itself by its form (an IBAN, an address of mail): of the wanted party, or of none."""
    for line in evidence.lines:
        for segment in line.segments:
            role = evidence.role_at(segment)
            if wanted.role not in (
                role,
                "seller" if role is None else None,
                None if role == "seller" else wanted.role and "",
            ):
                continue
            if wanted.role is None and role not in (None, "seller"):
                continue
            for reading in read_all(wanted.kind, segment.text, evidence.conventions):
                fits, value = fitted(wanted.leaf, reading.value, reading.printed)
                if fits:
                    yield Candidate(value, _UNLABELLED_SCORE * segment.confidence, (segment.citation,))


def _bic_beside_iban(wanted: Wanted, evidence: Evidence) -> Iterator[Candidate]:
    """A word of the form of a BIC, of the country of the IBAN on its line."""
    for line in evidence.lines:
        countries = {found.value[:2] for found in read_all(Kind.IBAN, line.text, evidence.conventions)}
        for segment in line.segments:
            for reading in read_all(Kind.BIC, segment.text, evidence.conventions):
                fits, value = fitted(wanted.leaf, reading.value, reading.printed)
                if fits and str(reading.value)[4:6] in countries:
                    yield Candidate(value, _UNLABELLED_SCORE * segment.confidence, (segment.citation,))


def _rates_in_labels(wanted: Wanted, evidence: Evidence) -> Iterator[Candidate]:
    """The rate in a label such as "VAT 20 %"."""
    for pair in evidence.pairs:
        if not any(meaning.concept == "tax_total" for meaning in evidence.matcher.meanings(pair.label)):
            continue
        if read(Kind.AMOUNT, pair.value, evidence.conventions) is None:
            continue
        source = f"{pair.label} {pair.value}" if pair.relation in RUNNING else pair.label
        for found in numbers.find_percentages(source, evidence.conventions):
            printed = source[found.start : found.end].strip()
            fits, value = fitted(wanted.leaf, numbers.as_json_number(found.value), printed)
            if fits:
                final = printed if wanted.wants_printed else value
                yield Candidate(final, 0.9 * pair.label_segment.confidence, (pair.label_segment.citation,))


def ambiguous_dates(wanted: Wanted, evidence: Evidence) -> bool:
    """Whether a date stands beside the field's label, but its day and month cannot be told apart."""
    if wanted.kind is not Kind.DATE:
        return False
    return any(
        evidence.matcher.fit(wanted, pair.label)[0] >= _MIN_FIT
        and dates.is_ambiguous_date(pair.value, evidence.conventions)
        for pair in evidence.pairs
    )


def unknown_labels(evidence: Evidence) -> Sequence[str]:
    """The labels in the document that the vocabulary does not know; of very many, those most surely labels."""
    found: dict[str, tuple[bool, int]] = {}
    for pair in evidence.pairs:
        if pair.relation in RUNNING or evidence.matcher.meanings(pair.label) or not labels.key(pair.label):
            continue
        has_colon = pair.relation is Relation.INLINE or pair.label.endswith(":")
        rank = (not has_colon, _RELATIONS.index(pair.relation))
        found[pair.label] = min(rank, found.get(pair.label, rank))
    return sorted(sorted(found, key=lambda label: found[label])[:_MAX_UNKNOWN])
