"""A picture of a page to the model's page: recognise, straighten, lay out, map the boxes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from docferry.engine.extraction.layout import page_from_layout, parse_layout
from docferry.engine.extraction.model import Block, Box, Cell, Page, Table, Word
from docferry.engine.extraction.ocr.frame import Frame, find_frame, upright_box
from docferry.engine.extraction.ocr.ink import ink_height
from docferry.engine.extraction.ocr.lines import LineWord, OcrLine
from docferry.engine.extraction.ocr.recogniser import ocr
from docferry.engine.extraction.ocr.rulings import find_rules
from docferry.engine.extraction.ocr.sheet import Piece, Rule, sheet_pdf
from docferry.engine.extraction.ocr.skew import measure_skew
from docferry.engine.extraction.recall import Item, mend

if TYPE_CHECKING:
    from docferry.engine.extraction.pixels import Picture

SIZE_STEP = 1.25
SAME_SIZE = 1.18  # sizes nearer than this to the common one are that: measured heights vary with the letters
WIDE_GAP = 1.2  # font sizes between two words that stand in different columns


def page_from_picture(
    image: Picture, number: int, width: float, height: float, *, words: bool, threads: int
) -> tuple[Page, str | None]:
    """The page, of ``width`` and ``height`` points as shown, and a warning if text is lacking.

    Boxes lie on the picture as it came.
    """
    pixels_high, pixels_wide = image.shape[:2]
    lines = ocr(image, threads)
    frame = find_frame(lines, pixels_wide, pixels_high)
    rotation = (4 - frame.turns) % 4 * 90
    if not lines:
        return Page(number, width, height, (), source="ocr", rotation=rotation), "no text was recognised"
    frame = measure_skew(image, frame)
    upright_width, upright_height = (height, width) if frame.turns % 2 else (width, height)
    scale = upright_width / frame.upright_size[0]
    boxes = [scaled(upright_box(line, frame), scale) for line in lines]
    rules = [Rule(*(value * scale for value in rule)) for rule in find_rules(image, frame)]
    sheet = sheet_pdf(upright_width, upright_height, pieces_of(lines, boxes), rules)
    located = [
        Located(line.text, fractions(box, upright_width, upright_height), line)
        for line, box in zip(lines, boxes, strict=True)
    ]
    laid_out = page_from_layout(parse_layout(sheet).pages[0])
    complete, warning = mend(laid_out, [Item(text, box) for text, box, _ in located])
    blocks = tuple(place_block(block, number, located, frame) for block in complete.blocks)
    return Page(number, width, height, blocks, page_words(located, frame) if words else (), "ocr", rotation), warning


class Located(NamedTuple):
    """A recognised line and its box on the upright page, in fractions."""

    text: str
    box: Box
    line: OcrLine


def scaled(box: Box, scale: float) -> Box:
    return Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale)


def fractions(box: Box, width: float, height: float) -> Box:
    return Box(box.left / width, box.top / height, box.right / width, box.bottom / height)


def pieces_of(lines: Sequence[OcrLine], boxes: Sequence[Box]) -> list[Piece]:
    """The lines as pieces of text; a line that reaches across columns is cut at its wide gaps."""
    reaches = [ink_height(line.text) for line in lines]
    sizes = steady_sizes(
        [(box.bottom - box.top) / (above + below) for box, (above, below) in zip(boxes, reaches, strict=True)],
        [len(line.text) for line in lines],
    )
    common = median(size for line, size in zip(lines, sizes, strict=True) for _ in line.text)
    pieces: list[Piece] = []
    for line, box, (above, below), size in zip(lines, boxes, reaches, sizes, strict=True):
        baseline = box.bottom - (box.bottom - box.top) * below / (above + below)
        # The layout engine takes a single large word for a heading only in bold; print of that size is.
        pieces.extend(piece._replace(bold=size > common * 1.1) for piece in cut_line(line, box, baseline, size))
    return pieces


def steady_sizes(sizes: Sequence[float], lengths: Sequence[int]) -> list[float]:
    """Font sizes in steps from the middle one of all characters, so that one text has one size."""
    common = max(0.5, median(size for size, length in zip(sizes, lengths, strict=True) for _ in range(length)))
    return [common * SIZE_STEP ** steps_from(max(size, 0.1) / common) for size in sizes]


def steps_from(ratio: float) -> int:
    """How many steps a size is off the common one; what is nearly the common size is the common size."""
    if 1 / SAME_SIZE <= ratio <= SAME_SIZE:
        return 0
    return round(math.log(ratio, SIZE_STEP)) or (1 if ratio > 1 else -1)


def cut_line(line: OcrLine, box: Box, baseline: float, size: float) -> list[Piece]:
    groups: list[list[LineWord]] = []
    extents = [word_extent(word, line, box) for word in line.words]
    for index, word in enumerate(line.words):
        if not index or extents[index][0] - extents[index - 1][1] > WIDE_GAP * size:
            groups.append([])
        groups[-1].append(word)
    if len(groups) < 2:
        return [Piece(line.text, box.left, box.right, baseline, size)]
    return [
        Piece(
            " ".join(word.text for word in group),
            word_extent(group[0], line, box)[0],
            word_extent(group[-1], line, box)[1],
            baseline,
            size,
        )
        for group in groups
    ]


def word_extent(word: LineWord, line: OcrLine, box: Box) -> tuple[float, float]:
    """Where a word begins and ends, in the measure of the box, which is that of the line's ink."""
    ink_length = max(1e-6, line.ink.right - line.ink.left)
    start, end = ((place - line.ink.left) / ink_length for place in (word.start, word.end))
    length = box.right - box.left
    return box.left + max(0.0, start) * length, box.left + min(1.0, max(start, end)) * length


def place_block(block: Block, number: int, located: Sequence[Located], frame: Frame) -> Block:
    """The block on the picture as it came, with the confidence of the lines it was made of."""
    return replace(
        block,
        page=number,
        box=None if block.box is None else frame.original(block.box),
        confidence=confidence_within(block.box, located),
        table=None if block.table is None else place_table(block.table, located, frame),
    )


def place_table(table: Table, located: Sequence[Located], frame: Frame) -> Table:
    def place(cell: Cell) -> Cell:
        box = None if cell.box is None else frame.original(cell.box)
        return replace(cell, box=box, confidence=confidence_within(cell.box, located))

    return replace(table, cells=tuple(place(cell) for cell in table.cells))


def confidence_within(box: Box | None, located: Sequence[Located]) -> float | None:
    """The mean confidence of the lines whose middle lies in the box, by their length."""
    if box is None:
        return None
    inside = [item.line for item in located if holds_middle(box, item.box)]
    weight = sum(len(line.text) for line in inside)
    return sum(line.confidence * len(line.text) for line in inside) / weight if weight else None


def holds_middle(outer: Box, inner: Box) -> bool:
    x, y = (inner.left + inner.right) / 2, (inner.top + inner.bottom) / 2
    return outer.left <= x <= outer.right and outer.top <= y <= outer.bottom


def page_words(located: Sequence[Located], frame: Frame) -> tuple[Word, ...]:
    """Every word with its box on the picture as it came; a line without known words is one word."""
    words = []
    for item in located:
        box, line = item.box, item.line
        for word in line.words:
            left, right = word_extent(word, line, box)
            words.append(Word(word.text, frame.original(Box(left, box.top, right, box.bottom)), word.confidence))
        if not line.words:
            words.append(Word(line.text, frame.original(box), line.confidence))
    return tuple(words)
