"""What a scanner does to a page: rendering, skew, blur, noise and turning by right angles."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pypdfium2 as pdfium
from PIL import Image, ImageFilter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas


def render(pdf: bytes, page: int = 0, dpi: int = 200) -> Image.Image:
    """The page as a grey picture."""
    document = pdfium.PdfDocument(pdf)
    try:
        return document[page].render(scale=dpi / 72).to_pil().convert("L")
    finally:
        document.close()


def scan(pdf: bytes, *, page: int = 0, dpi: int = 200, skew: float = 0.7, noise: float = 6.0, blur: float = 0.6,
         turn: int = 0, seed: int = 7, keep: float = 1.0) -> Image.Image:  # fmt: skip
    """The page as a scanner would give it: ``skew`` degrees anticlockwise, then ``turn`` degrees clockwise.

    ``keep`` is how much of its height is there: a page that is half empty costs as much to recognise as a full one.
    """
    whole = render(pdf, page, dpi)
    picture = whole.crop((0, 0, whole.width, round(whole.height * keep))).rotate(
        skew, resample=Image.Resampling.BICUBIC, fillcolor=250
    )
    picture = picture.filter(ImageFilter.GaussianBlur(blur))
    grain = np.random.default_rng(seed).normal(0.0, noise, (picture.height, picture.width))
    pixels = np.clip(np.asarray(picture, dtype=np.float64) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).rotate(-turn, expand=True)


def image_pdf(pictures: list[Image.Image], dpi: int = 200) -> bytes:
    """A PDF of pages that are nothing but a JPEG picture, as scanners write it."""
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for picture in pictures:
        width, height = picture.width * 72 / dpi, picture.height * 72 / dpi
        jpeg = BytesIO()
        picture.save(jpeg, "JPEG", quality=70)
        canvas.setPageSize((width, height))
        canvas.drawImage(ImageReader(jpeg), 0, 0, width, height)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
