"""liteparse's pages as ours: its classified blocks with their boxes become the model's blocks."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from docferry.engine.extraction.building import table_text
from docferry.engine.extraction.errors import CorruptDocument
from docferry.engine.extraction.model import Block, BlockKind, Box, Cell, Page, Table, Word
from docferry.engine.extraction.refine import refine

if TYPE_CHECKING:
    from liteparse import AnnotationRect, LayoutBlock, LayoutCell, ParsedPage, ParseResult

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
EMPHASIS_OR_ESCAPED = re.compile(r"\*+|\\([!-/:-@\[-`{-~])")  # stars of the text itself come escaped
NO_LIMIT = 10_000_000


def parse_layout(
    source: Path | bytes,
    numbers: Sequence[int] | None = None,
    *,
    password: str | None = None,
    words: bool = False,
    forms: bool = False,
    images: bool = False,
    blocks: bool = True,
) -> ParseResult:
    """The pages of a PDF with text items, and what else is wanted of them. Nothing is recognised."""
    from liteparse import LiteParse, ParseError

    parser = LiteParse(
        ocr_enabled=False,  # its own would fetch models from the network
        keep_headers_footers=True,  # else repeated table values are taken for headers and dropped
        preserve_very_small_text=True,  # else the small print is dropped
        extract_blocks=blocks,
        extract_form_fields=forms,
        extract_images=images,
        emit_word_boxes=words,
        continue_on_page_error=True,
        output_format="json",
        target_pages=None if numbers is None else as_selection(numbers),
        max_pages=NO_LIMIT,
        password=password,
        quiet=True,
    )
    try:
        if isinstance(source, bytes):
            return parser.parse(source)
        with tempfile.TemporaryDirectory(prefix="docferry-layout-") as folder:
            named = Path(folder, "document.pdf")  # the library goes by the name's ending
            named.symlink_to(source.absolute())
            return parser.parse(named)
    except ParseError as error:
        raise CorruptDocument("the PDF is damaged or incomplete; export or download it again") from error


def as_selection(numbers: Sequence[int]) -> str:
    """Page numbers as liteparse reads them: ``1-3,7``."""
    runs = []
    for _, group in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        runs.append(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]))
    return ",".join(runs)


def page_from_layout(found: ParsedPage) -> Page:
    """The model's page of a page with a text layer."""
    blocks = refine([block for piece in found.blocks or [] for block in to_blocks(piece, found)], found)
    return Page(found.page_num, found.width, found.height, tuple(blocks), words_from_layout(found))


def words_from_layout(found: ParsedPage) -> tuple[Word, ...]:
    """The words of a page's text layer, if they were asked for."""
    return tuple(
        Word(word.text, to_box(word.x, word.y, word.width, word.height, found))
        for item in found.text_items
        for word in item.words
        if word.text.strip()
    )


def to_blocks(piece: LayoutBlock, page: ParsedPage) -> list[Block]:
    """None or one block; ``rule`` lines carry no content."""
    box = rect_box(piece.bbox, page)
    number = page.page_num
    if piece.kind == "table":
        table = to_table(piece, page)
        return [Block("", BlockKind.TABLE, table_text(table), number, box, table=table)] if table.cells else []
    if piece.kind in ("code", "grid_fallback"):
        text = "\n".join(piece.lines or []).strip("\n")
        return [Block("", BlockKind.CODE, text, number, box)] if text.strip() else []
    if piece.kind == "figure":
        return [Block("", BlockKind.FIGURE, "", number, box, image=f"figure-{piece.id}.{piece.format}")]
    text = text_of(piece)
    if not text:
        return []
    if piece.kind == "heading":
        return [Block("", BlockKind.HEADING, text, number, box, level=min(6, max(1, piece.level or 1)))]
    if piece.kind == "list_item":
        depth, ordered = piece.level or 0, bool(piece.ordered)
        return [Block("", BlockKind.LIST_ITEM, text, number, box, level=depth, ordered=ordered)]
    return [Block("", BlockKind.TEXT, text, number, box)]


def to_table(piece: LayoutBlock, page: ParsedPage) -> Table:
    rows: list[list[LayoutCell]] = [row for row in (piece.header, *(piece.rows or [])) if row]
    headed = bool(piece.header) and not is_label(rows[0][0].text)
    cells = tuple(
        Cell(
            row=row,
            column=column,
            text=cell.text.replace("<br>", "\n").strip(),
            is_header=row == 0 and headed,
            box=rect_box(cell.bbox, page),
        )
        for row, texts in enumerate(rows)
        for column, cell in enumerate(texts)
    )
    return Table(rows=len(rows), columns=max((len(row) for row in rows), default=0), cells=cells)


def text_of(piece: LayoutBlock) -> str:
    """The text without the library's Markdown: headings have none, list items may be emphasised, others are escaped.

    Emphasis is dropped, for it is that of the bullet's font as often as that of the text.
    """
    text = piece.text or ""
    if piece.kind == "list_item":
        text = EMPHASIS_OR_ESCAPED.sub(lambda found: found[1] or "", text)
    elif piece.kind != "heading" and "\\" in text:
        text = ESCAPED.sub(r"\1", text)
    return text.strip()


def is_label(text: str) -> bool:
    """Whether a first cell names the value beside it, as in a list of labelled values, which has no header."""
    return text.rstrip().endswith(":")


def rect_box(rect: AnnotationRect | None, page: ParsedPage) -> Box | None:
    return None if rect is None else to_box(rect.x, rect.y, rect.width, rect.height, page)


def to_box(x: float, y: float, width: float, height: float, page: ParsedPage) -> Box:
    """Points from the top left as fractions, cut at the page's edges."""
    left, top, right, bottom = x / page.width, y / page.height, (x + width) / page.width, (y + height) / page.height
    if 0.0 <= left <= right <= 1.0 and 0.0 <= top <= bottom <= 1.0:  # as nearly all of very many are
        return Box(left, top, right, bottom)
    return Box(clamp(left), clamp(top), clamp(right), clamp(bottom))


def clamp(value: float) -> float:
    return min(1.0, max(0.0, value))
