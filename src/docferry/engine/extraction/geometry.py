"""Boxes turned, hulled and mapped: pure functions of fractions and page sizes."""

from __future__ import annotations

import math
from dataclasses import replace

from docferry.engine.extraction.model import Block, Box, Page, Table

Point = tuple[float, float]


def corners(box: Box, width: float | None, height: float | None) -> tuple[Point, Point, Point, Point]:
    """Top left, top right, bottom right, bottom left, in fractions, inside the page."""
    plain = ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
    if not box.angle or not width or not height:
        return plain
    centre = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    first, second, third, fourth = (clamped(turned(point, centre, box.angle, width, height)) for point in plain)
    return first, second, third, fourth


def turned(point: Point, centre: Point, angle: float, width: float, height: float) -> Point:
    """The point turned clockwise about the centre; the page's sides decide what an angle is in fractions."""
    x, y = (point[0] - centre[0]) * width, (point[1] - centre[1]) * height
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return centre[0] + (x * cosine - y * sine) / width, centre[1] + (x * sine + y * cosine) / height


def clamped(point: Point) -> Point:
    return min(1.0, max(0.0, point[0])), min(1.0, max(0.0, point[1]))


def hull(box: Box, width: float | None, height: float | None) -> Box:
    """The smallest box with sides parallel to the page's that holds the turned box."""
    points = corners(box, width, height)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Box(min(xs), min(ys), max(xs), max(ys))


def union(boxes: list[Box]) -> Box | None:
    """The smallest box that holds all, of boxes that share one angle."""
    if not boxes:
        return None
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
        boxes[0].angle,
    )


def turn_box(box: Box, quarter_turns: int) -> Box:
    """The box on the page after the page was turned clockwise by so many quarter turns."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    for _ in range(quarter_turns % 4):
        left, top, right, bottom = 1 - bottom, left, 1 - top, right
    return Box(left, top, right, bottom, box.angle)


def upright_page(page: Page) -> Page:
    """The page as one reads it: a page scanned lying on its side, with its boxes turned upright.

    For code that reasons about left, right, above and below. Pages that are upright come back as they are.
    """
    turns = page.rotation // 90 % 4
    if not turns:
        return page
    width, height = (page.height, page.width) if turns % 2 else (page.width, page.height)
    return replace(
        page,
        width=width,
        height=height,
        rotation=0,
        blocks=tuple(turn_block(block, turns) for block in page.blocks),
        words=tuple(replace(word, box=turn_box(word.box, turns)) for word in page.words),
    )


def turn_block(block: Block, turns: int) -> Block:
    return replace(
        block,
        box=None if block.box is None else turn_box(block.box, turns),
        table=None if block.table is None else turn_table(block.table, turns),
    )


def turn_table(table: Table, turns: int) -> Table:
    cells = tuple(replace(cell, box=None if cell.box is None else turn_box(cell.box, turns)) for cell in table.cells)
    return replace(table, cells=cells)
