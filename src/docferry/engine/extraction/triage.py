"""Which pages need recognition: those without a text layer worth the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docferry.engine.extraction.garbled import is_garbled
from docferry.engine.extraction.options import OcrMode
from docferry.engine.extraction.rendering import render_page

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]
    from liteparse import ParsedPage

# What little text may lie over a scan, by the part of the page that pictures cover: a stamp or page number; the line
# that a fax machine or a signing service prints over every page.
LITTLE_TEXT, MUCH_PICTURE = 40, 0.5
SOME_TEXT, NEARLY_ALL_PICTURE = 200, 0.85
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
    length = len(text.strip())
    if length >= SOME_TEXT:
        return False
    if not length:
        return not looks_empty(source, page.page_num)
    return picture_share(source, page.page_num) >= (MUCH_PICTURE if length < LITTLE_TEXT else NEARLY_ALL_PICTURE)


def picture_share(source: pypdfium2.PdfDocument, number: int) -> float:
    """The part of the page that its pictures cover, which scanners may have cut into strips."""
    import pypdfium2

    page = source[number - 1]
    try:
        left, bottom, right, top = page.get_bbox()
        covered = 0.0
        for picture in page.get_objects(filter=(pypdfium2.raw.FPDF_PAGEOBJ_IMAGE,), max_depth=4):
            west, south, east, north = picture.get_bounds()
            across, up = min(east, right) - max(west, left), min(north, top) - max(south, bottom)
            covered += max(0.0, across) * max(0.0, up)
        return float(min(1.0, covered / max(1.0, (right - left) * (top - bottom))))
    finally:
        page.close()


def looks_empty(source: pypdfium2.PdfDocument, number: int) -> bool:
    """Whether the page shows nothing, so that there is nothing to recognise."""
    glance = render_page(source, number, GLANCE_DPI)
    return int(glance.max()) - int(glance.min()) <= FAINT
