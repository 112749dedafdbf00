"""What the layout engine leaves undone: breaks that were meant, and columns of a list set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from docferry.engine.extraction.building import table_from_rows, table_text
from docferry.engine.extraction.footmarks import tag_footnotes
from docferry.engine.extraction.geometry import union
from docferry.engine.extraction.lines import Line, TextRows, hard_breaks
from docferry.engine.extraction.model import Block, BlockKind, Box, Table

if TYPE_CHECKING:
    from liteparse import ParsedPage

SHARE_HARD = 0.7  # of a block's breaks must be meant, else it is running text with a short line in it
LEAST_ROWS = 2
FEW_WORDS = 2
MOST_WORDS = 8  # in a cell of a list: longer lines are prose in columns


class Seen(NamedTuple):
    """A block, its lines, and for each line but the last whether the break after it was meant."""

    block: Block
    lines: list[Line]
    breaks: list[bool]

    @property
    def is_list(self) -> bool:
        """Whether the lines stand for themselves."""
        return bool(self.breaks) and sum(self.breaks) >= SHARE_HARD * len(self.breaks)


def refine(blocks: Sequence[Block], page: ParsedPage) -> list[Block]:
    """The page's blocks with meant breaks kept, level lists side by side made one table, and footnotes told."""
    rows = TextRows(page.text_items)
    margin = rows.left / page.width
    seen = [look_at(block, rows, page, right_limit(block, blocks, margin)) for block in blocks]
    refined: list[Block] = []
    index = 0
    while index < len(seen):
        group = columns_from(seen, index)
        if not any(column.is_list for column in group):
            group = group[:1]
        refined.append(side_by_side(group, page) if len(group) > 1 else broken(seen[index]))
        index += len(group)
    return tag_footnotes(refined, rows, page.width, page.height)


def right_limit(block: Block, blocks: Sequence[Block], margin: float) -> float:
    """How far to the right the block's lines could have run, as a fraction of the page.

    Up to the next block that stands beside it, else to a margin as wide as the page's left one.
    """
    if block.box is None:
        return 1.0
    beside = [
        other.box.left
        for other in blocks
        if other.box is not None
        and other.box.left >= block.box.right
        and other.box.top < block.box.bottom
        and other.box.bottom > block.box.top
    ]
    return max(block.box.right, min(beside, default=1 - margin))


def look_at(block: Block, rows: TextRows, page: ParsedPage, limit: float) -> Seen:
    if block.kind is not BlockKind.TEXT or block.box is None:
        return Seen(block, [], [])
    box, width, height = block.box, page.width, page.height
    lines = rows.within(box.left * width, box.top * height, box.right * width, box.bottom * height)
    if len(lines) < LEAST_ROWS or squeezed("".join(line.text for line in lines)) != squeezed(block.text):
        return Seen(block, [], [])
    return Seen(block, lines, hard_breaks(lines, limit * width))


def squeezed(text: str) -> str:
    return "".join(text.split()).replace("-", "").replace("\u00ad", "")


def broken(seen: Seen) -> Block:
    """The block with its meant line breaks, where it is a list."""
    if not seen.is_list:
        return seen.block
    text = seen.lines[0].text
    for line, is_hard in zip(seen.lines[1:], seen.breaks, strict=True):
        text += ("\n" if is_hard else " ") + line.text
    return replace(seen.block, text=text)


def columns_from(seen: Sequence[Seen], index: int) -> list[Seen]:
    """The block and those that follow it as further columns: lists whose lines stand level with its own."""
    group = [seen[index]]
    if not is_column(seen[index]):
        return group
    for other in seen[index + 1 :]:
        if not (is_column(other) and level(group[0].lines, other.lines) and right_of(group[-1].lines, other.lines)):
            break
        group.append(other)
    return group


def is_column(seen: Seen) -> bool:
    """Whether the lines could be the cells of a column: meant to stand alone, or a word or two each."""
    if len(seen.lines) < LEAST_ROWS:
        return False
    longest = max(len(line.text.split()) for line in seen.lines)
    return longest <= FEW_WORDS or (seen.is_list and longest <= MOST_WORDS)


def level(first: Sequence[Line], second: Sequence[Line]) -> bool:
    return len(first) == len(second) and all(
        one.top < other.middle < one.bottom for one, other in zip(first, second, strict=True)
    )


def right_of(first: Sequence[Line], second: Sequence[Line]) -> bool:
    return max(line.right for line in first) <= min(line.left for line in second)


def side_by_side(group: Sequence[Seen], page: ParsedPage) -> Block:
    """One table of the columns' lines."""
    rows = list(zip(*(seen.lines for seen in group), strict=True))
    table = table_from_rows([[line.text for line in row] for row in rows], header_rows=0)
    boxes = [line_box(line, page) for row in rows for line in row]
    cells = tuple(replace(cell, box=box) for cell, box in zip(table.cells, boxes, strict=True))
    table = Table(table.rows, table.columns, cells)
    box = union([seen.block.box for seen in group if seen.block.box is not None])
    return Block("", BlockKind.TABLE, table_text(table), page.page_num, box, table=table)


def line_box(line: Line, page: ParsedPage) -> Box:
    return Box(line.left / page.width, line.top / page.height, line.right / page.width, line.bottom / page.height)
