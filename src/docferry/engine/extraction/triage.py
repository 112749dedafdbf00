"""Which pages need recognition: those without a text layer worth the name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docferry.engine.extraction.garbled import is_garbled
from docferry.engine.extraction.options import OcrMode

if TYPE_CHECKING:
    from liteparse import ParsedPage

SCANNED_TEXT = 40  # characters: a stamp or a page number over a scan is no text layer
MUCH_PICTURE = 0.5  # of the page
OUTLINES = 0.02  # of the page covered by filled outlines that no text explains: text drawn as curves


def needs_recognition(page: ParsedPage, mode: OcrMode) -> str | None:
    """Why the page must be recognised, or ``None``.

    The library's own verdict is not used: it calls clean invoices "sparse" and tables of figures "garbled".
    """
    if mode == "never":
        return None
    if mode == "always":
        return "asked for"
    text = "".join(item.text for item in page.text_items).strip()
    signals = page.complexity
    if is_garbled(text):
        return "garbled text layer"
    if signals is None or len(text) >= SCANNED_TEXT:
        return None
    if signals.full_page_image or signals.image_coverage >= MUCH_PICTURE:
        return "scanned"
    outlines = (signals.uncovered_vector_area or 0.0) / max(1.0, signals.page_area)
    if not text and (signals.has_substantial_images or outlines >= OUTLINES):
        return "no text"
    return None
