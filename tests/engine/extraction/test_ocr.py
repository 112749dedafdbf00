"""Recognition of pictures of pages: text, tables and boxes, whichever way the page lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFont

from corpus import invoices, scans
from corpus.samples import FONT
from docferry.engine.extraction.geometry import corners
from docferry.engine.extraction.model import Document, Page, Word
from docferry.engine.extraction.ocr.page import page_from_picture
from docferry.engine.extraction.read import ReadOptions
from docferry.engine.render import pulse_word_boxes, to_markdown
from engine.extraction.reading import SAMPLES, pixels, read, sample, tables

INVOICE = invoices.make_invoice(seed=3, lines=5)


def exact_values(page: Page) -> int:
    """How many of the invoice's values stand somewhere as a cell or after a label."""
    texts = {cell.text for block in page.blocks if block.table is not None for cell in block.table.cells}
    texts |= {line.partition(": ")[2] for block in page.blocks for line in block.text.splitlines()}
    return sum(value in texts for value in INVOICE.values)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_skewed_scan_is_read_whichever_way_it_lies(turn: int) -> None:
    picture = scans.scan(invoices.invoice_pdf(INVOICE), dpi=150, skew=-0.8, turn=turn, keep=0.65)
    page, _ = page_from_picture(pixels(picture), 1, picture.width, picture.height, words=False, threads=2)
    assert page.rotation == (360 - turn) % 360
    assert exact_values(page) >= len(INVOICE.values) - 1


@pytest.mark.parametrize("turn", [180, 270])
def test_table_stays_one_where_the_scan_ends_within_it(turn: int) -> None:
    invoice = invoices.make_invoice(201)
    picture = scans.scan(invoices.invoice_pdf(invoice), skew=0.7, turn=turn, keep=0.56)
    buffer = BytesIO()
    picture.save(buffer, "PNG", dpi=(200, 200))
    [*_, table] = tables(read(buffer.getvalue()))
    assert table == invoice.cells[: len(table)]
    assert len(table) >= 7


@pytest.fixture(scope="module")
def scan() -> Document:
    return sample("scan.pdf")


def test_scan_gives_the_ruled_table_and_the_labelled_values(scan: Document) -> None:
    wanted = invoices.make_invoice(seed=0)
    labelled, items = tables(scan)
    assert items == wanted.cells
    assert [value for _, value in wanted.fields if value not in [row[1] for row in labelled]] in (
        [],
        [wanted.fields[3][1]],
    )


def test_scan_says_how_it_was_read(scan: Document) -> None:
    page = scan.pages[0]
    assert page.source == "ocr"
    assert scan.images.keys() == {"page-1.jpg"}
    assert all(block.confidence is not None and 0.8 < block.confidence <= 1 for block in page.blocks)
    assert pulse_word_boxes(scan)["words"][0]["average_word_confidence"] > 0.9


def ink_box(picture: Image.Image, quad: Sequence[tuple[float, float]]) -> tuple[int, int, int, int] | None:
    """The dark pixels within the box that holds the quad, given in fractions of the picture."""
    xs, ys = [x * picture.width for x, _ in quad], [y * picture.height for _, y in quad]
    cut = picture.crop((math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))))
    return cut.point(lambda value: 255 if value < 128 else 0).getbbox()


@pytest.mark.parametrize("turn", [0, 90])
def test_word_boxes_lie_on_the_words(turn: int) -> None:
    """Words drawn at known places of a skewed page; each box must cover its word and little more."""
    words = {
        (120, 150): "Harbour",
        (700, 150): "Northwind",
        (120, 420): "Quay",
        (640, 700): "Lighthouse",
        (150, 980): "Ferry",
    }
    picture = Image.new("L", (1100, 1200), 255)
    font = ImageFont.truetype(FONT, 40)
    for place, word in words.items():
        ImageDraw.Draw(picture).text(place, word, fill=0, font=font)
    truth = {word: ImageDraw.Draw(picture).textbbox(place, word, font=font) for place, word in words.items()}
    skewed = picture.rotate(-2.0, resample=Image.Resampling.BICUBIC, fillcolor=255)
    shown = skewed.rotate(-turn, expand=True)
    page, _ = page_from_picture(pixels(shown), 1, shown.width, shown.height, words=True, threads=2)
    found = {word.text: word for word in page.words}
    assert found.keys() == set(words.values())
    for word, box in truth.items():
        assert centre_of(found[word], page) == pytest.approx(expected_centre(box, turn), abs=6)
        assert share_of_ink(found[word], page, shown) > 0.9


