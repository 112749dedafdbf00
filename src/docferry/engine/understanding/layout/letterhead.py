"""Sender and addressee of a letter that labels neither: letterhead, return address, address window."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from docferry.engine.understanding import labels
from docferry.engine.understanding.doctypes import document_type
from docferry.engine.understanding.layout.lines import Line, Segment
from docferry.engine.understanding.layout.parties import (
    NAME_PARTS,
    Section,
    address_of,
    continued,
    has_legal_form,
    legal_form_of,
    postal_match,
)
from docferry.engine.understanding.values import identifiers
from docferry.engine.understanding.vocabulary import Vocabulary

_MAX_NAME_WORDS = 7
_BODY_TOP, _BODY_BOTTOM = 0.4, 0.85  # between them a page has neither letterhead nor footer
_TALLER = 1.2
_MIN_DOMAIN_LETTERS = 4
_LONG_DOMAIN = 7  # letters of a domain that may stand within a name: "alderhouse" in "The Alder House Inn"


@dataclass(slots=True)
class _Name:
    """A name that may be the sender's, and what speaks for it."""

    text: str
    segments: list[Segment] = field(default_factory=list)
    is_domain: bool = False
    is_tall: bool = False
    is_first: bool = False  # of all text on the page, with an address below

    @property
    def points(self) -> int:
        signs = has_legal_form(self.text) + self.is_domain + self.is_tall + 2 * self.is_first
        return signs + min(2, len(self.segments) - 1)

    @property
    def rank(self) -> tuple[int, bool]:
        return self.points, has_legal_form(self.text)


def find_letterhead(lines: Sequence[Line], taken: Sequence[Section], vocabulary: Vocabulary) -> Section | None:
    """The sender where no label names one; None unless one name on the first page is clearly it.

    A name must bear a legal form, or be the domain of a mail or web address of the document, or head the page with
    an address below, and must not stand in another party's block. Standing there more than once, and in taller
    letters, speaks for it too. Where the addressee is not known either, one sign is not enough: the one company
    named may be the addressee.
    """
    names = _names(lines, taken, vocabulary)
    ranked = sorted(names, key=lambda name: name.rank, reverse=True)
    needed = 1 if any(section.role == "buyer" for section in taken) else 2
    if not ranked or ranked[0].points < needed:
        return None
    if len(ranked) > 1 and ranked[1].rank == ranked[0].rank:
        return None
    return _with_address(ranked[0], lines, vocabulary)


def _names(lines: Sequence[Line], taken: Sequence[Section], vocabulary: Vocabulary) -> list[_Name]:
    domains = _domains(lines)
    usual = statistics.median([line.height for line in lines if line.height] or [0.0])
    found: dict[str, _Name] = {}
    for line in lines:
        if line.page != lines[0].page:
            break
        for segment in line.segments:
            if any(section.holds(segment) for section in taken):
                continue
            text = NAME_PARTS.split(segment.text)[0].strip(" ,")
            is_domain = _is_domain(text, domains)
            is_first = segment is lines[0].segments[0] and _has_address_below(segment, lines, vocabulary)
            is_sign = has_legal_form(text) or is_domain or is_first
            if not is_sign or not _could_be_name(text, segment, vocabulary):
                continue
            name = found.setdefault(labels.key(text), _Name(text))
            name.segments.append(segment)
            name.is_domain = name.is_domain or is_domain
            name.is_first = name.is_first or is_first
            name.is_tall = name.is_tall or (usual > 0 and line.height >= _TALLER * usual)
    return list(found.values())


def _has_address_below(segment: Segment, lines: Sequence[Line], vocabulary: Vocabulary) -> bool:
    if document_type(segment.text) is not None:
        return False
    block = continued("seller", segment, segment, segment.text, lines, vocabulary)
    return any(postal_match(text) for text in block.texts[1:4])


def _could_be_name(text: str, segment: Segment, vocabulary: Vocabulary) -> bool:
    words = text.split()
    if not 1 <= len(words) <= _MAX_NAME_WORDS or ":" in text or "@" in text or vocabulary.is_label(text):
        return False
    if segment.box is not None and _BODY_TOP < segment.box.top < _BODY_BOTTOM:
        return False
    return sum(map(str.isdigit, text)) <= 4 and not text.lower().startswith(("www.", "http"))


