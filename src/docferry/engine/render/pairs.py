"""Labels and their values, as far as the document itself pairs them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from docferry.engine.extraction.building import table_rows
from docferry.engine.extraction.model import Block, BlockKind, Document

LINE = re.compile(r"\s*([^\W\d_][^:\n|]{0,48}?)\s*:\s+(\S.*?)\s*")
PROSE_WORDS = 6


class Pair(NamedTuple):
    key: str
    value: str
    block_id: str
    page: int


def key_values(document: Document) -> list[Pair]:
    """Pairs from form fields, lines ``label: value`` and two-column tables of labels, in reading order."""
    return [pair for block in document.blocks for pair in block_pairs(block)]


def block_pairs(block: Block) -> Iterator[Pair]:
    if block.kind is BlockKind.FORM_FIELD and block.label:
        yield Pair(block.label, block.text, block.id, block.page)
    elif block.table is not None:
        yield from table_pairs(block)
    elif block.kind in (BlockKind.TEXT, BlockKind.LIST_ITEM):
        for line in block.text.splitlines():
            match = LINE.fullmatch(line)
            if match and len(match[1].split()) <= PROSE_WORDS:
                yield Pair(match[1], match[2], block.id, block.page)


def table_pairs(block: Block) -> Iterator[Pair]:
    """Rows of two filled cells whose first is a label: it ends with a colon in this or most rows."""
    assert block.table is not None
    for row in table_rows(block.table):
        filled = [text.strip() for text in row if text.strip()]
        for label, value in itertools.pairwise(filled):
            if label.endswith(":") and not value.endswith(":"):
                yield Pair(label.rstrip(": "), value, block.id, block.page)
