"""Footnotes: small print in the lower half of a page that begins with a mark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from docferry.engine.extraction.lines import TextRows
from docferry.engine.extraction.model import Block, BlockKind

MARK = re.compile(r"(?:\[?\^?\d{1,3}\b|[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}|[*†‡§¶]{1,3}|[a-z][).\]])[\]).:]?\s*[^\W\d]")
SMALL = 0.92  # of the page's common font size
UPPER = 0.4  # of the page, where no footnote stands
CANDIDATES = {BlockKind.TEXT, BlockKind.LIST_ITEM}


def tag_footnotes(blocks: Sequence[Block], rows: TextRows, width: float, height: float) -> list[Block]:
    """The blocks, those that are footnotes marked as such and with their mark in the text."""
    body = rows.body_size
    tagged = []
    for block in blocks:
        text = footnote_text(block, rows, body, width, height)
        tagged.append(block if text is None else as_footnote(block, text))
    return tagged


def footnote_text(block: Block, rows: TextRows, body: float, width: float, height: float) -> str | None:
    """The footnote's text with its mark, which a list item lacks; ``None`` for anything else."""
    box = block.box
    if block.kind not in CANDIDATES or box is None or box.top < UPPER:
        return None
    lines = rows.within(box.left * width, box.top * height, box.right * width, box.bottom * height)
    if not lines or max(line.size for line in lines) > SMALL * body:
        return None
    text = " ".join(line.text for line in lines)
    return text if MARK.match(text) else None


def as_footnote(block: Block, text: str) -> Block:
    return replace(block, kind=BlockKind.FOOTNOTE, text=text, level=0, ordered=False, markdown=None)
