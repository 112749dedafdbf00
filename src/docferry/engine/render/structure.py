"""The document as data: the tree of sections, the table of contents, and a free form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from docferry.engine.extraction.model import Block, BlockKind, Document
from docferry.engine.render.markdown import blocks_markdown
from docferry.engine.render.pairs import key_values
from docferry.engine.render.tables import header_and_rows

Json = dict[str, Any]
CHROME = {BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER}


@dataclass
class Section:
    """A heading with what stands beneath it, until the next heading of its level or above."""

    id: str
    title: str
    level: int
    page: int
    blocks: list[Block] = field(default_factory=list)
    children: list[Section] = field(default_factory=list)


def sections(document: Document) -> list[Section]:
    """The sections as a tree; text before the first heading is a section without a title."""
    roots: list[Section] = []
    path: list[Section] = []
    per_page: dict[int, int] = {}
    for block in document.blocks:
        if block.kind in CHROME:
            continue
        heading = block.kind in (BlockKind.TITLE, BlockKind.HEADING)
        if heading or not path:
            per_page[block.page] = per_page.get(block.page, 0) + 1
            level = max(1, block.level) if heading else 1
            name = f"page_{block.page}_section_{per_page[block.page]}"
            section = Section(name, " ".join(block.text.split()) if heading else "", level, block.page)
            while path and (path[-1].level >= level or not path[-1].title):
                path.pop()
            (path[-1].children if path else roots).append(section)
            path.append(section)
        if not heading:
            path[-1].blocks.append(block)
    return roots


def document_title(document: Document) -> str:
    """The document's own title, else its first heading."""
    if document.title:
        return document.title
    headings = (block for block in document.blocks if block.kind in (BlockKind.TITLE, BlockKind.HEADING))
    first = next(headings, None)
    return " ".join(first.text.split()) if first is not None else ""


def to_tree(document: Document) -> Json:
    """Nanonets' ``hierarchy_output``."""
    return {
        "document": {
            "title": document_title(document),
            "type": document.media_type,
            "metadata": {"page_count": len(document.pages), **document.metadata},
            "sections": [section_json(section) for section in sections(document)],
            "tables": [table_json(block) for block in document.blocks if block.table is not None],
            "key_value_pairs": [{"key": pair.key, "value": pair.value} for pair in key_values(document)],
        }
    }


def section_json(section: Section) -> Json:
    text = [block for block in section.blocks if block.table is None]
    return {
        "id": section.id,
        "title": section.title,
        "level": section.level,
        "page": section.page,
        "content": blocks_markdown(tuple(text)),
        "subsections": [section_json(child) for child in section.children],
    }


def table_json(block: Block) -> Json:
    assert block.table is not None
    headers, rows = header_and_rows(block.table)
    return {
        "id": block.id,
        "title": block.table.sheet_name or block.label or "",
        "page": block.page,
        "headers": headers if any(headers) else [],
        "rows": rows,
    }


def to_table_of_contents(document: Document) -> Json:
    """Nanonets' ``table-of-contents``: every heading, with the ids of those that enclose it."""
    entries: list[Json] = []

    def add(section: Section, parents: list[str]) -> None:
        if section.title:
            entries.append(
                {
                    "id": section.id,
                    "title": section.title,
                    "level": section.level,
                    "page": section.page,
                    "parent_ids": parents,
                }
            )
        for child in section.children:
            add(child, [*parents, section.id] if section.title else parents)

    for section in sections(document):
        add(section, [])
    return {"hierarchy": entries}


def to_json(document: Document) -> Json:
    """The content as plain data: title, key-value pairs, sections with their text, tables as records."""
    pairs: Json = {}
    for pair in key_values(document):
        pairs.setdefault(pair.key, pair.value)
    return {
        "title": document_title(document),
        "key_values": pairs,
        "sections": [free_section(section) for section in sections(document)],
        "tables": [free_table(block) for block in document.blocks if block.table is not None],
        "page_count": len(document.pages),
    }


def free_section(section: Section) -> Json:
    text = blocks_markdown(tuple(block for block in section.blocks if block.table is None))
    data: Json = {"heading": section.title, "page": section.page, "text": text}
    if section.children:
        data["sections"] = [free_section(child) for child in section.children]
    return data


def free_table(block: Block) -> Json:
    assert block.table is not None
    headers, rows = header_and_rows(block.table)
    names = unique_names(headers)
    data: Json = {"id": block.id, "page": block.page, "rows": [dict(zip(names, row, strict=True)) for row in rows]}
    if block.table.sheet_name is not None:
        data["sheet"] = block.table.sheet_name
    return data


def unique_names(headers: list[str]) -> list[str]:
    """The headers as keys: empty ones by their place, repeated ones numbered."""
    names: list[str] = []
    for place, header in enumerate(headers, start=1):
        base = " ".join(header.split()) or f"column_{place}"
        name, count = base, 2
        while name in names:
            name, count = f"{base} {count}", count + 1
        names.append(name)
    return names
