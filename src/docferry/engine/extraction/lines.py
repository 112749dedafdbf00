"""The lines of a page's text layer, and which of them end before they had to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from liteparse import TextItem

LEVEL = 2.0  # degrees off the horizontal that a line may be


class Line(NamedTuple):
    """A row of text within a block, in points from the page's top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float = 0.0  # of the font

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


class TextRows:
    """A page's level text, to be asked for what lies in a rectangle."""

    def __init__(self, items: Sequence[TextItem]) -> None:
        pieces = [
            Line(
                item.text.strip(),
                item.x,
                item.y,
                item.x + item.width,
                item.y + item.height,
                item.font_size or item.height,
            )
            for item in items
            if not item.rotation or abs((item.rotation + 45) % 90 - 45) <= LEVEL
        ]
        self._pieces = sorted((piece for piece in pieces if piece.text), key=lambda piece: piece.middle)
        self._middles = [piece.middle for piece in self._pieces]
        self.left = min((piece.left for piece in self._pieces), default=0.0)

    @property
    def body_size(self) -> float:
        """The font size of most of the text; 0 without text."""
        lengths: Counter[float] = Counter()
        for piece in self._pieces:
            lengths[round(piece.size, 1)] += len(piece.text)
        return max(lengths, key=lambda size: lengths[size], default=0.0)

    def within(self, left: float, top: float, right: float, bottom: float) -> list[Line]:
        """The text whose middle lies in the rectangle, as lines from top to bottom."""
        first, last = bisect_left(self._middles, top - 1), bisect_right(self._middles, bottom + 1)
        rows: list[list[Line]] = []
        for piece in self._pieces[first:last]:
            if not left - 1 <= (piece.left + piece.right) / 2 <= right + 1:
                continue
            if rows and rows[-1][0].top < piece.middle < rows[-1][0].bottom:
                rows[-1].append(piece)
            else:
                rows.append([piece])
        return [joined(row) if len(row) > 1 else row[0] for row in rows]


def joined(row: Sequence[Line]) -> Line:
    ordered = sorted(row, key=lambda piece: piece.left)
    text = ordered[0].text
    for before, piece in pairwise(ordered):
        apart = piece.left - before.right > 0.12 * (piece.bottom - piece.top)
        text += (" " if apart else "") + piece.text
    return Line(
        text,
        ordered[0].left,
        min(piece.top for piece in row),
        max(piece.right for piece in row),
        max(piece.bottom for piece in row),
        max(piece.size for piece in row),
    )


def hard_breaks(lines: Sequence[Line], margin: float) -> list[bool]:
    """For each line but the last, whether the next line's first word would have fitted before the margin.

    Then the break was meant: an address, a receipt, a list of names; not running text.
    """
    return [margin - line.right > first_word_width(following) for line, following in pairwise(lines)]


def first_word_width(line: Line) -> float:
    """The width of the first word and a space, as its share of the line's characters."""
    return (line.right - line.left) * (len(line.text.split(maxsplit=1)[0]) + 1.5) / max(1, len(line.text))