def centre_of(word: Word, page: Page) -> tuple[float, float]:
    points = corners(word.box, page.width, page.height)
    assert page.width is not None
    assert page.height is not None
    return sum(x for x, _ in points) / 4 * page.width, sum(y for _, y in points) / 4 * page.height


def expected_centre(box: tuple[float, float, float, float], turn: int) -> tuple[float, float]:
    """The middle of a box on a page of 1100 by 1200 after 2 degrees clockwise and a quarter turn or none."""
    x, y = (box[0] + box[2]) / 2 - 550, (box[1] + box[3]) / 2 - 600
    cosine, sine = math.cos(math.radians(2)), math.sin(math.radians(2))
    x, y = x * cosine - y * sine + 550, x * sine + y * cosine + 600
    return (1200 - y, x) if turn == 90 else (x, y)


def share_of_ink(word: Word, page: Page, picture: Image.Image) -> float:
    """How much of the ink about a word lies within its box, as far as the box's hull tells."""
    quad = corners(word.box, page.width, page.height)
    inner = ink_box(picture, quad)
    middle_x, middle_y = sum(x for x, _ in quad) / 4, sum(y for _, y in quad) / 4
    wider = [(middle_x + (x - middle_x) * 1.15, middle_y + (y - middle_y) * 1.3) for x, y in quad]
    outer = ink_box(picture, wider)
    assert inner is not None
    assert outer is not None
    return (inner[2] - inner[0]) * (inner[3] - inner[1]) / ((outer[2] - outer[0]) * (outer[3] - outer[1]))


def test_every_page_of_a_tiff_is_read() -> None:
    pages = []
    for word in ("First page", "Second page"):
        picture = Image.new("L", (600, 200), 255)
        ImageDraw.Draw(picture).text((60, 60), word, fill=0, font=ImageFont.truetype(FONT, 44))
        pages.append(picture)
    buffer = BytesIO()
    pages[0].copy().save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    document = read(buffer.getvalue())
    assert [page.number for page in document.pages] == [1, 2]
    assert to_markdown(read(buffer.getvalue(), ReadOptions(pages="2"))).strip().lstrip("# ") == "Second page"


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP"])
def test_other_kinds_of_picture(kind: str) -> None:
    picture = Image.new("RGB", (500, 160), "white")
    ImageDraw.Draw(picture).text((50, 50), "Lantern 42", fill="black", font=ImageFont.truetype(FONT, 44))
    buffer = BytesIO()
    picture.save(buffer, kind)
    assert "Lantern 42" in to_markdown(read(buffer.getvalue()))


def test_picture_turned_by_the_camera_and_transparent_ground() -> None:
    picture = Image.new("RGBA", (500, 160), (0, 0, 0, 0))
    ImageDraw.Draw(picture).text((50, 50), "Lantern 42", fill=(0, 0, 0, 255), font=ImageFont.truetype(FONT, 44))
    exif = Image.Exif()
    exif[0x0112] = 8  # the camera was turned: the picture is shown after a quarter turn anticlockwise
    buffer = BytesIO()
    picture.rotate(-90, expand=True).save(buffer, "PNG", exif=exif)
    document = read(buffer.getvalue())
    assert "Lantern 42" in to_markdown(document)
    assert document.pages[0].rotation == 0


def test_empty_picture_is_a_page_with_a_warning() -> None:
    buffer = BytesIO()
    Image.new("L", (300, 300), 255).save(buffer, "PNG")
    document = read(buffer.getvalue(), ReadOptions(languages=("de", "ru-RU")))
    assert document.pages[0].blocks == ()
    assert document.warnings == (
        "page 1: no text was recognised",
        "text recognition does not know the script of language 'ru-RU'",
    )


def test_nothing_is_recognised_when_it_is_not_wanted() -> None:
    document = read((SAMPLES / "receipt.png").read_bytes(), ReadOptions(ocr="never"))
    assert document.pages[0].blocks == ()