def _domains(lines: Sequence[Line]) -> frozenset[str]:
    """The names in the domains of the document's mail and web addresses: "brightmetal" for info@bright-metal.com."""
    names = set()
    for line in lines:
        for found in [*identifiers.find_emails(line.text), *identifiers.find_web_addresses(line.text)]:
            host = re.sub(r"^.*@|^https?://", "", found.value.lower()).removeprefix("www.").split("/")[0]
            names.add(re.sub(r"[^a-z0-9]", "", host.split(".")[0]))
    return frozenset(name for name in names if len(name) >= _MIN_DOMAIN_LETTERS)


def _is_domain(text: str, domains: frozenset[str]) -> bool:
    """Whether a name, with or without its legal form, is that of a domain; abbreviations of it count."""
    bare = re.sub(r"[^a-z0-9]", "", labels.fold(text.replace(legal_form_of(text), "")))
    return len(bare) >= _MIN_DOMAIN_LETTERS and any(
        bare.startswith(name) or (len(name) >= _LONG_DOMAIN and name in bare) for name in domains
    )


def _with_address(name: _Name, lines: Sequence[Line], vocabulary: Vocabulary) -> Section:
    """The name's block with the address that stands with it at one of its places, if it does at any."""
    for segment in name.segments:
        rest = NAME_PARTS.split(segment.text)[1:]
        block = continued("seller", segment, segment, segment.text, lines, vocabulary)
        below = [] if rest else list(zip(block.lines[1:], block.texts[1:], strict=True))
        sources = [(segment, part) for part in rest] + below
        address = [(place, part) for place, text in sources for part in address_of([text], vocabulary)]
        last = next((at for at, (_, part) in enumerate(address) if postal_match(part)), None)
        if last is not None:
            kept = address[: last + 2]
            texts = (name.text, *(part for _, part in kept))
            where = (segment, *(place for place, _ in kept))
            seats = frozenset((each.line, each.place) for each in where) | block.places
            return Section("seller", where, texts, (segment, *block.lines[1:], *block.attributes), False, True, seats)
    first = name.segments[0]
    return Section("seller", (first,), (name.text,), (first,), False, True, _places(first))


def _places(segment: Segment) -> frozenset[tuple[int, int]]:
    return frozenset({(segment.line, segment.place)})


def find_window_address(lines: Sequence[Line], vocabulary: Vocabulary) -> list[Section]:
    """The addressee in the window of a letter: the block right below the sender's one-line return address."""
    for line in lines:
        if not lines or line.page != lines[0].page:
            break
        for segment in line.segments:
            parts = NAME_PARTS.split(segment.text)
            is_return_address = len(parts) >= 3 and any(postal_match(part) for part in parts[1:])
            if segment.box is None or not is_return_address or segment.box.top > _BODY_TOP:
                continue
            block = _block_below(segment, lines, vocabulary)
            if block is not None:
                return [block]
    return []


def find_lone_address(
    lines: Sequence[Line], taken: Sequence[Section], letterhead: Section | None, vocabulary: Vocabulary
) -> list[Section]:
    """The addressee of a letter whose sender is known: the one other address block at the top of its first page."""
    if letterhead is None:
        return []
    sender = labels.key(letterhead.texts[0])
    found: list[Section] = []
    for line in lines:
        if line.page != lines[0].page or (line.top is not None and line.top > _BODY_TOP):
            break
        for segment in line.segments:
            is_taken = any(section.holds(segment) for section in (*taken, letterhead, *found))
            if segment.box is None or is_taken or not _could_be_name(segment.text, segment, vocabulary):
                continue
            block = continued("buyer", segment, segment, segment.text, lines, vocabulary)
            is_address = 3 <= len(block.texts) <= 6 and any(postal_match(text) for text in block.texts[2:])
            if is_address and labels.key(block.texts[0]) != sender and not any(map(str.isdigit, block.texts[0])):
                found.append(Section("buyer", block.lines, block.texts, block.attributes, False, True, block.places))
    return found if len(found) == 1 else []


def _block_below(upper: Segment, lines: Sequence[Line], vocabulary: Vocabulary) -> Section | None:
    assert upper.box is not None
    for line in lines[upper.line + 1 : upper.line + 4]:
        for segment in line.segments:
            if segment.box is None or abs(segment.box.left - upper.box.left) > 0.01:
                continue
            if segment.box.top - upper.box.bottom > 3.0 * line.height:
                return None
            block = continued("buyer", segment, segment, segment.text, lines, vocabulary)
            has_address = any(postal_match(text) for text in block.texts[1:])
            return (
                Section("buyer", block.lines, block.texts, block.attributes, False, True, block.places)
                if has_address
                else None
            )
    return None
