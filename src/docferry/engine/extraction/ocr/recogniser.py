"""The one function through which everything else recognises text: ``ocr(image)``.

RapidOCR does the work: PP-OCR models that come in its wheel, run by onnxruntime; nothing is fetched. Its
steps are called one by one (detect, crop, vote on orientation, recognise) since its single call loses
pages that lie on their side or upside down, and turns narrow characters such as a lone "1".
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from docferry.engine.extraction.errors import OcrUnavailable
from docferry.engine.extraction.ocr.lines import LineWord, OcrLine, Point, Quad

if TYPE_CHECKING:
    from docferry.engine.extraction.pixels import Picture

MIN_SCORE = 0.5  # below it, what was read is noise; the library's own threshold
VOTERS = 24  # lines that are asked whether the page stands on its head
TALL = 1.5  # a box this much higher than wide holds text that runs up or down the page
CACHED_ENGINES = 1


def ocr(image: Picture, threads: int = 2) -> list[OcrLine]:
    """The lines of text in a BGR picture, whichever way it is turned, each with its quad and confidence (0..1)."""
    engine = load_engine(threads)
    boxes = engine(image, use_det=True, use_cls=False, use_rec=False).boxes
    if boxes is None or not len(boxes):
        return []
    quads = [to_quad(box) for box in boxes]
    sideways = runs_sideways(quads)
    quads = [turn_quad(quad) if is_turned(quad, sideways) else quad for quad in quads]
    crops = [crop(image, quad) for quad in quads]
    if stands_on_head(engine, quads, crops):
        quads = [turn_quad(turn_quad(quad)) for quad in quads]
        crops = [picture[::-1, ::-1].copy() for picture in crops]
    return read_crops(engine, quads, crops)


@lru_cache(maxsize=CACHED_ENGINES)
def load_engine(threads: int) -> Any:
    """The models, loaded once for each process."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise OcrUnavailable(
            "the document needs text recognition, which is not installed; install docferry[engine]"
        ) from error
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.return_word_box": True,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,  # else it pins threads, which containers refuse
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def read_crops(engine: Any, quads: list[Quad], crops: list[Picture]) -> list[OcrLine]:
    found = engine.recognize_txt(crops)
    lines = []
    for quad, text, score, info in zip(quads, found.txts, found.scores, found.word_results, strict=True):
        if text.strip() and score >= MIN_SCORE:
            lines.append(OcrLine(quad, text.strip(), float(score), line_words(text, info)))
    return lines


def line_words(text: str, info: Any) -> tuple[LineWord, ...]:
    """The line's words with their extent, from the time steps at which their characters were read."""
    columns = [column for word in info.word_cols for column in word]
    steps = max(float(info.line_txt_len), 1.0)
    if len(columns) != sum(not character.isspace() for character in text) or len(info.confs) != len(text):
        return ()
    words, place, index = [], 0, 0
    for part in text.split():
        index = text.index(part, index)
        confidences = info.confs[index : index + len(part)]
        first, last = columns[place], columns[place + len(part) - 1]
        start, end = max(0.0, (first - 0.5) / steps), min(1.0, (last + 1.5) / steps)
        words.append(LineWord(part, start, max(start, end), sum(confidences) / len(confidences)))
        place, index = place + len(part), index + len(part)
    return tuple(words)


def to_quad(box: Any) -> Quad:
    first, second, third, fourth = ((float(x), float(y)) for x, y in box)
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


def is_turned(quad: Quad, sideways: bool) -> bool:
    """Whether this box's text runs up or down: as the page's does, or much longer that way than a character."""
    width, height = sides(quad)
    return width < TALL * 2 * height if sideways else height > TALL * 2 * width


def stands_on_head(engine: Any, quads: list[Quad], crops: list[Picture]) -> bool:
    """Whether most of the longest lines are upside down, as the classifier sees them."""
    order = sorted(range(len(quads)), key=lambda place: -sides(quads[place])[0])[:VOTERS]
    verdicts = engine.cls_and_rotate([crops[place] for place in order])[1].cls_res
    votes = sum(float(score) if "180" in label else -float(score) for label, score in verdicts)
    return votes > 0


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
