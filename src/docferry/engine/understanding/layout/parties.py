"""Who is who: the address blocks that a label introduces, and the sender's own name on its paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from docferry.engine.understanding.layout.lines import Line, Segment
from docferry.engine.understanding.values import identifiers
from docferry.engine.understanding.values.conventions import Conventions
from docferry.engine.understanding.values.kinds import Kind
from docferry.engine.understanding.values.reading import read
from docferry.engine.understanding.vocabulary import Vocabulary
from docferry.engine.understanding.wordlists import word_set

_MAX_LINES = 9
_FIRST_GAP_IN_HEIGHTS = 2.2
_GAP_IN_HEIGHTS = 1.3
_SAME_LEFT = 0.015
_ATTRIBUTES = word_set(
    "vat_id tax_number registration_number email phone fax website contact_person country customer_number iban"
)
NAME_PARTS = re.compile(
    r"\s+[|·•∙–—-]\s+|,\s(?!S\.|Inc|LLC|Ltd|SL|SA|Lda|[A-Z]{2},?\s\d{5})|(?<=[^\W_]{3})\.\s+(?=[^\W\d_])|(?<=\d[A-Z]{2})\.\s+"
)
_JUST_PHONE = re.compile(r"(?:\+|\()?\d[\d\s()/.–-]{6,}\d")
_ADDRESS_PARTS = frozenset({"address", "street", "city", "postal_code"})
_LEGAL_FORM = re.compile(
    r"(?<![\w.])(?:GmbH(?: & Co\.? KG)?|AG|KG|KGaA|OHG|UG|e\.\s?K\.|GbR|SE|Ltd\.?|Limited|LLC|L\.L\.C\.|Inc\.?|Corp\.?|"
    r"Corporation|PLC|plc|LLP|Pty|SARL|S\.A\.R\.L\.|SAS|S\.A\.S\.|SASU|EURL|SA|S\.A\.|SCI|S\.L\.U?\.?|SLU?|S\.p\.A\.|SpA|"
    r"S\.r\.l\.s?\.?|Srl|SRL|S\.n\.c\.|Snc|S\.a\.s\.|B\.V\.|BV|N\.V\.|NV|VOF|V\.O\.F\.|AB|A/S|ApS|Oy|s\.r\.o\.|"
    r"Sp\. z o\.o\.|Lda\.?|Ltda\.?|& Co\.?|& Sons|& Söhne|& Fils|& Zonen|& Figli|e Hijos|y Hijos)(?![\w])"
)
POSTAL_LINE = re.compile(
    r"(?:^|,\s*|\s)(?P<code>(?:[A-Z]{1,2}-)?\d{4,5}(?:-\d{3,4})?|\d{4}\s?[A-Z]{2}|\d{2}-\d{3})\s+(?P<city>[^\W\d][^\d,;]{1,40})$"
)
BRITISH_LINE = re.compile(
    r"(?:(?P<city>[^\W\d][^\d,;]{1,40})[, ]\s*)?(?P<code>[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2})(?![A-Z0-9])"
)
AMERICAN_LINE = re.compile(r"(?P<city>[^\W\d][^\d,;]{1,40}),?\s(?P<state>[A-Z]{2}),?\s(?P<code>\d{5}(?:-\d{4})?)$")


@dataclass(frozen=True, slots=True)
class Section:
    """The block of lines that belongs to one party. ``lines`` begin with the name, where the block has one."""

    role: str
    lines: tuple[Segment, ...]
    texts: tuple[str, ...]  # of the lines, without the label where that stands on the first of them
    attributes: tuple[Segment, ...] = ()  # lines such as "VAT ID: ..." within the block
    is_labelled: bool = True
    has_name: bool = True
    places: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    def holds(self, segment: Segment) -> bool:
        return (segment.line, segment.place) in self.places


def find_sections(
    lines: Sequence[Line], vocabulary: Vocabulary, conventions: Conventions, skipped_lines: frozenset[int]
) -> list[Section]:
    """The blocks that labels such as "Bill to" introduce, in reading order."""
    sections = []
    for number, line in enumerate(lines):
        if number in skipped_lines:
            continue
        for segment in line.segments:
            label, colon, rest = segment.text.partition(":")
            roles = vocabulary.roles_of_label(label if colon else segment.text)
            if roles:
                section = _section(roles[0], segment, rest.strip(), lines, vocabulary, conventions)
                if section is not None:
                    sections.append(section)
    return sections


def _section(
    role: str, label: Segment, rest: str, lines: Sequence[Line], vocabulary: Vocabulary, conventions: Conventions
) -> Section | None:
    home = lines[label.line]
    right = home.segments[label.place + 1] if label.place + 1 < len(home.segments) else None
    first: Segment | None
    if rest:
        first, text = label, rest
    else:
        below = _start_below(label, lines)
        takes_right = right is not None and not _ends(right.text, vocabulary) and ":" not in right.text
        if below is not None and takes_right and _ends(below.text, vocabulary):
            below = None
        first = (
            below
            if below is not None and (not takes_right or _looks_like_address(below, lines))
            else right
            if takes_right
            else below
        )
        text = first.text if first is not None else ""
    if first is None or _ends(text, vocabulary):
        return None
    if ":" in text and first is not label:
        return _of_labels(role, first, lines)
    if not _can_be_name(text, conventions):
        return None
    return continued(role, label, first, text, lines, vocabulary)


def _of_labels(role: str, first: Segment, lines: Sequence[Line]) -> Section | None:
    """A block whose lines are all ``label: value``, as forms have them: it has no name or address of its own."""
    taken = [first]
    for line in lines[first.line + 1 : first.line + 1 + _MAX_LINES]:
        segment = _next_in_block(taken[-1], first, first, line, lines)
        if segment is None or ":" not in segment.text:
            break
        taken.append(segment)
    places = frozenset((segment.line, segment.place) for segment in taken)
    return Section(role, (), (), tuple(taken), True, False, places)


def _can_be_name(text: str, conventions: Conventions) -> bool:
    if read(Kind.DATE, text, conventions) is not None or read(Kind.AMOUNT, text, conventions) is not None:
        return False
    return read(Kind.NAME, text, conventions) is not None or any(postal_match(part) for part in NAME_PARTS.split(text))


def _start_below(label: Segment, lines: Sequence[Line]) -> Segment | None:
    home = lines[label.line]
    for line in lines[label.line + 1 : label.line + 3]:
        if line.page != label.page:
            return None
        if label.box is None or line.top is None:
            if home.table == line.table and len(home.segments) == len(line.segments) and line.segments:
                return line.segments[min(label.place, len(line.segments) - 1)]
            return line.segments[0] if len(line.segments) == 1 and len(home.segments) == 1 else None
        if line.top - label.box.bottom > _FIRST_GAP_IN_HEIGHTS * max(home.height, 0.006):
            return None
        for segment in line.segments:
            if segment.box is not None and abs(segment.box.left - label.box.left) <= 2 * _SAME_LEFT:
                return segment
    return None


def _looks_like_address(first: Segment, lines: Sequence[Line]) -> bool:
    nearby = [segment.text for line in lines[first.line : first.line + 5] for segment in line.segments]
    return any(postal_match(text) for text in nearby)


def continued(
    role: str, label: Segment, first: Segment, text: str, lines: Sequence[Line], vocabulary: Vocabulary
) -> Section:
    """The block that begins with ``first``, line by line down to a gap or to another label."""
    taken, texts, attributes = [first], [text], []
    before = first
    for line in lines[first.line + 1 : first.line + 1 + _MAX_LINES]:
        segment = _next_in_block(before, first, label, line, lines)
        if segment is None:
            if line.page == first.page and line.top is not None and _is_beside(line, before, lines):
                continue
            break
        if _is_attribute(segment.text, vocabulary):
            attributes.append(segment)
        elif _ends(segment.text, vocabulary) or ":" in segment.text:
            break
        else:
            taken.append(segment)
            texts.append(segment.text)
        before = segment
    parts = [part.strip(" ,") for part in NAME_PARTS.split(text) if part.strip(" ,")]
    if len(parts) > 1 and any(postal_match(part) or re.search(r"\d", part) for part in parts[1:]):
        taken[:1], texts[:1] = [first] * len(parts), parts  # name and address on one line
    has_name = not re.match(r"\d", texts[0])  # "Billing address: 12 High Street ..." names no one
    members = [*taken, *attributes]
    places = frozenset((segment.line, segment.place) for segment in members)
    return Section(role, tuple(taken), tuple(texts), tuple(attributes), True, has_name, places)


def _next_in_block(
    before: Segment, first: Segment, label: Segment, line: Line, lines: Sequence[Line]
) -> Segment | None:
    """The segment of ``line`` that goes on with the block: at the same left edge and without a gap above."""
    if line.page != first.page:
        return None
    if first.box is None or line.top is None:
        is_alone = len(line.segments) == 1 and lines[first.line].table is None and line.table is None
        return line.segments[0] if is_alone else None
    height = max(lines[before.line].height, 0.006)
    for segment in line.segments:
        if segment.box is None or before.box is None:
            continue
        at_left = abs(segment.box.left - first.box.left) <= _SAME_LEFT
        under_value = (
            first is label and label.words and segment.box.left > label.box.left + _SAME_LEFT if label.box else False
        )
        overlaps = min(segment.box.right, first.box.right) > max(segment.box.left, first.box.left)
        if (at_left or (under_value and overlaps)) and segment.box.top - before.box.bottom <= _GAP_IN_HEIGHTS * height:
            return segment
    return None


def _is_beside(line: Line, before: Segment, lines: Sequence[Line]) -> bool:
    """Whether a line without a part of the block is only the neighbouring column's, set between two of its lines."""
    if line.top is None or before.box is None:
        return False
    return line.top - before.box.bottom <= 0.9 * max(lines[before.line].height, 0.006)


