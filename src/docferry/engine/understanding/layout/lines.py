"""The document as lines of segments: what stands together on a line, and what stands apart by a gap."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docferry.engine.extraction.model import Block, BlockKind, Box, Document, Page, Word
from docferry.engine.understanding.answers import Citation

_GAP_IN_HEIGHTS = 0.8  # a wider gap than this, in line heights, is a new segment
_SAME_LINE_OVERLAP = 0.5
_A4_HEIGHT_BY_WIDTH = 1.414
_MAX_ANGLE = 15.0
_RULE = re.compile(r"\s*|[-_=.·*~—–]{3,}")  # nothing, or a line drawn with characters


@dataclass(frozen=True, slots=True)
class Segment:
    """Text without a wide gap in it. ``line`` and ``place`` tell where it stands in ``Lines``."""

    text: str
    page: int
    line: int
    place: int
    block_id: str | None
    box: Box | None
    confidence: float = 1.0
    words: tuple[Word, ...] = ()

    @property
    def citation(self) -> Citation:
        return Citation(self.page, self.block_id, self.box)


@dataclass(frozen=True, slots=True)
class Line:
    """Segments side by side, from left to right. ``table`` names the table block whose row it is, if it is one."""

    segments: tuple[Segment, ...]
    page: int
    top: float | None
    bottom: float | None
    table: str | None = None

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @property
    def height(self) -> float:
        return (self.bottom - self.top) if self.top is not None and self.bottom is not None else 0.0


def lines_of(document: Document, pages: Sequence[int] | None = None) -> tuple[Line, ...]:
    """The lines of the wanted pages (all by default): from the words where a page has them, else from its blocks.

    Rows of tables come once more as lines of their own where cells hold several lines, because the lines of
    such a page cut through the cells.
    """
    wanted = None if pages is None else set(pages)
    lines: list[Line] = []
    for page in document.pages:
        if wanted is not None and page.number not in wanted:
            continue
        if page.words:
            lines.extend(_lines_of_words(page, len(lines)))
            lines.extend(_lines_of_blocks(_beyond_the_words(page), page.number, len(lines)))
        else:
            lines.extend(_lines_of_blocks(page.blocks, page.number, len(lines)))
    return tuple(lines)


def _beyond_the_words(page: Page) -> Iterable[Block]:
    """The blocks that say more than the page's words do: form fields, and tables with cells of several lines."""
    for block in page.blocks:
        has_tall_cells = block.table is not None and any("\n" in cell.text for cell in block.table.cells)
        if block.kind is BlockKind.FORM_FIELD or has_tall_cells:
            yield block


def _lines_of_words(page: Page, first_line: int) -> list[Line]:
    height_by_width = _A4_HEIGHT_BY_WIDTH
    if page.width and page.height:
        height_by_width = page.height / page.width
    upright = [word for word in page.words if abs(word.box.angle) <= _MAX_ANGLE and not _RULE.fullmatch(word.text)]
    lines: list[Line] = []
    for words in _rows(upright):
        number = first_line + len(lines)
        groups = _split_at_gaps(sorted(words, key=lambda word: word.box.left), height_by_width)
        segments = tuple(_segment(group, page, number, place) for place, group in enumerate(groups))
        lines.append(
            Line(segments, page.number, min(word.box.top for word in words), max(word.box.bottom for word in words))
        )
    return lines


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Words by lines, from the top: a word belongs to a line whose middle it covers for the most part."""
    rows: list[tuple[list[Word], float, float]] = []
    for word in sorted(words, key=lambda each: (each.box.top + each.box.bottom, each.box.left)):
        best, best_overlap = None, _SAME_LINE_OVERLAP
        for index in range(max(0, len(rows) - 4), len(rows)):
            _, top, bottom = rows[index]
            shared = min(bottom, word.box.bottom) - max(top, word.box.top)
            overlap = shared / max(1e-9, min(bottom - top, word.box.bottom - word.box.top))
            if overlap >= best_overlap:
                best, best_overlap = index, overlap
        if best is None:
            rows.append(([word], word.box.top, word.box.bottom))
        else:
            members, top, bottom = rows[best]
            members.append(word)
            # The line keeps the extent of its tallest word's middle: otherwise skewed lines would grow into the next.
            rows[best] = (members, min(top, word.box.top) if len(members) < 3 else top, bottom)
    ordered = sorted(rows, key=lambda row: (row[1] + row[2], row[0][0].box.left))
    return [row[0] for row in ordered]


def _split_at_gaps(words: Sequence[Word], height_by_width: float) -> list[list[Word]]:
    groups: list[list[Word]] = []
    for word in words:
        if groups:
            before = groups[-1][-1]
            height = min(before.box.bottom - before.box.top, word.box.bottom - word.box.top) * height_by_width
            if word.box.left - before.box.right <= _GAP_IN_HEIGHTS * height:
                groups[-1].append(word)
                continue
        groups.append([word])
    return groups


def _segment(words: Sequence[Word], page: Page, line: int, place: int) -> Segment:
    box = Box(
        min(word.box.left for word in words),
        min(word.box.top for word in words),
        max(word.box.right for word in words),
        max(word.box.bottom for word in words),
    )
    confidence = min((word.confidence for word in words if word.confidence is not None), default=1.0)
    text = " ".join(word.text.strip() for word in words)
    return Segment(text, page.number, line, place, _block_at(page, box), box, confidence, tuple(words))


def _block_at(page: Page, box: Box) -> str | None:
    """The smallest block that holds the middle of ``box``, else the one nearest to it."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    best, best_rank = None, (float("inf"), float("inf"))
    for block in page.blocks:
        if block.box is None:
            continue
        away = max(block.box.left - x, x - block.box.right, 0) + max(block.box.top - y, y - block.box.bottom, 0)
        area = (block.box.right - block.box.left) * (block.box.bottom - block.box.top)
        if (away, area) < best_rank:
            best, best_rank = block.id, (away, area)
    return best


def _lines_of_blocks(blocks: Iterable[Block], page: int, first_line: int) -> list[Line]:
    lines: list[Line] = []

    def add(texts: Sequence[tuple[str, Box | None, float | None]], block: Block, table: str | None) -> None:
        number = first_line + len(lines)
        segments = tuple(
            Segment(text, page, number, place, block.id, box or block.box, 1.0 if confidence is None else confidence)
            for place, (text, box, confidence) in enumerate(texts)
        )
        if segments:
            lines.append(Line(segments, page, None, None, table))

    for block in blocks:
        if block.table is not None:
            for row in range(block.table.rows):
                cells = sorted((cell for cell in block.table.cells if cell.row == row), key=lambda cell: cell.column)
                add([(" ".join(c.text.split()), c.box, c.confidence) for c in cells if c.text.strip()], block, block.id)
        elif block.kind is BlockKind.FORM_FIELD and block.label:
            add([(block.label, block.box, None), (block.text, block.box, block.confidence)], block, None)
        else:
            for text in block.text.splitlines():
                parts = [part.strip() for part in re.split(r"\t+|\s{3,}", text) if part.strip()]
                add([(part, None, block.confidence) for part in parts], block, None)
    return lines
