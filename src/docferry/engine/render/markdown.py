"""The document as Markdown, in reading order and with every word that was read."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from docferry.engine.extraction.building import table_rows
from docferry.engine.extraction.inline import escape_inline, escape_markdown
from docferry.engine.extraction.model import Block, BlockKind, Document, Page, Table
from docferry.engine.render.tables import html_table

NUMBER_ESCAPED = re.compile(r"^(\d+)\\([.)])")  # so that it begins no list, which it cannot in a heading

BlockTexts = list[tuple[Block, str]]


def to_markdown(document: Document, *, page_headers: bool = False, texts: Sequence[BlockTexts] | None = None) -> str:
    """Markdown of all pages; ``page_headers`` begins each page with a line ``## Page N``.

    ``texts`` are the ``page_texts`` of the document, where the caller has them at hand.
    """
    parts = []
    for page, blocks in zip(document.pages, texts or page_texts(document), strict=True):
        body = joined(blocks)
        parts.append(f"## Page {page.number}\n\n{body}".rstrip() if page_headers else body)
    text = "\n\n".join(part for part in parts if part)
    return text + "\n" if text else ""


def page_texts(document: Document) -> list[BlockTexts]:
    """Of each page the blocks that show something, with their Markdown."""
    return [block_texts(page.blocks) for page in document.pages]


def page_markdown(page: Page) -> str:
    return blocks_markdown(page.blocks)


def blocks_markdown(blocks: Sequence[Block]) -> str:
    """The blocks' Markdown; neighbouring list items stand without a blank line between them."""
    return joined(block_texts(blocks))


def block_texts(blocks: Sequence[Block]) -> BlockTexts:
    """The blocks that show something, with their Markdown; list items by their place among their neighbours."""
    texts: BlockTexts = []
    counters: dict[int, int] = {}
    for block in blocks:
        if block.kind is not BlockKind.LIST_ITEM:
            text = block_markdown(block)
        else:
            if not texts or texts[-1][0].kind is not BlockKind.LIST_ITEM:
                counters = {}
            counters = {depth: count for depth, count in counters.items() if depth <= block.level}
            counters[block.level] = counters.get(block.level, 0) + 1
            text = block_markdown(block, counters[block.level])
        if text:
            texts.append((block, text))
    return texts


def joined(texts: BlockTexts) -> str:
    parts: list[str] = []
    previous: Block | None = None
    for block, text in texts:
        if previous is not None:
            parts.append("\n" if tight(previous, block) else "\n\n")
        parts.append(text)
        previous = block
    return "".join(parts)


def tight(previous: Block, block: Block) -> bool:
    together = (BlockKind.LIST_ITEM, BlockKind.FORM_FIELD)
    return previous.kind is block.kind and block.kind in together


def block_markdown(block: Block, number: int = 1) -> str:
    """One block's Markdown; ``number`` is a list item's place among its neighbours."""
    if block.table is not None:
        return table_markdown(block.table)
    text = block.markdown if block.markdown is not None else escape_markdown(block.text)
    text = text.strip("\n")
    match block.kind:
        case BlockKind.TITLE | BlockKind.HEADING:
            level = 1 if block.kind is BlockKind.TITLE else min(6, max(1, block.level))
            text = escape_inline(block.text) if block.markdown is None else NUMBER_ESCAPED.sub(r"\1\2", text)
            return f"{'#' * level} {' '.join(text.split())}"
        case BlockKind.LIST_ITEM:
            indent = "    " * block.level
            marker = f"{number}." if block.ordered else "-"
            return f"{indent}{marker} " + text.replace("\n", f"\n{indent}  ")
        case BlockKind.CODE:
            fence = "```" if "```" not in block.text else "~~~~"
            return f"{fence}\n{block.text}\n{fence}"
        case BlockKind.FIGURE:
            alt = " ".join(block.text.split()).replace("]", "\\]")
            return f"![{alt}]({block.image})" if block.image else text
        case BlockKind.FORM_FIELD:
            label = escape_markdown(block.label or "")
            return f"- {label}: {text}" if label else f"- {text}"
        case _:
            return text


def table_markdown(table: Table) -> str:
    """A pipe table; one with merged cells as HTML, which Markdown takes and pipes cannot express."""
    if any(cell.row_span > 1 or cell.column_span > 1 for cell in table.cells):
        return html_table(table)
    rows = [[cell_markdown(text) for text in row] for row in table_rows(table)]
    if not rows or not rows[0]:
        return ""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell_markdown(text: str) -> str:
    return "<br>".join([escape_inline(line).replace("|", "\\|") for line in text.strip().splitlines()])


def markdown_with_ids(document: Document, texts: Sequence[BlockTexts] | None = None) -> str:
    """Markdown whose pieces are wrapped in tags that carry the ids of their boxes."""
    attribute = {BlockKind.TABLE: "table", BlockKind.FIGURE: "image"}
    return "\n\n".join(
        f'<div data-bb-{attribute.get(block.kind, "text")}-id="{html.escape(block.id)}">\n\n{text}\n\n</div>'
        for blocks in texts or page_texts(document)
        for block, text in blocks
    )
