"""Picture files: PNG, JPEG, WebP, GIF, BMP, and every page of a TIFF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from docferry.engine.extraction.building import number_blocks
from docferry.engine.extraction.errors import CorruptDocument, TooLarge
from docferry.engine.extraction.model import Document, Page
from docferry.engine.extraction.options import Limits, ReadOptions
from docferry.engine.extraction.pages import select_pages
from docferry.engine.extraction.rendering import as_jpeg
from docferry.engine.extraction.running import tag_running

if TYPE_CHECKING:
    from PIL import Image

    from docferry.engine.extraction.pixels import Picture

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP")
PAGED = {"TIFF"}  # the frames of a GIF or WebP are a film, whose first picture is the document
LIKELY_DPI = 150.0
DAMAGED = "the picture is damaged or incomplete; scan or export it again"


def read_picture(path: Path, media_type: str, options: ReadOptions) -> Document:
    """The picture's pages, recognised; with ``ocr="never"`` pages without text."""
    pages: list[Page] = []
    warnings: list[str] = []
    images: dict[str, bytes] = {}
    for number, image, dpi in frames(path, options):
        page, warning = read_frame(image, number, dpi, options)
        pages.append(page)
        if warning is not None:
            warnings.append(f"page {number}: {warning}")
        if options.images:
            images[f"page-{number}.jpg"] = as_jpeg(image)
    return Document(media_type, number_blocks(tag_running(pages)), images=images, warnings=tuple(warnings))


def read_frame(image: Picture, number: int, dpi: float, options: ReadOptions) -> tuple[Page, str | None]:
    width, height = image.shape[1] * 72 / dpi, image.shape[0] * 72 / dpi
    if options.ocr == "never":
        return Page(number, width, height, (), source="ocr"), None
    from docferry.engine.extraction.ocr.page import page_from_picture

    words = options.words or options.recognised_words
    return page_from_picture(image, number, width, height, words=words, threads=options.ocr_threads)


def frames(path: Path, options: ReadOptions) -> Iterator[tuple[int, Picture, float]]:
    """Page number, BGR pixels and resolution of each selected frame, one at a time in memory."""
    from PIL import Image, ImageSequence, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before any pixel is unpacked
    try:
        with Image.open(path, formats=FORMATS) as file:
            count = getattr(file, "n_frames", 1) if file.format in PAGED else 1
            chosen = set(select_pages(options.pages, count, options.max_pages))
            for number, frame in enumerate(ImageSequence.Iterator(file), start=1):
                if number > max(chosen):
                    return
                if number in chosen:
                    check_size(frame.size, options.limits)
                    dpi = resolution(frame)
                    yield number, to_pixels(frame), dpi
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise CorruptDocument(DAMAGED) from error


def check_size(size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.pixels:
        raise TooLarge(
            f"a picture of {size[0]} x {size[1]} pixels is larger than the {limits.pixels // 1_000_000} megapixels "
            "allowed; scan it at 300 dpi or less"
        )


def resolution(frame: Image.Image) -> float:
    dpi = frame.info.get("dpi")
    try:
        across = float(dpi[0]) if dpi else 0.0
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        across = 0.0
    return across if 50 <= across <= 1200 else LIKELY_DPI


def to_pixels(frame: Image.Image) -> Picture:
    """The frame as it is shown: turned as the camera says, transparent parts white, in blue, green, red."""
    import numpy as np
    from PIL import Image, ImageOps

    shown = ImageOps.exif_transpose(frame)
    if shown.mode.startswith("I;16") or shown.mode in ("I", "F"):
        values = np.asarray(shown, dtype=np.float64)
        top = max(255.0, float(values.max(initial=0)))
        shown = Image.fromarray((values * (255.0 / top)).clip(0, 255).astype(np.uint8))
    if shown.mode in ("RGBA", "LA", "PA") or "transparency" in shown.info:
        paper = Image.new("RGBA", shown.size, "white")
        shown = Image.alpha_composite(paper, shown.convert("RGBA"))
    return np.ascontiguousarray(np.asarray(shown.convert("RGB"), dtype=np.uint8)[:, :, ::-1])
