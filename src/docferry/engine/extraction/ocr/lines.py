"""What a recogniser gives back: lines of text where they stand in the picture."""

from __future__ import annotations

import math
from typing import NamedTuple

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]


class LineWord(NamedTuple):
    """A word of a line; ``start`` and ``end`` are fractions of the line's length in reading direction."""

    text: str
    start: float
    end: float
    confidence: float


class Blank(NamedTuple):
    """Columns of a line without ink: where, in fractions of its length, and how wide, in heights of its ink."""

    start: float
    end: float
    width: float


class Ink(NamedTuple):
    """Where the ink of a line is within its quad, in fractions of the quad's length and height."""

    left: float
    top: float
    right: float
    bottom: float
    blanks: tuple[Blank, ...] = ()


# Where it cannot be seen: the recogniser's boxes are inflated until neighbouring rows touch.
TYPICAL_INK = Ink(0.02, 0.175, 0.98, 0.825)


class OcrLine(NamedTuple):
    """A line of text. The quad's corners are pixels in reading order: the text's own top left comes first."""

    quad: Quad
    text: str
    confidence: float
    words: tuple[LineWord, ...] = ()
    ink: Ink = TYPICAL_INK

    @property
    def length(self) -> float:
        return math.dist(self.quad[0], self.quad[1])

    @property
    def height(self) -> float:
        return math.dist(self.quad[0], self.quad[3])

    @property
    def direction(self) -> float:
        """Degrees from the picture's x axis to the reading direction, clockwise, -180 to 180."""
        (left, top), (right, bottom) = self.quad[0], self.quad[1]
        return math.degrees(math.atan2(bottom - top, right - left))
