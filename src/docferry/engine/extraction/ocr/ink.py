"""Where the ink of a recognised line is: the recogniser's boxes reach far beyond it, by no fixed measure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from docferry.engine.extraction.ocr.lines import Ink
    from docferry.engine.extraction.pixels import Picture

    Flags = NDArray[np.bool_]

GAP = 0.12  # of the crop's height: an i's dot or an accent is nearer than this to its letter, a ruled line is not
CENTRE = (0.3, 0.7)  # the rows of the crop that hold a part of the text for certain
LEAST_CONTRAST = 25
LEAST_BLANK = 0.3  # of the ink's height: about what a space leaves between two letters

SHORT = set("acemnorsuvwxzæœøıαεικνορςστυω·-–—=+~<>.,;:_")
DESCENDING = set("gjpqyçşţąęßQ,;()[]{}|@$§/µ")
X_HEIGHT, ASCENT, DESCENT = 0.53, 0.725, 0.21  # of the font size, in common text fonts


def find_ink(crop: Picture) -> Ink | None:
    """The text's extent in its crop, in fractions; ``None`` where the picture is too faint to tell."""
    import cv2
    import numpy as np

    from docferry.engine.extraction.ocr.lines import Blank, Ink

    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    threshold, dark = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    ink = dark > 0
    if float(grey.max()) - float(grey.min()) < LEAST_CONTRAST or threshold <= 0:
        return None
    if ink.mean() > 0.5:  # light letters on dark ground
        ink = ~ink
    height, width = ink.shape
    rows = band(np.asarray(ink.sum(axis=1) > max(1, width * 0.004)), round(height * GAP) + 1)
    if rows is None:
        return None
    top, bottom = rows
    letters = without_rules(ink, top, bottom)[top:bottom]
    columns = np.flatnonzero(letters.any(axis=0))
    if not len(columns):
        return None
    left, right = int(columns[0]), int(columns[-1]) + 1
    blanks = tuple(
        Blank((first + 1) / width, second / width, (second - first - 1) / (bottom - top))
        for first, second in pairwise(columns.tolist())
        if second - first - 1 >= LEAST_BLANK * (bottom - top)
    )
    return Ink(left / width, top / height, right / width, bottom / height, blanks)


def band(rows: Flags, gap: int) -> tuple[int, int] | None:
    """First and last-plus-one of the run of inked rows through the centre, over gaps of less than ``gap``."""
    import numpy as np

    height = len(rows)
    inked = np.flatnonzero(rows)
    centre = inked[(inked >= height * CENTRE[0]) & (inked < height * CENTRE[1])]
    if not len(centre):
        return None
    top = bottom = int(centre[len(centre) // 2])
    for row in inked[inked < top][::-1].tolist():
        if top - row > gap:
            break
        top = row
    for row in inked[inked > bottom].tolist():
        if row - bottom > gap:
            break
        bottom = row
    return top, bottom + 1


def without_rules(ink: Flags, top: int, bottom: int) -> Flags:
    """The ink without plumb lines, which go on above and below the text."""
    height = ink.shape[0]
    if top < height * 0.08 or bottom > height * 0.92:
        return ink
    ruled = ink[:top].mean(axis=0) > 0.8
    ruled &= ink[bottom:].mean(axis=0) > 0.8
    cleaned: Flags = ink & ~ruled
    return cleaned


def ink_height(text: str) -> tuple[float, float]:
    """How far the text's ink reaches above and below the baseline, in font sizes."""
    letters = [character for character in text if not character.isspace()]
    above = X_HEIGHT if all(character in SHORT for character in letters) else ASCENT
    below = DESCENT if any(character in DESCENDING for character in letters) else 0.0
    return above, below
