"""Running headers, footers and page numbers: told by where they stand and that they come again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from docferry.engine.extraction.model import Block, BlockKind, Page

HEADER_BAND, FOOTER_BAND = 0.12, 0.88
SHARE = 0.5  # of the pages on which a text must come again
MAX_LENGTH = 160
NUMBER = r"(?:\d{1,4}|[ivxlc]{1,7})"
NAMED_NUMBER = re.compile(
    rf"(?:page|seite|pagina|página|strona|p\.|s\.)\s*{NUMBER}(?:\s*(?:/|of|von|de|di|sur|z)\s*{NUMBER})?"
    rf"|{NUMBER}\s*(?:/|of|von|de|di|sur|z)\s*{NUMBER}|[-–—]\s*{NUMBER}\s*[-–—]",
    re.I,
)
BARE_NUMBER = re.compile(NUMBER, re.I)
CANDIDATES = {BlockKind.TEXT, BlockKind.HEADING, BlockKind.LIST_ITEM}


def tag_running(pages: Sequence[Page]) -> list[Page]:
    """The pages with repeated edge texts as headers and footers, and page numbers as such."""
    repeated = repeated_texts(pages)
    return [replace(page, blocks=tuple(tag(block, repeated, len(pages)) for block in page.blocks)) for page in pages]


def repeated_texts(pages: Sequence[Page]) -> set[tuple[str, str]]:
    """Band and text (digits evened out) of what stands on at least half of three or more pages, or on both of two."""
    counts: Counter[tuple[str, str]] = Counter()
    for page in pages:
        counts.update({(band, evened(block.text)) for block, band in edge_blocks(page)})
    least = max(2, len(pages) * SHARE) if len(pages) <= 3 else max(3, len(pages) * SHARE)
    return {key for key, count in counts.items() if count >= least}


def edge_blocks(page: Page) -> Iterator[tuple[Block, str]]:
    for block in page.blocks:
        band = band_of(block)
        if band and block.kind in CANDIDATES and len(block.text) <= MAX_LENGTH:
            yield block, band


def band_of(block: Block) -> str:
    if block.box is None:
        return ""
    if block.box.bottom <= HEADER_BAND:
        return "top"
    return "bottom" if block.box.top >= FOOTER_BAND else ""


def evened(text: str) -> str:
    return re.sub(r"\d+", "#", " ".join(text.casefold().split()))


def tag(block: Block, repeated: set[tuple[str, str]], page_count: int) -> Block:
    band = band_of(block)
    if not band or block.kind not in CANDIDATES:
        return block
    text = " ".join(block.text.split())
    again = (band, evened(text)) in repeated
    if NAMED_NUMBER.fullmatch(text) or (BARE_NUMBER.fullmatch(text) and (again or text == str(block.page))):
        kind = BlockKind.PAGE_NUMBER
    elif again and page_count > 1:
        kind = BlockKind.HEADER if band == "top" else BlockKind.FOOTER
    else:
        return block
    return replace(block, kind=kind, level=0, ordered=False)
