"""Footnotes and where the text refers to them."""

from __future__ import annotations

import re
from typing import Any

from docferry.engine.extraction.model import Block, BlockKind, Document

SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
SYMBOL = re.compile(r"\s*\[?\^?(\d{1,3}|[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}|[*†‡§¶]{1,3}|[a-z](?=[).\]]))[\]).:]?\s*(?=\S)")
ELIGIBLE = {BlockKind.TEXT, BlockKind.LIST_ITEM, BlockKind.HEADING, BlockKind.TITLE, BlockKind.TABLE}


def footnote_references(document: Document) -> list[dict[str, Any]]:
    """Pulse's ``footnoteReferences``: each footnote found, its symbol, and the blocks that refer to it."""
    found = []
    for page in document.pages:
        for block in page.blocks:
            symbol = footnote_symbol(block) if block.kind is BlockKind.FOOTNOTE else None
            if symbol is None:
                continue
            candidates = page.blocks if page.source != "native" else document.blocks
            references = [other.id for other in candidates if refers(other, symbol)]
            found.append({"symbol": symbol, "footnoteTextId": block.id, "referenceTextIds": references})
    return found


def footnote_symbol(block: Block) -> str | None:
    match = SYMBOL.match(block.text)
    return match[1].translate(SUPERSCRIPT) if match else None


def refers(block: Block, symbol: str) -> bool:
    """Whether the text carries the symbol as a mark: raised, in brackets, or stuck to the end of a word."""
    if block.kind not in ELIGIBLE:
        return False
    raised = symbol.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    mark = re.escape(symbol)
    stuck = (
        rf"(?<=[^\W\d_]){mark}(?![\w*†‡])|(?<=[.,;:!?)\"”»]){mark}(?!\w)"
        if symbol.isdigit()
        else rf"(?<=\S){mark}(?!\w)"
    )
    bracketed = rf"\[\^?{mark}\]"
    return (symbol.isdigit() and raised in block.text) or re.search(f"{stuck}|{bracketed}", block.text) is not None
