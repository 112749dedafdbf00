"""Names and addresses of the parties, out of their blocks."""

from __future__ import annotations

from collections.abc import Iterator

from docferry.engine.understanding.layout.addresses import Address, read_address
from docferry.engine.understanding.layout.parties import NAME_PARTS, Section
from docferry.engine.understanding.schema.candidates import Candidate
from docferry.engine.understanding.schema.evidence import Evidence
from docferry.engine.understanding.schema.fields import Wanted
from docferry.engine.understanding.schema.guards import fitted
from docferry.engine.understanding.values.kinds import Kind
from docferry.engine.understanding.values.reading import read

_LABELLED = 0.94
_LETTERHEAD = 0.7
_WHOLE = 0.95
_PARTS = {"street": "street", "postal_code": "postal_code", "city": "city", "country": "country"}


def party_candidates(wanted: Wanted, evidence: Evidence) -> list[Candidate]:
    """What the blocks of the field's party say of its name and address; without a party's name, the seller's."""
    if not wanted.is_of_party:
        return []
    role = wanted.role or "seller"
    sections = [section for section in evidence.sections if section.role == role]
    if role == "seller" and not sections and evidence.letterhead is not None:
        sections = [evidence.letterhead]
    return [candidate for section in sections for candidate in _of_section(wanted, section, evidence)]


def _of_section(wanted: Wanted, section: Section, evidence: Evidence) -> Iterator[Candidate]:
    base = _LABELLED if section.is_labelled else _LETTERHEAD
    concept = wanted.meanings[0].concept if wanted.meanings else ""
    address = read_address(section.texts, has_name=section.has_name) if section.texts else Address()
    if concept == "name" and section.has_name:
        yield from _candidate(wanted, section, section.texts[0], (0,), base)
    elif concept == "address":
        if address.lines and (address.postal_code or address.street or len(address.lines) >= 2):
            text = ", ".join(section.texts[line].strip(" ,") for line in address.lines)
            yield from _candidate(wanted, section, text, address.lines, base * 0.98)
    elif concept == "name":
        return
    elif concept in _PARTS:
        part = getattr(address, _PARTS[concept])
        if part is not None:
            yield from _candidate(wanted, section, part[0], (part[1],), base * 0.95)
    else:
        yield from _attributes(wanted, section, base, evidence)


def _attributes(wanted: Wanted, section: Section, base: float, evidence: Evidence) -> Iterator[Candidate]:
    """Values in the block that show themselves by form: the e-mail address of a party, its VAT id."""
    if wanted.kind not in (Kind.EMAIL, Kind.VAT_ID, Kind.URL, Kind.IBAN, Kind.PHONE):
        return
    pieces = [(segment, part) for segment in (*section.attributes, *section.lines) for part in _pieces(segment.text)]
    for segment, text in pieces:
        reading = read(wanted.kind, text, evidence.conventions)
        if reading is None or (wanted.kind is Kind.VAT_ID and not str(reading.value)[:2].isalpha()):
            continue
        if wanted.kind is Kind.PHONE and reading.share < _WHOLE:
            continue  # a number among words is a phone only by its label
        fits, value = fitted(wanted.leaf, reading.value, reading.printed)
        if fits:
            yield Candidate(value, base * 0.95 * segment.confidence, (segment.citation,))


def _pieces(text: str) -> list[str]:
    return [part for part in NAME_PARTS.split(text.partition(":")[2] or text) if part]


def _candidate(
    wanted: Wanted, section: Section, text: str, lines: tuple[int, ...], score: float
) -> Iterator[Candidate]:
    fits, value = fitted(wanted.leaf, text.strip(" ,"), text.strip(" ,"))
    if fits and value:
        segments = [section.lines[line] for line in lines]
        confidence = min(segment.confidence for segment in segments)
        yield Candidate(value, score * confidence, tuple(segment.citation for segment in segments))
