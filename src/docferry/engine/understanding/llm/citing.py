"""Finds a language model's values in the document: what does not stand there is not believed."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import accumulate

from docferry.engine.extraction.model import Document
from docferry.engine.understanding import labels
from docferry.engine.understanding.answers import Citation, Json
from docferry.engine.understanding.layout.lines import Line
from docferry.engine.understanding.values.conventions import Conventions
from docferry.engine.understanding.values.dates import find_dates
from docferry.engine.understanding.values.numbers import find_money, find_numbers, find_percentages

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NO_CITATIONS: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stream:
    """The words of a stretch of the document, folded and run together, with the place each came from."""

    letters: str
    starts: tuple[int, ...]
    places: tuple[Citation, ...]

    def find(self, wanted: str) -> tuple[Citation, ...]:
        """The places of the first occurrence that begins and ends with whole words: "sand" is not in "tiles and"."""
        at = self.letters.find(wanted)
        while at >= 0:
            first = bisect_right(self.starts, at) - 1
            end = at + len(wanted)
            after = bisect_left(self.starts, end)
            ends_whole = end == len(self.letters) or (after < len(self.starts) and self.starts[after] == end)
            if self.starts[first] == at and ends_whole:
                return tuple(dict.fromkeys(self.places[first:after]))
            at = self.letters.find(wanted, at + 1)
        return _NO_CITATIONS


class Finder:
    """Looks values up in the lines of a document, and in its blocks, whose order columns do not disturb."""

    def __init__(self, document: Document, lines: Sequence[Line], conventions: Conventions) -> None:
        pages = {line.page for line in lines}
        segments = [segment for line in lines for segment in line.segments]
        self._segments = segments
        self._conventions = conventions
        self._streams = (
            _stream([(segment.text, segment.citation) for segment in segments]),
            _stream(
                [
                    (word, Citation(block.page, block.id, block.box))
                    for block in document.blocks
                    if block.page in pages
                    for word in block.text.split()
                ]
            ),
        )

    def cite(self, value: Json) -> tuple[Citation, ...]:
        """Where a text, number or ISO date stands in the document; empty if nowhere."""
        if isinstance(value, bool) or value is None:
            return _NO_CITATIONS
        if isinstance(value, (int, float)):
            return self._number(Decimal(str(value)))
        if not isinstance(value, str):
            return _NO_CITATIONS
        return self._text(value) or (self._date(value[:10]) if _ISO_DATE.match(value) else _NO_CITATIONS)

    def _text(self, value: str) -> tuple[Citation, ...]:
        whole = _letters(value)
        if not whole:
            return _NO_CITATIONS
        for stream in self._streams:
            found = stream.find(whole)
            if found:
                return found
        parts = [_letters(part) for part in re.split(r"[,;\n]", value)]
        parts = [part for part in parts if part]
        if len(parts) < 2:
            return _NO_CITATIONS
        cited = [self._streams[0].find(part) or self._streams[1].find(part) for part in parts]
        return tuple(dict.fromkeys(each for found in cited for each in found)) if all(cited) else _NO_CITATIONS

    def _number(self, value: Decimal) -> tuple[Citation, ...]:
        conventions = [self._conventions, replace(self._conventions, decimal_mark=".")]
        for segment in self._segments:
            for each in conventions:
                amounts = [found.value.amount for found in find_money(segment.text, each)]
                numbers = [found.value for found in find_numbers(segment.text, each)]
                percentages = [found.value for found in find_percentages(segment.text, each)]
                if value in (*amounts, *numbers, *percentages, *(share / 100 for share in percentages)):
                    return (segment.citation,)
        return _NO_CITATIONS

    def _date(self, value: str) -> tuple[Citation, ...]:
        orders = [replace(self._conventions, day_first=first) for first in (True, False)]
        for segment in self._segments:
            if any(found.value == value for order in orders for found in find_dates(segment.text, order)):
                return (segment.citation,)
        return _NO_CITATIONS


def _letters(text: str) -> str:
    return "".join(_words(text))


def _words(text: str) -> list[str]:
    """The words of a text, folded; the digits of one number, whatever its separators, are one word."""
    return [re.sub(r"\W", "", word) for word in re.findall(r"\d+(?:[.,]\d+)+|[^\W_]+", labels.fold(text))]


def _stream(pieces: Sequence[tuple[str, Citation]]) -> _Stream:
    words = [(word, citation) for text, citation in pieces for word in _words(text)]
    starts = [0, *accumulate(len(word) for word, _ in words)][: len(words)]
    return _Stream("".join(word for word, _ in words), tuple(starts), tuple(citation for _, citation in words))
