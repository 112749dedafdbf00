"""What the layout lost is put back where it stood, or said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.garbled import is_garbled
from docferry.engine.extraction.model import Block, BlockKind, Box, Page
from docferry.engine.extraction.recall import (
    GOAL,
    Item,
    count_words,
    is_complete,
    is_surely_complete,
    mend,
    wanted_words,
    word_recall,
)


def item(text: str, top: float, left: float = 0.1, right: float = 0.6) -> Item:
    return Item(text, Box(left, top, right, top + 0.02))


def page(*items: Item) -> Page:
    blocks = [Block("", BlockKind.TEXT, text, 1, box) for text, box in items]
    return Page(1, 600, 800, tuple(blocks))


def test_complete_page_is_left_alone() -> None:
    lines = [item("north quay", 0.1), item("south quay", 0.2)]
    whole = page(*lines)
    assert is_complete(whole, "north quay\nsouth quay")
    assert mend(whole, lines) == (whole, None)


def test_lost_line_comes_back_between_its_neighbours() -> None:
    lines = [item("first words here", 0.1), item("lost line of text", 0.2), item("last words here", 0.3)]
    mended, warning = mend(page(lines[0], lines[2]), lines)
    assert warning is None
    assert [block.text for block in mended.blocks] == ["first words here", "lost line of text", "last words here"]
    assert mended.blocks[1].box == lines[1].box


def test_repeated_value_that_was_dropped_comes_back_as_often() -> None:
    lines = [item(f"row {number} 1,250.00", 0.1 + number / 20) for number in range(6)]
    mended, warning = mend(page(*[item(text.removesuffix(" 1,250.00"), box.top) for text, box in lines]), [
        part for text, box in lines for part in (item(text[:5], box.top, 0.1, 0.2), item("1,250.00", box.top, 0.5, 0.6))
    ])  # fmt: skip
    assert warning is None
    assert sum(block.text.count("1,250.00") for block in mended.blocks) == 6


def test_word_joined_over_a_hyphen_is_not_lost() -> None:
    lines = [item("a hyphen-", 0.1), item("ated word", 0.12)]
    assert wanted_words(lines, count_words("a hyphenated word")) == count_words("a hyphenated word")
    assert mend(page(item("a hyphenated word", 0.1)), lines)[1] is None


def test_halves_that_were_not_joined_are_wanted_as_they_are() -> None:
    lines = [item("semi-", 0.1), item("final", 0.12)]
    assert wanted_words(lines, count_words("semi- final")) == count_words("semi final")


def test_what_cannot_be_placed_is_said() -> None:
    lines = [item("word " * 3 + f"alpha{number}", 0.05 + number / 50) for number in range(20)]
    _, warning = mend(page(item(" ".join(["word"] * 60), 0.1)), lines)
    assert warning is not None
    assert "%" in warning


@given(st.text(alphabet="ab c-1\n", max_size=300), st.text(alphabet="ab c-1\n", max_size=300), st.booleans())
def test_what_is_surely_complete_is_complete(layer: str, placed: str, together: bool) -> None:
    placed = layer * 40 + placed if together else placed
    layer = layer * 40 + placed[::7] if together else layer
    assert word_recall(count_words(layer), count_words(placed)) >= GOAL or not is_surely_complete(layer, placed)


@given(
    st.lists(st.text(alphabet="ab c-1", max_size=12), max_size=8),
    st.lists(st.text(alphabet="ab c1", max_size=12), max_size=8),
)
def test_mending_never_loses_and_never_lowers_recall(layer: list[str], placed: list[str]) -> None:
    items = [item(text, 0.05 + number / 20) for number, text in enumerate(layer)]
    before = page(*[item(text, 0.07 + number / 20) for number, text in enumerate(placed)])
    after, _ = mend(before, items)
    wanted = count_words("\n".join(layer))
    found = [count_words("\n".join(block.text for block in one.blocks)) for one in (before, after)]
    assert [block for block in before.blocks if block not in after.blocks] == []
    assert word_recall(wanted, found[1]) >= word_recall(wanted, found[0])


def test_symbols_are_garbled_and_text_is_not() -> None:
    assert is_garbled("\ue001\ue002\ue003 \ue004" * 10)
    assert is_garbled("(cid:12)(cid:40)(cid:41)" * 12)
    assert is_garbled("!#$%&*+-/<=>?@^~|{}[];:" * 12)
    assert not is_garbled("Ordinary words, 1,250.00 EUR, in an ordinary sentence.")
    assert not is_garbled("Chapter 1 ............................... 7\n" * 20)
    assert not is_garbled("Ελληνικά, русский, العربية, 中文, 日本語 are texts as well")
    assert not is_garbled("")
