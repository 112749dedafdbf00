"""The parts of recognition that need no models: words and spaces, ink, rules, the sheet for the layout engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from corpus.samples import FONT
from docferry.engine.extraction.layout import parse_layout
from docferry.engine.extraction.ocr.characters import part_digits, place_characters, words_of
from docferry.engine.extraction.ocr.frame import Frame
from docferry.engine.extraction.ocr.ink import find_ink
from docferry.engine.extraction.ocr.lines import Blank
from docferry.engine.extraction.ocr.page import steady_sizes
from docferry.engine.extraction.ocr.rulings import find_rules
from docferry.engine.extraction.ocr.sheet import Piece, Rule, sheet_pdf, text_width
from docferry.engine.extraction.ocr.skew import measure_skew
from engine.extraction.reading import pixels


def test_words_stand_where_their_characters_were_read() -> None:
    characters = place_characters("ab cd", [[2, 4], [9, 11]], [1.0, 0.8, 0.9, 0.6, 0.8])
    first, second = words_of(characters, 14.0)
    assert (first.text, second.text) == ("ab", "cd")
    assert first.end < second.start
    assert second.confidence == pytest.approx(0.7)
    assert 0 <= first.start < first.end < second.end <= 1


def parted(text: str, steps: list[int], blanks: Sequence[Blank]) -> str:
    characters = place_characters(text, [steps], [1.0] * len(text))
    return "".join(character.text for character in part_digits(characters, 30.0, blanks))


def test_overlooked_space_between_digits_is_put_back() -> None:
    steps = [3, 5, 7, 9, 12, 14, 16, 18]
    between = Blank(10 / 30, 11.8 / 30, 0.5)
    assert parted("50010517", steps, [between]) == "5001 0517"
    assert parted("50010517", [3, 5, 7, 9, 11, 13, 15, 17], [Blank(9.9 / 30, 11.4 / 30, 0.7)]) == "5001 0517"


def test_white_about_a_one_is_no_space() -> None:
    assert parted("2011", [2, 4, 6, 8], [Blank(7 / 30, 8 / 30, 0.43)]) == "2011"
    assert parted("14,233.53", [1, 3, 5, 7, 8, 11, 12, 14, 16], []) == "14,233.53"
    assert parted("AB", [2, 9], [Blank(4 / 30, 8 / 30, 2.0)]) == "AB"


def test_counts_that_do_not_match_give_no_places() -> None:
    assert place_characters("abc", [[1, 2]], [1.0] * 3) == []


def drawn(text: str, size: int = 40, rule: bool = False) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """A line of text with much room about it, and where its ink is."""
    picture = Image.new("L", (700, 90), 255)
    draw = ImageDraw.Draw(picture)
    draw.text((60, 20), text, fill=0, font=ImageFont.truetype(FONT, size))
    box = Image.eval(picture, lambda value: 255 - value).getbbox()
    assert box is not None
    if rule:
        draw.line((0, 3, 700, 3), fill=0, width=2)
        draw.line((8, 0, 8, 90), fill=0, width=2)
    return picture, box


@pytest.mark.parametrize("rule", [False, True])
def test_ink_is_found_within_two_pixels_even_beside_ruled_lines(rule: bool) -> None:
    picture, box = drawn("Growing 1,250", rule=rule)
    ink = find_ink(pixels(picture))
    assert ink is not None
    found = (ink.left * 700, ink.top * 90, ink.right * 700, ink.bottom * 90)
    assert found == pytest.approx(box, abs=2)


def test_light_letters_on_dark_ground_have_ink_too() -> None:
    picture, box = drawn("Total due")
    ink = find_ink(pixels(Image.eval(picture, lambda value: 255 - value)))
    assert ink is not None
    assert ink.left * 700 == pytest.approx(box[0], abs=2)


def test_empty_picture_has_no_ink() -> None:
    assert find_ink(np.full((40, 200, 3), 250, dtype=np.uint8)) is None


@pytest.mark.parametrize("skew", [0.0, -0.7, 1.9])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_skew_is_measured_where_the_boxes_of_lines_are_level(skew: float, turns: int) -> None:
    picture = Image.new("L", (1200, 900), 250)
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(FONT, 22)
    for row in range(12):
        draw.text((150, 100 + 55 * row), f"{row} Ball valve brass          186.28", font=font, fill=20)
    turned = picture.rotate(-skew, resample=Image.Resampling.BICUBIC, fillcolor=250).rotate(90 * -turns, expand=True)
    frame = measure_skew(pixels(turned), Frame(*turned.size, turns, 0.0))
    assert frame.skew == pytest.approx(skew, abs=0.1)


def test_skew_of_an_empty_picture_is_as_it_was_thought() -> None:
    assert measure_skew(pixels(Image.new("L", (300, 200), 255)), Frame(300, 200, 0, 0.4)).skew == 0.4


def test_rules_of_a_grid_are_found_where_they_are() -> None:
    picture = Image.new("L", (1000, 1400), 255)
    draw = ImageDraw.Draw(picture)
    for y in (200, 260, 320):
        draw.line((100, y, 800, y), fill=0, width=3)
    for x in (100, 450, 800):
        draw.line((x, 200, x, 320), fill=0, width=3)
    rules = find_rules(pixels(picture), Frame(1000, 1400, 0, 0.0))
    level = sorted(round(rule.top, -1) for rule in rules if rule.right - rule.left > 500)
    plumb = sorted(round(rule.left, -1) for rule in rules if rule.bottom - rule.top > 100)
    assert level == [200, 260, 320]
    assert plumb == [100, 450, 800]


@pytest.mark.parametrize("size", [6, 10, 28])
@pytest.mark.parametrize("stretch", [0.8, 1.0, 1.25])
def test_words_of_a_sheet_stay_whole(size: float, stretch: float) -> None:
    words = ["Northwind", "illicit", "WWW.willi.com", "1,111.11", "Ijsselmeer", "fffi"]
    pieces = [
        Piece(word, 60, 60 + stretch * text_width(word) * size, 80 + place * 3 * size, size)
        for place, word in enumerate(words)
    ]
    page = parse_layout(sheet_pdf(842, 842, pieces)).pages[0]
    assert [item.text for item in page.text_items] == words


def test_sheet_gives_back_text_place_and_grid() -> None:
    cells = {"a1": (110, 215), "b1": (310, 215), "a2": (110, 235), "b2": (310, 235)}
    pieces = [Piece("Ærøskøbing žluť", 72, 250, 100, 12)]
    pieces += [Piece(text, left, left + 15, baseline, 10) for text, (left, baseline) in cells.items()]
    rules = [Rule(100, y, 500, y) for y in (200, 220, 240)] + [Rule(x, 200, x, 240) for x in (100, 300, 500)]
    page = parse_layout(sheet_pdf(595, 842, pieces, rules)).pages[0]
    text = page.text_items[0]
    assert text.text == "Ærøskøbing žluť"
    assert (text.x, text.x + text.width) == pytest.approx((72, 250), abs=1)
    assert text.y < 100 < text.y + text.height + 1
    table = next(block for block in page.blocks or [] if block.kind == "table")
    assert [[cell.text for cell in row] for row in [table.header or [], *(table.rows or [])] if row] == [
        ["a1", "b1"],
        ["a2", "b2"],
    ]


@settings(deadline=None, max_examples=40)
@given(st.text(min_size=1, max_size=30))
def test_any_text_makes_a_sheet_that_can_be_read(text: str) -> None:
    assert parse_layout(sheet_pdf(300, 300, [Piece(text, 10, 200, 100, 10)])).pages


def test_sizes_near_the_common_one_are_the_common_one() -> None:
    assert steady_sizes([10.2, 9.7, 10.0, 10.9, 19.8], [40, 40, 40, 5, 8])[:4] == [10.0] * 4
    assert steady_sizes([10.0, 20.0], [40, 7])[1] == pytest.approx(20, rel=0.13)
