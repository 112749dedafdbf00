"""Which pages need recognition: those without a text layer worth the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docferry.engine.extraction.garbled import is_garbled
from docferry.engine.extraction.options import OcrMode
from docferry.engine.extraction.rendering import render_page

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]
    from liteparse import ParsedPage

SCANNED_TEXT = 40  # characters: a stamp or a page number over a scan is no text layer
MUCH_PICTURE = 0.5  # of the page
GLANCE_DPI = 24
FAINT = 12  # grey values between the lightest and the darkest spot of an empty page


def needs_recognition(page: ParsedPage, source: pypdfium2.PdfDocument, mode: OcrMode) -> bool:
    """Whether the page's text must be recognised from its picture.

    The layout engine's own verdict is not used: it calls clean invoices sparse and tables of figures garbled.
    """
    if mode != "auto":
        return mode == "always"
    text = "".join(item.text for item in page.text_items)
    if is_garbled(text):
        return True
    if len(text.strip()) >= SCANNED_TEXT:
        return False
    if text.strip():
        return picture_share(source, page.page_num) >= MUCH_PICTURE
    return not looks_empty(source, page.page_num)


def picture_share(source: pypdfium2.PdfDocument, number: int) -> float:
    """The part of the page that its largest picture covers."""
    import pypdfium2

    page = source[number - 1]
    try:
        width, height = page.get_size()
        areas = [0.0]
        for picture in page.get_objects(filter=(pypdfium2.raw.FPDF_PAGEOBJ_IMAGE,), max_depth=4):
            left, bottom, right, top = picture.get_bounds()
            across = min(right, max(width, height)) - max(left, 0)
            areas.append(max(0.0, across) * max(0.0, min(top, max(width, height)) - max(bottom, 0)))
        return float(max(areas) / max(1.0, width * height))
    finally:
        page.close()


def looks_empty(source: pypdfium2.PdfDocument, number: int) -> bool:
    """Whether the page shows nothing, so that there is nothing to recognise."""
    glance = render_page(source, number, GLANCE_DPI)
    return int(glance.max()) - int(glance.min()) <= FAINT
