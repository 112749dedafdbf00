"""Split and schema on extractions: several joined into one, topics cut out of one, answers in Pulse's shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from docferry.engine.extraction.model import Document, Page
from docferry.engine.languagemodel import language_model
from docferry.engine.pulse.options import SchemaConfig, SplitConfig
from docferry.engine.tasks import Json, Task, TaskFailed


@dataclass(frozen=True, slots=True)
class SourcedDocument:
    """A document, with where each page came from if it was joined of several: page number to (extraction, page)."""

    document: Document
    origins: dict[int, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class SchemaValues:
    values: Json  # {values, citations, scores}
    warnings: tuple[str, ...]


def split_topics(task: Task, document: Document, config: SplitConfig) -> dict[str, list[int]]:
    from docferry.engine.understanding import Topic, split_pages

    topics = [Topic(topic.name, topic.description) for topic in config.split_input]
    with language_model(task) as llm:
        return split_pages(document, topics, llm)


def apply_schema(task: Task, source: SourcedDocument, config: SchemaConfig) -> SchemaValues:
    if config.wanted is None:
        raise TaskFailed("REQ_004", "a schema is missing: give input_schema")
    found = schema_values(task, source.document, config.wanted, config.schema_prompt)
    if not source.origins:
        return found
    return dataclasses.replace(found, values=found.values | {"citations": sourced(found.values["citations"], source)})


def schema_values(task: Task, document: Document, schema: Json, prompt: str | None) -> SchemaValues:
    from docferry.engine.understanding import extract_schema

    with language_model(task) as llm:
        answer = extract_schema(document, schema, prompt=prompt, llm=llm)
    values = {"values": answer.values, "citations": answer.citations, "scores": answer.scores}
    return SchemaValues(values, tuple(answer.warnings))


def with_pages(document: Document, numbers: Iterable[int]) -> SourcedDocument:
    wanted = set(numbers)
    pages = tuple(page for page in document.pages if page.number in wanted)
    return SourcedDocument(dataclasses.replace(document, pages=pages), {})


def joined(ids: list[str], documents: list[Document]) -> SourcedDocument:
    """One document of several: pages are numbered on, and block ids say which extraction they are of."""
    if len(documents) == 1:
        return SourcedDocument(documents[0], {})
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
    if isinstance(citations, list):
        return [sourced(item, source) for item in citations]
    if not isinstance(citations, dict):
        return citations
    if citations.keys() == {"id", "page", "box"}:
        extraction_id, page = source.origins.get(citations["page"], (None, citations["page"]))
        return citations | {"page": page, "extraction_id": extraction_id}
    return {name: sourced(item, source) for name, item in citations.items()}
