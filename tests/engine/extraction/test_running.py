"""Running headers, footers and page numbers are told by place and repetition; errors travel between processes."""

from __future__ import annotations

import pickle

import pytest

from docferry.engine.extraction import errors
from docferry.engine.extraction.model import Block, BlockKind, Box, Page
from docferry.engine.extraction.running import tag_running


def page(number: int, *texts: tuple[str, float]) -> Page:
    blocks = tuple(Block("", BlockKind.TEXT, text, number, Box(0.1, top, 0.5, top + 0.02)) for text, top in texts)
    return Page(number, 595, 842, blocks)


def kinds(*pages: Page) -> list[list[BlockKind]]:
    return [[block.kind for block in tagged.blocks] for tagged in tag_running(pages)]


def test_text_that_comes_again_at_the_edge_is_a_header_or_footer() -> None:
    pages = [page(n, ("Quay Company", 0.03), ("body", 0.5), (f"Confidential, issue {n}", 0.95)) for n in (1, 2, 3)]
    assert kinds(*pages) == [[BlockKind.HEADER, BlockKind.TEXT, BlockKind.FOOTER]] * 3


def test_text_that_comes_again_elsewhere_is_text() -> None:
    pages = [page(n, ("Total", 0.5), ("1,250.00", 0.6)) for n in (1, 2, 3)]
    assert kinds(*pages) == [[BlockKind.TEXT, BlockKind.TEXT]] * 3


def test_text_at_the_edge_of_one_page_only_is_text() -> None:
    pages = [page(1, ("A title", 0.03)), page(2, ("Other words", 0.03)), page(3, ("Third words", 0.03))]
    assert kinds(*pages) == [[BlockKind.TEXT]] * 3


@pytest.mark.parametrize("text", ["Page 7", "7 / 12", "- 7 -", "Seite 7 von 12", "page 7 of 12"])
def test_named_page_number_needs_no_second_page(text: str) -> None:
    assert kinds(page(7, (text, 0.95))) == [[BlockKind.PAGE_NUMBER]]


def test_bare_number_is_a_page_number_only_if_it_is_the_page_s() -> None:
    assert kinds(page(7, ("7", 0.95))) == [[BlockKind.PAGE_NUMBER]]
    assert kinds(page(1, ("1250", 0.95))) == [[BlockKind.TEXT]]


def test_block_without_a_box_is_left_alone() -> None:
    plain = Page(1, None, None, (Block("", BlockKind.TEXT, "Page 1", 1),))
    assert tag_running([plain]) == [plain]


@pytest.mark.parametrize("kind", errors.ExtractionError.__subclasses__())
def test_errors_travel_between_processes(kind: type[errors.ExtractionError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what is wrong; what to do")))
    assert (type(copy), copy.message, copy.code) == (kind, "what is wrong; what to do", kind.code)
    assert kind.code != errors.ExtractionError.code
