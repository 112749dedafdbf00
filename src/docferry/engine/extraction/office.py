"""DOCX, RTF, OpenDocument, EPUB and older workbooks, read by xberg."""

from __future__ import annotations

import asyncio
import atexit
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from docferry.engine.extraction.building import number_blocks, table_text
from docferry.engine.extraction.errors import CorruptDocument, EmptyDocument
from docferry.engine.extraction.inline import Mark, inline_markdown
from docferry.engine.extraction.model import Block, BlockKind, Cell, Document, Page, Table
from docferry.engine.extraction.options import Limits, ReadOptions
from docferry.engine.extraction.sniff import XLS, XLSB

Node = dict[str, Any]
EXIT_WAIT_S = 0.2
WORKBOOKS = {XLS, XLSB, "application/vnd.oasis.opendocument.spreadsheet"}
HIDDEN = " (hidden)"  # how xberg marks the name of a hidden sheet
DAMAGED = "the document is damaged or not what it claims to be; open and save it again"


def read_office(path: Path, media_type: str, options: ReadOptions) -> Document:
    """The document's blocks on one page without a size; a workbook's sheets are pages."""
    document = read_bytes(path.read_bytes(), media_type, options.limits)
    return by_sheets(document, options) if media_type in WORKBOOKS else document


def by_sheets(document: Document, options: ReadOptions) -> Document:
    """A page for each sheet, which begins with its name as a heading; hidden ones only if they are wanted."""
    sheets: list[list[Block]] = []
    for block in document.blocks:
        if block.kind is BlockKind.HEADING or not sheets:
            sheets.append([])
        name = sheets[-1][0].text if sheets[-1] else None
        table = None if block.table is None else replace(block.table, sheet_name=name)
        sheets[-1].append(replace(block, table=table))
    shown = [sheet for sheet in sheets if options.include_hidden_sheets or not sheet[0].text.endswith(HIDDEN)]
    pages = [
        Page(number, None, None, tuple(replace(block, page=number) for block in sheet), source="native")
        for number, sheet in enumerate(shown, start=1)
    ]
    return replace(document, pages=number_blocks(pages))


def read_bytes(content: bytes, media_type: str, limits: Limits) -> Document:
    wait_at_exit()
    nodes, title = asyncio.run(structure(content, media_type, limits))
    pages = to_pages(nodes)
    if not any(page.blocks for page in pages):
        raise EmptyDocument("the document holds no text; check that it is the right file")
    return Document(media_type=media_type, pages=number_blocks(pages), title=title)


@cache
def wait_at_exit() -> None:
    """Delays the interpreter's end a little, once for each process.

    xberg's threads let go of Python objects a moment after they have answered, and give no sign of it; an
    interpreter that ends in that moment crashes (measured: every tenth end without the wait, none with it).
    """
    atexit.register(time.sleep, EXIT_WAIT_S)


async def structure(content: bytes, media_type: str, limits: Limits) -> tuple[list[Node], str | None]:
    """The nodes of xberg's document tree in reading order, and the title from the metadata."""
    import xberg

    config = xberg.ExtractionConfig(
        use_cache=False,  # the cache would write documents into the user's home
        disable_ocr=True,
        include_document_structure=True,
        enable_quality_processing=False,
        content_filter=xberg.ContentFilterConfig(
            include_headers=True,
            include_footers=True,
            include_footnotes=True,
            strip_repeating_text=False,  # by default repeated table values are lost
            include_watermarks=True,
        ),
        security_limits=xberg.SecurityLimits(
            max_archive_size=limits.unpacked_bytes, max_files_in_archive=limits.archive_entries
        ),
    )
    source = xberg.ExtractInput(kind="bytes", bytes=content, mime_type=media_type)
    try:
        outcome = await xberg.extract(source, config)
    except (xberg.XbergError, RuntimeError, ValueError) as error:  # it raises its own errors as RuntimeError too
        raise CorruptDocument(DAMAGED) from error
    if outcome.errors or not outcome.results:
        raise CorruptDocument(DAMAGED)
    document = outcome.results[0]
    found = document.document
    return [to_node(node) for node in (found.nodes if found is not None else ())], document.metadata.title


