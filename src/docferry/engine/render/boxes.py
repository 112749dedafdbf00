"""Boxes and confidences in the shapes and coordinates of both dialects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from docferry.engine.extraction.geometry import corners, hull
from docferry.engine.extraction.model import Block, BlockKind, Box, Cell, Document, Page
from docferry.engine.render.markdown import BlockTexts, markdown_with_ids

Json = dict[str, Any]

PULSE_LABELS = {
    BlockKind.TITLE: "Title",
    BlockKind.HEADING: "Title",
    BlockKind.HEADER: "Header",
    BlockKind.FOOTER: "Footer",
    BlockKind.PAGE_NUMBER: "Page Number",
}
NANONETS_TYPES = {
    BlockKind.TITLE: "document_title",
    BlockKind.HEADING: "paragraph_title",
    BlockKind.TABLE: "table",
    BlockKind.FIGURE: "figure",
    BlockKind.LIST_ITEM: "list_item",
    BlockKind.TEXT: "paragraph",
}


def pulse_bounding_boxes(
    document: Document,
    image_url: Callable[[str], str] | None = None,
    texts: Sequence[BlockTexts] | None = None,
) -> Json:
    """Pulse's ``bounding_boxes``: arrays by capitalised label, and ``markdown_with_ids``.

    ``image_url`` gives the address of a stored picture by its name; ``texts`` are the document's ``page_texts``, where
    the caller has them at hand.
    """
    boxes: dict[str, Any] = {}
    sheets: dict[str, int] = {}
    for page in document.pages:
        for block in page.blocks:
            if block.table is not None:
                sheet = block.table.sheet_name
                index = sheets.setdefault(sheet, len(sheets)) if sheet is not None else None
                boxes.setdefault("Tables", []).append(pulse_table(block, page, index))
            elif block.kind is BlockKind.FIGURE:
                boxes.setdefault("Images", []).append(pulse_image(block, page, image_url))
            else:
                boxes.setdefault(PULSE_LABELS.get(block.kind, "Text"), []).append(pulse_text(block, page))
    boxes["markdown_with_ids"] = markdown_with_ids(document, texts)
    return boxes


def pulse_text(block: Block, page: Page) -> Json:
    text = f"{block.label}: {block.text}" if block.label else block.text
    item: Json = {
        "id": block.id,
        "content": text,
        "original_content": text,
        "page_number": block.page,
        "bounding_box": eight_floats(block.box, page),
    }
    if block.confidence is not None:
        item["average_word_confidence"] = round(block.confidence, 4)
    return item


def pulse_table(block: Block, page: Page, sheet_index: int | None) -> Json:
    table = block.table
    assert table is not None
    info: Json = {
        "id": block.id,
        "dimensions": [table.rows, table.columns],
        "location": {"coordinates": eight_floats(block.box, page), "page": block.page},
    }
    if block.confidence is not None:
        info["confidence"] = round(block.confidence, 4)
    if table.sheet_name is not None:
        info |= {"sheet_name": table.sheet_name, "excel_range": table.sheet_range}
        info |= {"sheet_index": sheet_index, "workbook_sheet_index": sheet_index}
    return {"table_info": info, "cell_data": [pulse_cell(cell, page) for cell in table.cells]}


def pulse_cell(cell: Cell, page: Page) -> Json:
    data: Json = {
        "row": cell.row,
        "column": cell.column,
        "row_span": cell.row_span,
        "column_span": cell.column_span,
        "text": cell.text,
        "is_header": cell.is_header,
        "bounding_box": eight_floats(cell.box, page),
    }
    if cell.confidence is not None:
        data["confidence"] = round(cell.confidence, 4)
    return data


def pulse_image(block: Block, page: Page, image_url: Callable[[str], str] | None) -> Json:
    item: Json = {
        "id": block.id,
        "visual_type": "image",
        "content": block.text,
        "page_number": block.page,
        "bounding_box": eight_floats(block.box, page),
    }
    if block.image is not None and image_url is not None:
        item["image_url"] = image_url(block.image)
    return item


def pulse_word_boxes(document: Document) -> Json:
    """Pulse's ``altOutputs.wlbb``; ``error`` says why there are no words where none could be placed."""
    words: list[Json] = []
    for page in document.pages:
        for word in page.words:
            item: Json = {
                "id": f"w-{len(words) + 1}",
                "text": word.text,
                "page_number": page.number,
                "bounding_box": eight_floats(word.box, page),
            }
            if word.confidence is not None:
                item["average_word_confidence"] = round(word.confidence, 4)
            words.append(item)
    if words:
        return {"words": words}
    return {"words": [], "error": "word boxes exist for PDF and picture input only; no word was placed here"}


def nanonets_bounding_boxes(document: Document) -> Json:
    """Nanonets' ``metadata.bounding_boxes``: elements with upright boxes, and the pages' sizes."""
    elements = [
        nanonets_element(block, page) for page in document.pages for block in page.blocks if block.box is not None
    ]
    pages = [
        {"page": page.number, "width": round(page.width), "height": round(page.height)}
        for page in document.pages
        if page.width and page.height
    ]
    return {"elements": elements, "page_dimensions": {"total_pages": len(document.pages), "pages": pages}}


def nanonets_element(block: Block, page: Page) -> Json:
    assert block.box is not None
    upright = hull(block.box, page.width, page.height)
    box: Json = {
        "page": block.page,
        "x": round(upright.left, 5),
        "y": round(upright.top, 5),
        "width": round(upright.right - upright.left, 5),
        "height": round(upright.bottom - upright.top, 5),
        "type": NANONETS_TYPES.get(block.kind, "text"),
    }
    if block.confidence is not None:
        box["confidence"] = round(block.confidence, 4)
    return {"content": block.text, "bounding_box": box}


def eight_floats(box: Box | None, page: Page) -> list[float]:
    """Top left, top right, bottom right, bottom left as x, y; empty where there is no box."""
    if box is None:
        return []
    if not box.angle:
        left, top, right, bottom = round(box.left, 5), round(box.top, 5), round(box.right, 5), round(box.bottom, 5)
        return [left, top, right, top, right, bottom, left, bottom]
    return [round(value, 5) for point in corners(box, page.width, page.height) for value in point]
