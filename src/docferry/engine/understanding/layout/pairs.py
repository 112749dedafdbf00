"""Labels with what they may be labels of: the text behind them, at their right, or below them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from docferry.engine.understanding.layout.lines import Line, Segment
from docferry.engine.understanding.wordlists import word_set

_MAX_LABEL_CHARACTERS = 60
_MAX_LABEL_WORDS = 7
_BELOW_IN_HEIGHTS = 2.0  # how far below its label a value may begin
_ALIGNED = 0.012  # of the page's width
_SEPARATORS = re.compile(r"\s+[|·•∙‧●■]\s+|\s+[–—-]\s+(?=[^\W\d])")
_CLAUSES = re.compile(r"[,;]\s*|(?<=[^\W_]{2})\.\s+(?=[^\W\d_])")
_PREPOSITIONS = word_set("le du den vom del al dal to from au von bis van tot li de a an on")
_MIN_EMBEDDED = 5  # letters of a label within a clause: shorter words are too common
_TYPED_START = re.compile(r"[€$£(+-]?\s?\d|[A-Z]{1,2}\d|[A-Z]{6}")
_COLON = re.compile(r"[:：](?!//)(?!\d\d(?!\d))")
_JUST_CURRENCY = re.compile(r"^(?:[€$£¥]|[A-Z]{3}|kr\.?|zł|CA\$|US\$)$")
_PERCENTAGE = re.compile(r"\d+(?:[.,]\d+)?\s?%")
_MOSTLY_DIGITS = re.compile(r"\d")


class Relation(StrEnum):
    INLINE = "inline"  # label: value
    PREFIX = "prefix"  # label value, in one run of text
    EMBEDDED = "embedded"  # the same, within a sentence
    RIGHT = "right"  # the next segment on the line
    LINE_END = "line_end"  # the last segment on the line
    BELOW = "below"


RUNNING = frozenset({Relation.PREFIX, Relation.EMBEDDED})  # without a mark between label and value


@dataclass(frozen=True, slots=True)
class Pair:
    """A label and a text that may be its value. ``strength`` is how well their places fit, 0..1."""

    label: str
    value: str
    relation: Relation
    strength: float
    label_segment: Segment
    value_segments: tuple[Segment, ...]


IsLabel = Callable[[str], bool]


def find_pairs(lines: Sequence[Line], is_label: IsLabel, skipped_lines: frozenset[int] = frozenset()) -> list[Pair]:
    """Every pair in ``lines``, in reading order. ``is_label`` knows the labels whose neighbours are not values.

    Lines in ``skipped_lines`` (the rows of tables of items) hold neither labels nor values.
    """
    pairs: list[Pair] = []
    for number, line in enumerate(lines):
        if number in skipped_lines:
            continue
        is_header = _is_header(lines, number, is_label)
        for segment in line.segments:
            pairs.extend(_pairs_of(segment, line, lines, is_label, skipped_lines, is_header))
    return pairs


def _pairs_of(
    segment: Segment,
    line: Line,
    lines: Sequence[Line],
    is_label: IsLabel,
    skipped_lines: frozenset[int],
    is_header: bool,
) -> Iterator[Pair]:
    for part in _SEPARATORS.split(segment.text):
        yield from _inline(part, segment, is_label)
        yield from _prefixed(part, segment, is_label)
        yield from _embedded(part, segment, is_label)
    label = segment.text.strip()
    if not could_be_label(label) or re.search(r"[:：]\s*\S", label):
        return
    if not is_header:
        yield from _at_the_right(label, segment, line, is_label)
    yield from _below(label, segment, line, lines, is_label, skipped_lines, is_header)


def could_be_label(text: str) -> bool:
    """Whether ``text`` is short enough, and enough of words, to be a label."""
    bare = _PERCENTAGE.sub("", text)
    letters = sum(map(str.isalpha, bare))
    return (
        len(text) <= _MAX_LABEL_CHARACTERS
        and 1 <= len(text.split()) <= _MAX_LABEL_WORDS
        and letters >= 1
        and letters >= 2 * sum(map(str.isdigit, bare))
    )


def _inline(part: str, segment: Segment, is_label: IsLabel) -> Iterator[Pair]:
    """Each ``label: value`` of a run of text; a further label ends the value before it."""
    colons = [match.start() for match in _COLON.finditer(part)]
    if not colons:
        return
    starts = [
        _label_start(part, colon, (colons[index - 1] + 1) if index else 0, is_label)
        for index, colon in enumerate(colons)
    ]
    spans = [(start, colon) for start, colon in zip(starts, colons, strict=True) if start is not None]
    for index, (start, colon) in enumerate(spans):
        end = spans[index + 1][0] if index + 1 < len(spans) else len(part)
        label, value = part[start:colon].strip(), part[colon + 1 : end].strip(" ,;|")
        if value and could_be_label(label):
            yield Pair(label, value, Relation.INLINE, 1.0, segment, (segment,))


def _label_start(part: str, colon: int, floor: int, is_label: IsLabel) -> int | None:
    """Where the label before ``colon`` begins: the longest known label, or, for a first colon, the whole text."""
    words = [match.start() + floor for match in re.finditer(r"\S+", part[floor:colon])]
    for start in words[-_MAX_LABEL_WORDS:]:
        if is_label(part[start:colon]):
            return start
    return words[0] if words and floor == 0 else None


def _prefixed(part: str, segment: Segment, is_label: IsLabel) -> Iterator[Pair]:
    """``label value`` without a colon between: only where the longest beginning of the text is a known label."""
    words = list(re.finditer(r"\S+", part))
    for count in range(min(_MAX_LABEL_WORDS, len(words) - 1), 0, -1):
        label, value = part[: words[count - 1].end()], part[words[count].start() :]
        if label.rstrip().endswith((":", "：")):
            continue
        ends_in_number = any(map(str.isdigit, words[count - 1].group())) and "%" not in words[count - 1].group()
        if not ends_in_number and is_label(label):
            yield Pair(label, value, Relation.PREFIX, 0.95, segment, (segment,))
            return


def _embedded(part: str, segment: Segment, is_label: IsLabel) -> Iterator[Pair]:
    """``... due by 21 March`` in the middle of a sentence: the longest known label right before what looks typed."""
    for clause in _CLAUSES.split(part):
        words = list(re.finditer(r"\S+", clause))
        for place in range(1, len(words)):
            if not _TYPED_START.match(words[place].group()):
                continue
            for first in range(max(0, place - _MAX_LABEL_WORDS), place):
                label = clause[words[first].start() : words[place - 1].end()].rstrip(":")
                is_weak = label.lower() in _PREPOSITIONS or (first > 0 and len(label) < _MIN_EMBEDDED)
                if not is_weak and is_label(label) and (first > 0 or clause is not part):
                    yield Pair(label, clause[words[place].start() :], Relation.EMBEDDED, 0.88, segment, (segment,))
                    break


def _at_the_right(label: str, segment: Segment, line: Line, is_label: IsLabel) -> Iterator[Pair]:
    behind = line.segments[segment.place + 1 :]
    if behind and behind[0].text.strip() in {":", "："}:
        behind = behind[1:]
    if not behind or is_label(behind[0].text):
        return
    taken = behind[:2] if _JUST_CURRENCY.match(behind[0].text.strip()) and len(behind) > 1 else behind[:1]
    text = " ".join(each.text for each in taken).lstrip(":： ")
    yield Pair(label, text, Relation.RIGHT, 0.98, segment, taken)
    if len(behind) > len(taken) and not any(is_label(each.text) for each in behind):
        yield Pair(label, behind[-1].text, Relation.LINE_END, 0.86, segment, (behind[-1],))


def _below(
    label: str,
    segment: Segment,
    line: Line,
    lines: Sequence[Line],
    is_label: IsLabel,
    skipped_lines: frozenset[int],
    is_header: bool,
) -> Iterator[Pair]:
    found = segment_below(segment, lines)
    if found is None or found.line in skipped_lines:
        return
    text = found.text.strip()
    if is_label(text) or text.endswith((":", "：")):
        return
    has_right = segment.place + 1 < len(line.segments) and not is_label(line.segments[segment.place + 1].text)
    strength = 0.97 if is_header else 0.72 if has_right else 0.93
    yield Pair(label, text, Relation.BELOW, strength, segment, (found,))


def segment_below(segment: Segment, lines: Sequence[Line]) -> Segment | None:
    """The segment that stands right below, aligned at an edge or at the middle; None if there is none near."""
    home = lines[segment.line]
    for line in lines[segment.line + 1 : segment.line + 4]:
        if line.page != segment.page:
            return None
        if segment.box is None or line.top is None or home.bottom is None:
            return _below_without_boxes(segment, home, line)
        if line.top - segment.box.bottom > _BELOW_IN_HEIGHTS * max(home.height, 0.005):
            return None
        aligned = [each for each in line.segments if each.box is not None and _is_aligned(segment, each)]
        if aligned:
            return aligned[0]
    return None


def _below_without_boxes(segment: Segment, home: Line, line: Line) -> Segment | None:
    same_grid = home.table == line.table and len(home.segments) == len(line.segments)
    return line.segments[segment.place] if same_grid and segment.place < len(line.segments) else None


def _is_aligned(upper: Segment, lower: Segment) -> bool:
    if upper.box is None or lower.box is None:
        return False
    if min(upper.box.right, lower.box.right) <= max(upper.box.left, lower.box.left):
        return False  # no part of the one stands above the other
    middle = abs((upper.box.left + upper.box.right) - (lower.box.left + lower.box.right)) / 2
    return (
        abs(upper.box.left - lower.box.left) <= _ALIGNED
        or abs(upper.box.right - lower.box.right) <= _ALIGNED
        or middle <= 2 * _ALIGNED
    )


def _is_header(lines: Sequence[Line], number: int, is_label: IsLabel) -> bool:
    """Whether a line is a row of labels over a row of values."""
    line = lines[number]
    if len(line.segments) < 2 or any(":" in segment.text for segment in line.segments):
        return False
    known = sum(is_label(segment.text) for segment in line.segments)
    if known == len(line.segments):
        return True
    if len(line.segments) < 3 or any(_MOSTLY_DIGITS.search(segment.text) for segment in line.segments):
        return False
    below = [segment_below(segment, lines) for segment in line.segments]
    if sum(each is not None for each in below) < len(below) - 1:
        return False
    with_digits = sum(each is not None and bool(_MOSTLY_DIGITS.search(each.text)) for each in below)
    return with_digits * 2 >= len(below) or known * 2 >= len(below)