def to_node(node: Any) -> Node:
    """One node as plain values: xberg's own classes print their content as JSON."""
    content: Node = json.loads(str(node.content))
    content["layer"] = str(node.content_layer)
    content["parent"] = node.parent
    content["marks"] = [to_mark(annotation) for annotation in node.annotations]
    content["attributes"] = node.attributes or {}
    return content


def to_mark(annotation: Any) -> Mark:
    kind: Node = json.loads(str(annotation.kind))
    return Mark(annotation.start, annotation.end, str(kind.get("annotation_type", "")), str(kind.get("url", "")))


@dataclass
class Collected:
    """Blocks gathered so far, by page; a slide opens the next page."""

    pages: list[list[Block]] = field(default_factory=lambda: [[]])
    slides: int = 0

    def add(self, block: Block) -> None:
        self.pages[-1].append(block)

    @property
    def number(self) -> int:
        return len(self.pages)

    def open_slide(self) -> None:
        self.slides += 1
        if self.slides > 1 or self.pages[-1]:
            self.pages.append([])


def to_pages(nodes: Sequence[Node]) -> list[Page]:
    collected = Collected()
    for node in nodes:
        if node["node_type"] == "slide":
            collected.open_slide()
        for block in to_blocks(node, nodes, collected.number):
            collected.add(block)
    return [
        Page(number=number, width=None, height=None, blocks=tuple(blocks), source="native")
        for number, blocks in enumerate(collected.pages, start=1)
    ]


KINDS = {
    "title": BlockKind.TITLE,
    "paragraph": BlockKind.TEXT,
    "quote": BlockKind.TEXT,
    "formula": BlockKind.TEXT,
    "citation": BlockKind.TEXT,
    "raw_block": BlockKind.TEXT,
    "comment": BlockKind.FOOTNOTE,
    "footnote": BlockKind.FOOTNOTE,
    "code": BlockKind.CODE,
}
LAYERS = {"header": BlockKind.HEADER, "footer": BlockKind.FOOTER, "footnote": BlockKind.FOOTNOTE}


def to_blocks(node: Node, nodes: Sequence[Node], page: int) -> Iterator[Block]:
    """The node's own block; groups and lists have none, their children follow by themselves."""
    kind = node["node_type"]
    if kind == "table":
        table = to_table(node["grid"])
        if table.cells:
            yield Block(id="", kind=BlockKind.TABLE, text=table_text(table), page=page, table=table)
        return
    text = str(node.get("text") or node.get("content") or "")
    if kind == "definition_item":
        text = f"{node.get('term', '')}: {node.get('definition', '')}"
    if kind == "slide":
        text = str(node.get("title") or "")
    if not text.strip():
        return
    styled = inline_markdown(text, node["marks"])
    if kind == "list_item":
        depth, ordered = list_place(node, nodes)
        yield Block(
            id="", kind=BlockKind.LIST_ITEM, text=text, page=page, level=depth, ordered=ordered, markdown=styled
        )
    elif kind in ("heading", "slide"):
        level = min(6, max(1, int(node.get("level") or 1)))
        title = node["attributes"].get("style_name") == "Title"
        block_kind = BlockKind.TITLE if title else BlockKind.HEADING
        yield Block(id="", kind=block_kind, text=text, page=page, level=level, markdown=styled)
    elif kind in KINDS:
        block_kind = LAYERS.get(node["layer"], KINDS[kind])
        yield Block(id="", kind=block_kind, text=text, page=page, markdown=styled)


def list_place(node: Node, nodes: Sequence[Node]) -> tuple[int, bool]:
    """How deep an item's list is nested, and whether the nearest list is numbered."""
    depth, ordered, parent = -1, None, node["parent"]
    while parent is not None:
        above = nodes[parent]
        if above["node_type"] == "list":
            depth += 1
            ordered = bool(above.get("ordered")) if ordered is None else ordered
        parent = above["parent"]
    return max(0, depth), bool(ordered)


def to_table(grid: Node) -> Table:
    cells = tuple(
        Cell(
            row=cell["row"],
            column=cell["col"],
            text=cell["content"].strip(),
            row_span=max(1, cell.get("row_span", 1)),
            column_span=max(1, cell.get("col_span", 1)),
            is_header=bool(cell.get("is_header")),
        )
        for cell in grid.get("cells", [])
    )
    return Table(rows=grid["rows"], columns=grid["cols"], cells=cells)
