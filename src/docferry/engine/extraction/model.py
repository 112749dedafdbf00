"""The one model of an extracted document: what every reader produces and every renderer consumes.

Coordinates are fractions of the page's width and height, 0 to 1, origin at the top left, y growing
downwards, for digital text and OCR alike. Pages are numbered from 1. Documents that have no pages of
their own (DOCX, HTML, text) are one page without a size, and their blocks have no box.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class BlockKind(StrEnum):
    TITLE = "title"
    HEADING = "heading"
    TEXT = "text"
    LIST_ITEM = "list_item"
    TABLE = "table"
    FIGURE = "figure"
    HEADER = "header"
    FOOTER = "footer"
    PAGE_NUMBER = "page_number"
    FOOTNOTE = "footnote"
    CODE = "code"
    FORM_FIELD = "form_field"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in page fractions, possibly rotated (``angle`` in degrees, clockwise, about its centre)."""

    left: float
    top: float
    right: float
    bottom: float
    angle: float = 0.0


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    box: Box
    confidence: float | None = None  # 0..1; None for digital text


@dataclass(frozen=True, slots=True)
class Cell:
    row: int  # from 0
    column: int  # from 0
    text: str
    row_span: int = 1
    column_span: int = 1
    is_header: bool = False
    box: Box | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    rows: int
    columns: int
    cells: tuple[Cell, ...]
    sheet_name: str | None = None  # spreadsheets
    sheet_range: str | None = None  # spreadsheets, for instance "A1:D20"


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of content in reading order. ``id`` is unique in the document (``txt-1``, ``tbl-1``, ``img-1``)."""

    id: str
    kind: BlockKind
    text: str  # plain text; for tables the cells' text by rows
    page: int  # from 1
    box: Box | None = None
    level: int = 0  # headings 1..6; list items: nesting depth from 0
    ordered: bool = False  # list items
    markdown: str | None = None  # inline formatting (bold, links) where the source had it
    confidence: float | None = None  # 0..1
    table: Table | None = None
    image: str | None = None  # key into Document.images
    label: str | None = None  # form fields: the field's name


@dataclass(frozen=True, slots=True)
class Page:
    number: int  # from 1
    width: float | None  # points (1/72 inch) as shown, after the page's own rotation
    height: float | None
    blocks: tuple[Block, ...]
    words: tuple[Word, ...] = ()
    source: str = "digital"  # digital | ocr | mixed | native (formats without pages)
    rotation: int = 0  # degrees by which a scanned page had to be turned to be upright


@dataclass(frozen=True, slots=True)
class Document:
    media_type: str
    pages: tuple[Page, ...]
    title: str | None = None
    images: dict[str, bytes] = field(default_factory=dict)  # PNG or JPEG bytes by name
    warnings: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for page in self.pages for block in page.blocks)
