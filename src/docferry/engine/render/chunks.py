"""The Markdown in chunks of limited length: by page, by heading, by paragraphs, by meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from docferry.engine.extraction.model import Block, BlockKind, Document
from docferry.engine.render.markdown import block_markdown, page_markdown, to_markdown

SEPARATORS = ("\n\n", "\n", r"(?<=[.!?…])\s+", r"\s+")
HEADINGS = (BlockKind.TITLE, BlockKind.HEADING)


def to_chunks(document: Document, kinds: Iterable[str], size: int) -> dict[str, list[str]]:
    """The chunks of each kind (``page``, ``header``, ``recursive``, ``semantic``), none longer than ``size``."""
    if size < 1:
        raise ValueError(f"chunk size must be positive, got {size}")
    makers: dict[str, Callable[[Document, int], Iterator[str]]] = {
        "page": page_chunks,
        "header": header_chunks,
        "recursive": recursive_chunks,
        "semantic": semantic_chunks,
    }
    return {kind: list(makers[kind](document, size)) for kind in kinds if kind in makers}


def page_chunks(document: Document, size: int) -> Iterator[str]:
    for page in document.pages:
        yield from divide(page_markdown(page), size)


def header_chunks(document: Document, size: int) -> Iterator[str]:
    """A heading with the text beneath it, up to the next heading."""
    for group in by_heading(document.blocks):
        yield from divide("\n\n".join(filter(None, map(block_markdown, group))), size)


def recursive_chunks(document: Document, size: int) -> Iterator[str]:
    yield from divide(to_markdown(document), size)


def semantic_chunks(document: Document, size: int) -> Iterator[str]:
    """Whole blocks that belong together: a heading stays with its text, a table is not cut unless it must be."""
    for group in by_heading(document.blocks):
        yield from pack((piece for block in group for piece in divide(block_markdown(block), size)), size, "\n\n")


def by_heading(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    group: list[Block] = []
    for block in blocks:
        if block.kind in HEADINGS and any(other.kind not in HEADINGS for other in group):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def divide(text: str, size: int, separators: Sequence[str] = SEPARATORS) -> list[str]:
    """Pieces of at most ``size`` characters, cut at the coarsest separator that serves."""
    text = text.strip()
    if len(text) <= size:
        return [text] if text else []
    if not separators:
        return [text[start : start + size] for start in range(0, len(text), size)]
    separator, finer = separators[0], separators[1:]
    parts = [part for part in re.split(separator, text) if part.strip()]
    joint = separator if separator.isspace() else " "
    return pack((piece for part in parts for piece in divide(part, size, finer)), size, joint)


def pack(pieces: Iterable[str], size: int, joint: str) -> list[str]:
    """Neighbouring pieces joined as long as they fit together."""
    chunks: list[str] = []
    for piece in pieces:
        if chunks and len(chunks[-1]) + len(joint) + len(piece) <= size:
            chunks[-1] += joint + piece
        else:
            chunks.append(piece)
    return chunks
