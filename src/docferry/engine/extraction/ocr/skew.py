"""How far the content of a picture leans, measured on the picture itself.

The recogniser's boxes only give a first idea: those of short lines are often level where the text is not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from docferry.engine.extraction.ocr.frame import Frame
from docferry.engine.extraction.ocr.rulings import straighten

if TYPE_CHECKING:
    from cv2.typing import MatLike

    from docferry.engine.extraction.pixels import Picture

LOOKED_AT = 1000  # pixels of the longer side: half a pixel at its ends is 0.06 degrees
REACH = 20  # steps to each side of the first idea
STEP, FINE_STEP = 0.1, 0.025  # degrees


def measure_skew(image: Picture, frame: Frame) -> Frame:
    """The frame with the skew, near its own, at which rows of ink and of paper part most sharply."""
    import cv2

    grey = straighten(image, replace(frame, skew=0.0))
    scale = min(1.0, LOOKED_AT / max(grey.shape))
    small = grey if scale == 1.0 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ink = cv2.adaptiveThreshold(small, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 25, 12)
    near = [frame.skew, 0.0, *(frame.skew + step * STEP for step in range(-REACH, REACH + 1))]
    coarse = max(near, key=lambda skew: sharpness(ink, skew))
    fine = [coarse, *(coarse + step * FINE_STEP for step in range(-3, 4))]
    return replace(frame, skew=max(fine, key=lambda skew: sharpness(ink, skew)))


def sharpness(ink: MatLike, skew: float) -> float:
    """How much neighbouring rows differ in ink once the picture is turned back by ``skew`` degrees."""
    import cv2
    import numpy as np

    height, width = ink.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), skew, 1.0)
    rows = cv2.warpAffine(ink, matrix, (width, height), flags=cv2.INTER_NEAREST).sum(axis=1, dtype=np.int64)
    return float(np.square(np.diff(rows)).sum())
