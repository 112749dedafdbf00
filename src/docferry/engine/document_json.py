"""A document as JSON and back, for the extractions that later calls work on.

Words and boxes are written as short lists, since a long document has hundreds of thousands of them. Pictures are not
part of it: results refer to them as files. What was written by another version of the format is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from docferry.engine.extraction.model import Block, BlockKind, Box, Cell, Document, Page, Table, Word

FORMAT = 1
Json = dict[str, Any]


def document_to_json(document: Document) -> Json:
    """Everything of ``document`` but its pictures."""
    return {
        "format": FORMAT,
        "media_type": document.media_type,
        "title": document.title,
        "warnings": list(document.warnings),
        "metadata": dict(document.metadata),
        "pages": [_page_to_json(page) for page in document.pages],
    }


def document_from_json(data: Mapping[str, Any]) -> Document:
    """The document ``document_to_json`` was given, without pictures; ValueError for another format."""
    if data.get("format") != FORMAT:
        raise ValueError(f"a saved extraction of format {data.get('format')!r}, wanted {FORMAT}")
    return Document(
        media_type=data["media_type"],
        pages=tuple(_page_from_json(page) for page in data["pages"]),
        title=data["title"],
        warnings=tuple(data["warnings"]),
        metadata=dict(data["metadata"]),
    )


def _page_to_json(page: Page) -> Json:
    return {
        "number": page.number,
        "size": [page.width, page.height],
        "source": page.source,
        "rotation": page.rotation,
        "blocks": [_block_to_json(block) for block in page.blocks],
        "words": [[word.text, _box_to_json(word.box), word.confidence] for word in page.words],
    }


def _page_from_json(data: Mapping[str, Any]) -> Page:
    width, height = data["size"]
    return Page(
        number=data["number"],
        width=width,
        height=height,
        source=data["source"],
        rotation=data["rotation"],
        blocks=tuple(_block_from_json(block) for block in data["blocks"]),
        words=tuple(Word(text, _required_box(box), confidence) for text, box, confidence in data["words"]),
    )


def _block_to_json(block: Block) -> Json:
    data: Json = {"id": block.id, "kind": block.kind.value, "text": block.text, "page": block.page}
    optional: Json = {
        "box": _box_to_json(block.box),
        "level": block.level,
        "ordered": block.ordered,
        "markdown": block.markdown,
        "confidence": block.confidence,
        "table": _table_to_json(block.table) if block.table is not None else None,
        "image": block.image,
        "label": block.label,
    }
    return data | {name: value for name, value in optional.items() if value is not None and value is not False}


def _block_from_json(data: Mapping[str, Any]) -> Block:
    table = data.get("table")
    return Block(
        id=data["id"],
        kind=BlockKind(data["kind"]),
        text=data["text"],
        page=data["page"],
        box=_box_from_json(data.get("box")),
        level=data.get("level", 0),
        ordered=data.get("ordered", False),
        markdown=data.get("markdown"),
        confidence=data.get("confidence"),
        table=_table_from_json(table) if table is not None else None,
        image=data.get("image"),
        label=data.get("label"),
    )


def _table_to_json(table: Table) -> Json:
    return {
        "size": [table.rows, table.columns],
        "sheet": [table.sheet_name, table.sheet_range],
        "cells": [_cell_to_json(cell) for cell in table.cells],
    }


def _table_from_json(data: Mapping[str, Any]) -> Table:
    rows, columns = data["size"]
    name, cells_range = data["sheet"]
    return Table(rows, columns, tuple(_cell_from_json(cell) for cell in data["cells"]), name, cells_range)


def _cell_to_json(cell: Cell) -> list[Any]:
    place = [cell.row, cell.column, cell.text, cell.row_span, cell.column_span, cell.is_header]
    return [*place, _box_to_json(cell.box), cell.confidence]


def _cell_from_json(data: Sequence[Any]) -> Cell:
    row, column, text, row_span, column_span, is_header, box, confidence = data
    return Cell(row, column, text, row_span, column_span, is_header, _box_from_json(box), confidence)


def _box_to_json(box: Box | None) -> list[float] | None:
    return None if box is None else [box.left, box.top, box.right, box.bottom, box.angle]


def _box_from_json(data: Sequence[float] | None) -> Box | None:
    return None if data is None else _required_box(data)


def _required_box(data: Sequence[float]) -> Box:
    left, top, right, bottom, angle = data
    return Box(left, top, right, bottom, angle)
