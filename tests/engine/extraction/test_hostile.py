"""Hostile and damaged files end in a document or an ExtractionError, early and with little memory."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

import pytest

from corpus import invoices, office
from corpus.damage import damaged
from docferry.engine.extraction.errors import ExtractionError, TooLarge
from docferry.engine.extraction.options import Limits
from docferry.engine.extraction.read import ReadOptions
from engine.extraction.reading import SAMPLES, read

ROUNDS = 25


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_picture_of_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(TooLarge, match="megapixels"):
        read(png_claiming(60_000, 60_000))


def test_text_beyond_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge, match="split the file"):
        read(b"word " * 1000, ReadOptions(limits=Limits(text_bytes=2000)))


def test_csv_of_too_many_cells_is_refused() -> None:
    with pytest.raises(TooLarge, match="cells"):
        read(b"a;b\n" * 500, ReadOptions(limits=Limits(table_cells=100)))


def test_page_as_large_as_a_house_is_rendered_coarsely() -> None:
    from docferry.engine.extraction.pdf import open_pdf
    from docferry.engine.extraction.rendering import MOST_PIXELS, render_page

    content = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    content += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 14400 14400]>>endobj trailer<</Root 1 0 R>>"
    import tempfile
    from pathlib import Path

    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        source = open_pdf(Path(file.name), None)
        picture = render_page(source, 1, 200)
        source.close()
    assert picture.shape[0] * picture.shape[1] <= MOST_PIXELS * 1.01


SOURCES: dict[str, Callable[[], bytes]] = {
    "pdf": lambda: invoices.invoice_pdf(invoices.make_invoice(2, lines=4)),
    "docx": lambda: (SAMPLES / "letter.docx").read_bytes(),
    "xlsx": lambda: (SAMPLES / "budget.xlsx").read_bytes(),
    "pptx": office.slides_pptx,
    "html": lambda: (SAMPLES / "page.html").read_bytes(),
    "png": lambda: (SAMPLES / "receipt.png").read_bytes(),
}


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_random_damage_ends_well(kind: str) -> None:
    source, rng = SOURCES[kind](), random.Random(7)
    outcomes = [outcome(damaged(source, rng)) for _ in range(ROUNDS)]
    assert all(outcomes)
    assert not any("Traceback" in text for text in outcomes)


def outcome(content: bytes) -> str:
    """The type of the document that was read, or the reason why none could be."""
    try:
        return read(content, ReadOptions(ocr="never")).media_type
    except ExtractionError as error:
        return error.message
