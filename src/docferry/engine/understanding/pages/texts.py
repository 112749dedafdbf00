"""The text of each page, cut for comparison: its headings, and its body in windows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from docferry.engine.extraction.model import BlockKind, Document, Page
from docferry.engine.understanding import labels

WINDOW_CHARACTERS = 100  # about a sentence: longer texts blur what they speak of
MAX_WINDOWS = 60  # of one page: a longer page is sampled evenly
_RUNNING = frozenset({BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER})
_HEADINGS = frozenset({BlockKind.TITLE, BlockKind.HEADING})
_MAX_HEADING = 200
_MAX_SENTENCE = 400
_REPEATED_SHARE = 0.6  # a line on so many pages is a running title that the reader did not notice


@dataclass(frozen=True, slots=True)
class PageText:
    number: int
    headings: tuple[str, ...]
    windows: tuple[str, ...]

    @property
    def is_blank(self) -> bool:
        return not self.headings and not self.windows

    @property
    def text(self) -> str:
        return "\n".join((*self.headings, *self.windows))


def page_texts(document: Document) -> list[PageText]:
    """The texts of all pages. Running titles and page numbers are left out: they are the same on every page."""
    repeated = _repeated_lines(document)
    return [_page_text(page, repeated) for page in document.pages]


def _repeated_lines(document: Document) -> frozenset[str]:
    if len(document.pages) < 4:
        return frozenset()
    counts = Counter(line for page in document.pages for line in {_line_key(text) for text in _body_lines(page)})
    repeated = {line for line, count in counts.items() if line and count >= _REPEATED_SHARE * len(document.pages)}
    written = [[_line_key(line) for line in _body_lines(page)] for page in document.pages]
    has_more = all(not lines or any(line not in repeated for line in lines) for lines in written)
    return frozenset(repeated) if has_more else frozenset()  # pages of one text have no running title


def _line_key(text: str) -> str:
    return re.sub(r"\d+", "", labels.fold(text)).strip()


def _body_lines(page: Page) -> list[str]:
    return [line for block in page.blocks if block.kind not in _RUNNING for line in block.text.splitlines()]


def _page_text(page: Page, repeated: frozenset[str]) -> PageText:
    headings, body = [], []
    for block in page.blocks:
        if block.kind in _RUNNING:
            continue
        text = " ".join(line for line in block.text.splitlines() if _line_key(line) not in repeated)
        text = " ".join(text.split())
        if not any(map(str.isalpha, text)):
            continue
        if block.kind in _HEADINGS and len(text) <= _MAX_HEADING:
            headings.append(text)
        else:
            body.append(text)
    return PageText(page.number, tuple(headings), tuple(_windows(body)))


def _windows(paragraphs: Sequence[str]) -> list[str]:
    """Pieces of a sentence or several short ones; a sentence longer than a window is a piece of its own."""
    windows: list[str] = []
    current = ""
    for sentence in (piece for text in paragraphs for piece in _sentences(text)):
        if current and len(current) + len(sentence) > WINDOW_CHARACTERS:
            windows.append(current)
            current = ""
        current = f"{current} {sentence}".strip()
    if current:
        windows.append(current)
    if len(windows) <= MAX_WINDOWS:
        return windows
    return [windows[round(place * (len(windows) - 1) / (MAX_WINDOWS - 1))] for place in range(MAX_WINDOWS)]


def _sentences(text: str) -> list[str]:
    pieces = []
    for sentence in re.split(r"(?<=[.!?;])\s+", text):
        pieces += [sentence[at : at + _MAX_SENTENCE] for at in range(0, len(sentence), _MAX_SENTENCE)]
    return pieces
