"""A picture of a page to the model's page: recognise, straighten, lay out, map the boxes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from docferry.engine.extraction.layout import page_from_layout, parse_layout
from docferry.engine.extraction.model import Block, Box, Cell, Page, Table, Word
from docferry.engine.extraction.ocr.frame import Frame, find_frame, upright_box
from docferry.engine.extraction.ocr.lines import OcrLine
from docferry.engine.extraction.ocr.recogniser import ocr
from docferry.engine.extraction.ocr.rulings import find_rules
from docferry.engine.extraction.ocr.sheet import Piece, Rule, sheet_pdf

if TYPE_CHECKING:
    from docferry.engine.extraction.pixels import Picture

SIZE_STEP = 1.3  # sizes nearer than this to each other are one size: measured heights vary with the letters
WIDE_GAP = 1.6  # letter heights between two words that stand in different columns
TYPICAL_GLYPH = 1.45  # font size over the height of a shrunk box


def page_from_picture(image: Picture, number: int, width: float, height: float, *, words: bool, threads: int) -> Page:
    """The page, of ``width`` and ``height`` points as shown; boxes lie on the picture as it came."""
    pixels_high, pixels_wide = image.shape[:2]
    lines = ocr(image, threads)
    frame = find_frame(lines, pixels_wide, pixels_high)
    rotation = (4 - frame.turns) % 4 * 90
    if not lines:
        return Page(number, width, height, (), source="ocr", rotation=rotation)
    upright_width, upright_height = (height, width) if frame.turns % 2 else (width, height)
    scale = upright_width / frame.upright_size[0]
    boxes = [scaled(upright_box(line, frame), scale) for line in lines]
    rules = [Rule(*(value * scale for value in rule)) for rule in find_rules(image, frame)]
    sheet = sheet_pdf(upright_width, upright_height, pieces_of(lines, boxes), rules)
    laid_out = page_from_layout(parse_layout(sheet)[0])
    located = [
        Located(fractions(box, upright_width, upright_height), line) for line, box in zip(lines, boxes, strict=True)
    ]
    blocks = tuple(place_block(block, number, located, frame) for block in laid_out.blocks)
    return Page(number, width, height, blocks, page_words(located, frame) if words else (), "ocr", rotation)


class Located:
    """A recognised line and its box on the upright page, in fractions."""

    def __init__(self, box: Box, line: OcrLine) -> None:
        self.box = box
        self.line = line


def scaled(box: Box, scale: float) -> Box:
    return Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale)


def fractions(box: Box, width: float, height: float) -> Box:
    return Box(box.left / width, box.top / height, box.right / width, box.bottom / height)


def pieces_of(lines: Sequence[OcrLine], boxes: Sequence[Box]) -> list[Piece]:
    """The lines as pieces of text; a line that reaches across columns is cut at its wide gaps."""
    sizes = steady_sizes([(box.bottom - box.top) * TYPICAL_GLYPH for box in boxes])
    return [piece for line, box, size in zip(lines, boxes, sizes, strict=True) for piece in cut_line(line, box, size)]


def steady_sizes(sizes: Sequence[float]) -> list[float]:
    """Font sizes in steps from the commonest one, so that one text has one size."""
    common = max(0.5, median(sizes))
    return [common * SIZE_STEP ** round(math.log(max(size, 0.1) / common, SIZE_STEP)) for size in sizes]


def cut_line(line: OcrLine, box: Box, size: float) -> list[Piece]:
    length = box.right - box.left
    groups: list[list[int]] = []
    for index, word in enumerate(line.words):
        gap = (word.start - line.words[index - 1].end) * length if index else 0.0
        if not index or gap > WIDE_GAP * size:
            groups.append([])
        groups[-1].append(index)
    if len(groups) < 2:
        return [Piece(line.text, box, size)]
    pieces = []
    for group in groups:
        words = [line.words[index] for index in group]
        left, right = box.left + words[0].start * length, box.left + words[-1].end * length
        pieces.append(Piece(" ".join(word.text for word in words), Box(left, box.top, right, box.bottom), size))
    return pieces


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
        length = box.right - box.left
        for word in line.words:
            part = Box(box.left + word.start * length, box.top, box.left + word.end * length, box.bottom)
            words.append(Word(word.text, frame.original(part), word.confidence))
        if not line.words:
            words.append(Word(line.text, frame.original(box), line.confidence))
    return tuple(words)