def _ends(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a text begins something else: another label."""
    return vocabulary.is_label(text) or text.strip().endswith(":")


def _is_attribute(text: str, vocabulary: Vocabulary) -> bool:
    label, colon, _ = text.partition(":")
    if _is_just_phone(text):
        return True
    if colon and any(
        meaning.concept in _ATTRIBUTES | _ADDRESS_PARTS for meaning in vocabulary.meanings_of_label(label)
    ):
        return True
    if identifiers.find_emails(text) or identifiers.find_vat_ids(text):
        return True
    words = text.split()
    known = (vocabulary.meanings_of_label(" ".join(words[:count])) for count in range(min(4, len(words) - 1), 0, -1))
    first = next((meanings for meanings in known if meanings), ())
    return any(meaning.concept in _ATTRIBUTES - {"country"} for meaning in first)


def _is_just_phone(text: str) -> bool:
    return bool(_JUST_PHONE.fullmatch(text.strip())) and sum(map(str.isdigit, text)) >= 9


def address_of(texts: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The lines of an address, in parts, without what else stands on its lines and without what follows it."""
    parts = [part.strip(" ,.") for text in texts for part in NAME_PARTS.split(text)]
    kept = [part for part in parts if part and not _is_attribute(part, vocabulary)]
    last = next((at for at, part in enumerate(kept) if postal_match(part)), None)
    return kept if last is None else kept[: last + 2]


def postal_match(text: str) -> re.Match[str] | None:
    """The postal code and city of a line of an address, in the groups ``code`` and ``city``."""
    stripped = text.strip(" ,.")
    return AMERICAN_LINE.search(stripped) or POSTAL_LINE.search(stripped) or BRITISH_LINE.search(stripped)


def has_legal_form(text: str) -> bool:
    """Whether a text names a company by its legal form (GmbH, Ltd, SARL ...)."""
    return len(text) <= 80 and _LEGAL_FORM.search(text) is not None


def legal_form_of(text: str) -> str:
    """The legal form in a company's name, or an empty text."""
    match = _LEGAL_FORM.search(text)
    return match.group() if match else ""
