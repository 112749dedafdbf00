"""PDF pages as pictures."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

    from docferry.engine.extraction.pixels import Picture

MOST_PIXELS = 30_000_000  # a page larger than this at the wanted resolution is rendered coarser


def render_page(source: pypdfium2.PdfDocument, number: int, dpi: float) -> Picture:
    """The page as shown, in blue, green, red; coarser than ``dpi`` where the page is a poster."""
    import numpy as np

    page = source[number - 1]
    try:
        width, height = page.get_size()
        scale = min(dpi / 72, math.sqrt(MOST_PIXELS / max(1.0, width * height)))
        bitmap = page.render(scale=scale, may_draw_forms=True, rev_byteorder=False)
        pixels = np.asarray(bitmap.to_numpy()[:, :, :3], dtype=np.uint8)
        return np.ascontiguousarray(pixels)
    finally:
        page.close()


def as_jpeg(picture: Picture) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture[:, :, ::-1]).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
