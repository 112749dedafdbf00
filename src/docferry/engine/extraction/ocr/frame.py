"""From the picture as it came to the page as one reads it, and back: quarter turns and skew, as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from docferry.engine.extraction.geometry import turn_box
from docferry.engine.extraction.model import Box
from docferry.engine.extraction.ocr.lines import OcrLine, Point

LONG = 4.0  # a line this much longer than high tells the skew reliably
MAX_SKEW = 20.0


@dataclass(frozen=True)
class Frame:
    """How the picture's content lies: ``turns`` quarter turns clockwise, then ``skew`` degrees clockwise."""

    width: float  # pixels of the picture as it came
    height: float
    turns: int
    skew: float

    @property
    def upright_size(self) -> tuple[float, float]:
        return (self.height, self.width) if self.turns % 2 else (self.width, self.height)

    def upright(self, point: Point) -> Point:
        """Where a pixel of the picture stands on the upright, straightened page (same centre, no cropping)."""
        width, height = self.upright_size
        x, y = rotate((point[0] - self.width / 2, point[1] - self.height / 2), -90.0 * self.turns - self.skew)
        return x + width / 2, y + height / 2

    def original(self, box: Box) -> Box:
        """A box of the upright page, in fractions, as a box turned by the skew on the picture as it came."""
        width, height = self.upright_size
        centre = ((box.left + box.right) / 2 * width - width / 2, (box.top + box.bottom) / 2 * height - height / 2)
        x, y = rotate(centre, self.skew)
        half_width, half_height = (box.right - box.left) / 2, (box.bottom - box.top) / 2
        across, down = x / width + 0.5, y / height + 0.5
        moved = Box(across - half_width, down - half_height, across + half_width, down + half_height, self.skew)
        return turn_box(moved, self.turns)


def rotate(point: Point, degrees: float) -> Point:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return point[0] * cosine - point[1] * sine, point[0] * sine + point[1] * cosine


def find_frame(lines: Sequence[OcrLine], width: float, height: float) -> Frame:
    """The frame in which most of the lines are level, judged by the long ones."""
    if not lines:
        return Frame(width, height, 0, 0.0)
    telling = [line for line in lines if line.length >= LONG * line.height] or list(lines)
    lengths = [0.0] * 4
    for line in telling:
        lengths[quarter(line.direction)] += line.length
    turns = max(range(4), key=lambda turn: lengths[turn])
    leanings = [lean(line.direction) for line in telling if quarter(line.direction) == turns]
    skew = median(leanings) if leanings else 0.0
    return Frame(width, height, turns, skew if abs(skew) <= MAX_SKEW else 0.0)


def quarter(direction: float) -> int:
    return round(direction / 90.0) % 4


def lean(direction: float) -> float:
    """How far a direction is off the nearest quarter turn, -45 to 45."""
    return (direction + 45.0) % 90.0 - 45.0


def upright_box(line: OcrLine, frame: Frame) -> Box:
    """The box of the line's ink on the upright page, in pixels."""
    along, down = line.quad[1], line.quad[3]
    first = line.quad[0]
    middle_x, middle_y = (line.ink.left + line.ink.right) / 2, (line.ink.top + line.ink.bottom) / 2
    x, y = frame.upright(
        (
            first[0] + (along[0] - first[0]) * middle_x + (down[0] - first[0]) * middle_y,
            first[1] + (along[1] - first[1]) * middle_x + (down[1] - first[1]) * middle_y,
        )
    )
    width, height = line.length * (line.ink.right - line.ink.left), line.height * (line.ink.bottom - line.ink.top)
    if quarter(line.direction) % 2 != frame.turns % 2:
        width, height = height, width
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
