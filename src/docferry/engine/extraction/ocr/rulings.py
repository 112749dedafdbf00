"""The ruled lines of a table in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docferry.engine.extraction.ocr.frame import Frame
from docferry.engine.extraction.ocr.sheet import Rule

if TYPE_CHECKING:
    from cv2.typing import MatLike

    from docferry.engine.extraction.pixels import Picture

SHORTEST = 1 / 40  # of the page's longer side: what is shorter is a letter's stroke
THICKEST = 1 / 150
MOST = 2000  # lines; more are hatching or noise


def straighten(image: Picture, frame: Frame) -> Picture:
    """The picture as grey values, upright and without skew, at the frame's upright size."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    grey = np.ascontiguousarray(np.rot90(grey, frame.turns))
    if abs(frame.skew) < 0.02:
        return np.asarray(grey, dtype=np.uint8)
    height, width = grey.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), frame.skew, 1.0)
    turned = cv2.warpAffine(grey, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(255.0,))
    return np.asarray(turned, dtype=np.uint8)


def find_rules(image: Picture, frame: Frame) -> list[Rule]:
    """Level and plumb lines on the upright page, in its pixels."""
    import cv2

    grey = straighten(image, frame)
    height, width = grey.shape[:2]
    dark = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 25, 12)
    shortest = max(20, round(max(height, width) * SHORTEST))
    level = cv2.morphologyEx(dark, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, (shortest, 1)))
    plumb = cv2.morphologyEx(dark, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, (1, shortest)))
    thickest = max(6, round(max(height, width) * THICKEST))
    rules = [*segments(level, thickest, is_level=True), *segments(plumb, thickest, is_level=False)]
    return rules if len(rules) <= MOST else []


def segments(mask: MatLike, thickest: int, *, is_level: bool) -> list[Rule]:
    """The mask's strokes as lines through their middles."""
    import cv2
    import numpy as np

    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 9) if is_level else (9, 3), dtype=np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    rules = []
    for left, top, width, height, _ in stats[1:].tolist():
        if is_level and height <= thickest:
            rules.append(Rule(left, top + height / 2, left + width, top + height / 2))
        elif not is_level and width <= thickest:
            rules.append(Rule(left + width / 2, top, left + width / 2, top + height))
    return rules
