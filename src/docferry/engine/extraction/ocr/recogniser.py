"""The one function through which everything else recognises text: ``ocr(image)``.

RapidOCR does the work: PP-OCR models that come in its wheel, run by onnxruntime; nothing is fetched. Its
steps are called one by one (detect, crop, vote on orientation, recognise) since its single call loses
pages that lie on their side or upside down, and turns narrow characters such as a lone "1".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from docferry.engine.extraction.ocr.characters import part_digits, place_characters, words_of
from docferry.engine.extraction.ocr.ink import find_ink
from docferry.engine.extraction.ocr.lines import TYPICAL_INK, OcrLine, Point, Quad
from docferry.engine.extraction.ocr.models import load_engine

if TYPE_CHECKING:
    from docferry.engine.extraction.pixels import Picture

DOUBTFUL = 0.8  # mean confidence below which the other way up is tried too: upside down gives about 0.56
VOTER_ASPECT = 4  # width over height of what the classifier sees
MIN_SCORE = 0.5  # below it, what was read is noise; the library's own threshold
VOTERS = 24  # lines that are asked whether the page stands on its head
DETECT_SIDE = 1600  # pixels of the longer side in which lines are looked for; at 1280 five-point text is lost
LEAST_SIDE = 736  # a picture with a shorter side would be blown up by the library, at great cost
TALL = 1.5  # a box this much higher than wide holds text that runs up or down the page


def ocr(image: Picture, threads: int = 2) -> list[OcrLine]:
    """The lines of text in a BGR picture, whichever way it is turned, each with its quad and confidence (0..1)."""
    import numpy as np

    engine = load_engine(threads)
    quads = detect(engine, image)
    sideways = runs_sideways(quads)
    if sideways:  # the detector overlooks lone characters that lie on their side
        image = np.ascontiguousarray(np.rot90(image))
        quads = detect(engine, image)
    if not quads:
        return []
    quads = [turn_quad(quad) if runs_down(quad) else quad for quad in quads]
    crops = [crop(image, quad) for quad in quads]
    on_head = stands_on_head(engine, quads, crops)
    lines = read_crops(engine, quads, crops, on_head)
    if mean_confidence(lines) < DOUBTFUL:
        other = read_crops(engine, quads, crops, not on_head)
        lines = max(lines, other, key=mean_confidence)
    return [line._replace(quad=lay_back(line.quad, image.shape[0])) for line in lines] if sideways else lines


def detect(engine: Any, image: Picture) -> list[Quad]:
    """The boxes of lines of text, in the picture's pixels, their corners from the top left clockwise."""
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    scale = min(1.0, DETECT_SIDE / max(height, width))
    small = image if scale == 1.0 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    below, beside = max(0, LEAST_SIDE - small.shape[0]), max(0, LEAST_SIDE - small.shape[1])
    if below or beside:
        paper = [float(value) for value in np.median(small, axis=(0, 1))]
        small = cv2.copyMakeBorder(small, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=paper)
    boxes = engine(small, use_det=True, use_cls=False, use_rec=False).boxes
    return [] if boxes is None else [to_quad(box, scale) for box in boxes]


def lay_back(quad: Quad, width: int) -> Quad:
    """The quad on the picture as it was before its quarter turn anticlockwise; ``width`` was its width."""
    first, second, third, fourth = ((width - y, x) for x, y in quad)
    return first, second, third, fourth


def mean_confidence(lines: list[OcrLine]) -> float:
    """The mean confidence by characters; 0 for nothing."""
    characters = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / characters if characters else 0.0


def read_crops(engine: Any, quads: list[Quad], crops: list[Picture], on_head: bool) -> list[OcrLine]:
    """The text of each crop, whose picture stands on its head if told so."""
    if on_head:
        quads = [turn_quad(turn_quad(quad)) for quad in quads]
        crops = [picture[::-1, ::-1].copy() for picture in crops]
    found = engine.recognize_txt(crops)
    lines = []
    for picture, quad, text, score, info in zip(
        crops, quads, found.txts, found.scores, found.word_results, strict=True
    ):
        if text.strip() and score >= MIN_SCORE:
            characters = place_characters(text, info.word_cols, info.confs)
            ink = find_ink(picture) or TYPICAL_INK
            spaced = part_digits(characters, float(info.line_txt_len), ink.blanks)
            text = "".join(character.text for character in spaced) if spaced else text
            words = words_of(spaced, float(info.line_txt_len))
            lines.append(OcrLine(quad, text.strip(), float(score), words, ink))
    return lines


def to_quad(box: Any, scale: float) -> Quad:
    first, second, third, fourth = ((float(x) / scale, float(y) / scale) for x, y in box)
    return first, second, third, fourth


def turn_quad(quad: Quad) -> Quad:
    """The same box read a quarter turn clockwise: its right edge becomes the top."""
    return quad[1], quad[2], quad[3], quad[0]


def sides(quad: Quad) -> tuple[float, float]:
    width = max(math.dist(quad[0], quad[1]), math.dist(quad[3], quad[2]))
    height = max(math.dist(quad[0], quad[3]), math.dist(quad[1], quad[2]))
    return width, height


def runs_sideways(quads: list[Quad]) -> bool:
    """Whether most of the text, by length, runs up or down the picture."""
    tall = wide = 0.0
    for quad in quads:
        width, height = sides(quad)
        if height > TALL * width:
            tall += height
        elif width > TALL * height:
            wide += width
    return tall > wide


def runs_down(quad: Quad) -> bool:
    """Whether a box is so much higher than wide that it is no narrow character but text up or down the page."""
    width, height = sides(quad)
    return height > TALL * 2 * width


def stands_on_head(engine: Any, quads: list[Quad], crops: list[Picture]) -> bool:
    """Whether most of the longest lines are upside down, as the classifier sees them."""
    order = sorted(range(len(quads)), key=lambda place: -sides(quads[place])[0])[:VOTERS]
    verdicts = engine.cls_and_rotate([head(crops[place]) for place in order])[1].cls_res
    votes = sum(float(score) if "180" in label else -float(score) for label, score in verdicts)
    return votes > 0


def head(picture: Picture) -> Picture:
    """The beginning of a line, as long as the classifier looks at; it would squeeze a long line beyond reading."""
    return picture[:, : picture.shape[0] * VOTER_ASPECT]


def crop(image: Picture, quad: Quad) -> Picture:
    """The quad's content as an upright picture."""
    import cv2
    import numpy as np

    width, height = (max(2, round(side)) for side in sides(quad))
    source = np.array(quad, dtype=np.float32)
    corners: tuple[Point, ...] = ((0, 0), (width, 0), (width, height), (0, height))
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, dtype=np.float32))
    cut = cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, dtype=np.uint8)
