"""Several extractions as one document, parts of one as a document, and citations that lead back to their origin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from docferry.engine.extraction.model import Document, Page


@dataclass(frozen=True, slots=True)
class SourcedDocument:
    """A document, with where each page came from if it was joined of several: page number to (extraction, page)."""

    document: Document
    origins: Mapping[int, tuple[str, int]] = field(default_factory=dict)


def with_pages(document: Document, numbers: Iterable[int]) -> SourcedDocument:
    wanted = set(numbers)
    pages = tuple(page for page in document.pages if page.number in wanted)
    return SourcedDocument(dataclasses.replace(document, pages=pages))


def joined(ids: list[str], documents: list[Document]) -> SourcedDocument:
    """One document of several: pages are numbered on, and block ids say which extraction they are of."""
    if len(documents) == 1:
        return SourcedDocument(documents[0])
    pages: list[Page] = []
    origins: dict[int, tuple[str, int]] = {}
    for extraction_id, document in zip(ids, documents, strict=True):
        for page in document.pages:
            number = len(pages) + 1
            origins[number] = (extraction_id, page.number)
            blocks = tuple(
                dataclasses.replace(block, id=f"{extraction_id}-{block.id}", page=number) for block in page.blocks
            )
            pages.append(dataclasses.replace(page, number=number, blocks=blocks))
    return SourcedDocument(dataclasses.replace(documents[0], pages=tuple(pages)), origins)


def sourced(citations: Any, source: SourcedDocument) -> Any:
    """``citations`` with the page numbers of the extractions they are of."""
    if not source.origins:
        return citations
    if isinstance(citations, list):
        return [sourced(item, source) for item in citations]
    if not isinstance(citations, dict):
        return citations
    if citations.keys() == {"id", "page", "box"}:
        extraction_id, page = source.origins.get(citations["page"], (None, citations["page"]))
        return citations | {"page": page, "extraction_id": extraction_id}
    return {name: sourced(item, source) for name, item in citations.items()}
