"""Boxes on skewed and turned pages: there and back, and never outside the page."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.geometry import corners, hull, turn_box, upright_page
from docferry.engine.extraction.model import Block, BlockKind, Box, Page
from docferry.engine.extraction.ocr.frame import Frame, find_frame, upright_box
from docferry.engine.extraction.ocr.lines import Ink, OcrLine, Point, Quad

fraction = st.floats(0.05, 0.95)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, right = sorted((draw(fraction), draw(fraction)))
    top, bottom = sorted((draw(fraction), draw(fraction)))
    return Box(left, top, right, bottom)


@given(boxes(), st.integers(0, 7))
def test_four_quarter_turns_bring_a_box_back(box: Box, turns: int) -> None:
    back = turn_box(turn_box(box, turns), -turns)
    assert (back.left, back.top, back.right, back.bottom) == pytest.approx((box.left, box.top, box.right, box.bottom))


@given(boxes(), st.floats(-45, 45), st.floats(50, 2000), st.floats(50, 2000))
def test_corners_and_hull_lie_on_the_page(box: Box, angle: float, width: float, height: float) -> None:
    turned = Box(box.left, box.top, box.right, box.bottom, angle)
    assert all(0 <= value <= 1 for point in corners(turned, width, height) for value in point)
    around = hull(turned, width, height)
    assert around.left <= (box.left + box.right) / 2 <= around.right


def test_corners_of_a_turned_box_keep_its_sides_in_points() -> None:
    first, second, _, fourth = corners(Box(0.4, 0.45, 0.6, 0.55, 30.0), 600, 800)
    assert math.dist((first[0] * 600, first[1] * 800), (second[0] * 600, second[1] * 800)) == pytest.approx(120)
    assert math.dist((first[0] * 600, first[1] * 800), (fourth[0] * 600, fourth[1] * 800)) == pytest.approx(80)
    assert second[1] > first[1]  # clockwise: the right end lies lower


def laid_on(frame: Frame, box: Box) -> Quad:
    """Where the corners of a box of the upright page, in pixels, lie on the picture as it came."""
    width, height = frame.upright_size

    def place(x: float, y: float) -> Point:
        angle = math.radians(90 * frame.turns + frame.skew)
        x, y = x - width / 2, y - height / 2
        across, down = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
        return across + frame.width / 2, down + frame.height / 2

    return (
        place(box.left, box.top),
        place(box.right, box.top),
        place(box.right, box.bottom),
        place(box.left, box.bottom),
    )


@given(st.integers(0, 3), st.floats(-8, 8), st.floats(300, 900), st.floats(300, 900))
def test_frame_is_found_and_boxes_go_there_and_back(turns: int, skew: float, left: float, top: float) -> None:
    frame = Frame(1654, 2339, turns, skew)
    wanted = Box(left, top, left + 400, top + 30)
    line = OcrLine(laid_on(frame, wanted), "a line of text", 0.9, ink=Ink(0, 0, 1, 1))
    found = find_frame([line], 1654, 2339)
    assert (found.turns, found.skew) == (turns, pytest.approx(skew, abs=1e-6))
    upright = upright_box(line, found)
    assert (upright.left, upright.top, upright.right, upright.bottom) == pytest.approx(
        (left, top, left + 400, top + 30)
    )
    width, height = frame.upright_size
    shown = frame.original(Box(wanted.left / width, wanted.top / height, wanted.right / width, wanted.bottom / height))
    centre_x, centre_y = (shown.left + shown.right) / 2 * 1654, (shown.top + shown.bottom) / 2 * 2339
    assert centre_x == pytest.approx(sum(x for x, _ in line.quad) / 4, abs=0.01)
    assert centre_y == pytest.approx(sum(y for _, y in line.quad) / 4, abs=0.01)


def test_upright_page_turns_everything_on_it() -> None:
    block = Block("txt-1", BlockKind.TEXT, "x", 1, Box(0.9, 0.1, 0.95, 0.4))
    page = Page(1, 842, 595, (block,), rotation=270)
    turned = upright_page(page)
    assert (turned.width, turned.height, turned.rotation) == (595, 842, 0)
    assert turned.blocks[0].box == Box(pytest.approx(0.1), pytest.approx(0.05), pytest.approx(0.4), pytest.approx(0.1))
