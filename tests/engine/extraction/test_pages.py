"""Page selections: read exactly, or refused with what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.errors import BadPageRange, TooManyPages
from docferry.engine.extraction.pages import select_pages


@pytest.mark.parametrize(
    ("selection", "pages"),
    [
        (None, [1, 2, 3, 4, 5]),
        ("", [1, 2, 3, 4, 5]),
        ("1-2,5", [1, 2, 5]),
        (" 4 , 2-3 ", [2, 3, 4]),
        ("3-", [3, 4, 5]),
        ("5,5,1", [1, 5]),
    ],
)
def test_selection(selection: str | None, pages: list[int]) -> None:
    assert select_pages(selection, 5) == pages


@pytest.mark.parametrize(
    "selection", ["0", "6", "1-6", "3-2", "a", "1;2", "-2", "1,,2", "1-2-3", "²", "99999999999", ","]
)
def test_what_cannot_be_meant_is_refused(selection: str) -> None:
    with pytest.raises(BadPageRange):
        select_pages(selection, 5)


def test_limit_counts_the_selected_pages_only() -> None:
    assert select_pages("900-901", 1000, max_pages=2) == [900, 901]
    with pytest.raises(TooManyPages, match="3 pages"):
        select_pages("1-3", 1000, max_pages=2)


@given(st.sets(st.integers(1, 60), min_size=1))
def test_any_set_of_pages_can_be_written_and_read(pages: set[int]) -> None:
    assert select_pages(",".join(map(str, pages)), 60) == sorted(pages)


@given(st.text(alphabet="0123456789-, x", max_size=12))
def test_any_text_is_read_or_refused(selection: str) -> None:
    try:
        pages = select_pages(selection, 9)
    except BadPageRange:
        return
    assert pages == sorted(set(pages))
    assert all(1 <= page <= 9 for page in pages)
