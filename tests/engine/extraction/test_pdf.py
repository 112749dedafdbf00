"""PDFs: text, boxes, tables, forms, passwords, and which pages are recognised."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from corpus import invoices, reports, scans, special
from docferry.engine.extraction.errors import BadPageRange, PasswordRequired, TooManyPages
from docferry.engine.extraction.model import Block, BlockKind, Box, Document
from docferry.engine.extraction.pdf import iso_date
from docferry.engine.extraction.read import ReadOptions, read_document
from docferry.engine.render import to_markdown
from engine.extraction.reading import SAMPLES, read, tables

SHARES = [["Name", "Share"], ["1. north", r"\\server\_x"], ["2. *south*", "*5*"], ["c_d", "7"]]
REPORT = (SAMPLES / "report.pdf").read_bytes()


@pytest.fixture(scope="module")
def report() -> Document:
    return read(REPORT)


def test_headings_with_their_levels(report: Document) -> None:
    headings = [(block.level, block.text) for block in report.blocks if block.kind is BlockKind.HEADING]
    assert headings[:3] == [(1, "Northwind Harbour Annual Report 2025"), (2, "Summary"), (2, "Highlights")]
    assert [text for _, text in headings[3:]] == ["Traffic", "Berths", "Costs", "Plans", "Contact"]


def test_ruled_tables_cell_by_cell(report: Document) -> None:
    assert tables(report) == [reports.BERTHS, reports.COSTS]


def test_running_headers_page_numbers_and_footnotes_are_told(report: Document) -> None:
    kinds = {kind: [block.text for block in report.blocks if block.kind is kind] for kind in BlockKind}
    assert kinds[BlockKind.HEADER] == ["Northwind Harbour Authority"] * 4
    assert kinds[BlockKind.PAGE_NUMBER] == ["Page 1", "Page 2", "Page 3", "Page 4"]
    assert kinds[BlockKind.FOOTNOTE] == ["1 Ferry calls include the winter relief service."]


def text_in(path: Path, page: int, box: Box) -> str:
    """What another PDF library finds within the box."""
    document = pypdfium2.PdfDocument(path)
    try:
        width, height = document[page - 1].get_size()
        inside = (
            box.left * width - 1,
            (1 - box.bottom) * height - 1,
            box.right * width + 1,
            (1 - box.top) * height + 1,
        )
        return document[page - 1].get_textpage().get_text_bounded(*inside)
    finally:
        document.close()


def squeezed(text: str) -> str:
    return "".join(text.split()).replace("•", "")


def test_every_box_holds_its_own_text_and_no_more(report: Document) -> None:
    for block in report.blocks:
        assert block.box is not None
        assert squeezed(text_in(SAMPLES / "report.pdf", block.page, block.box)) == squeezed(block.text)


def test_every_word_and_cell_stands_where_its_box_says(report: Document) -> None:
    for page in report.pages:
        assert len(page.words) > 20
        for word in page.words[::7]:
            assert squeezed(word.text) in squeezed(text_in(SAMPLES / "report.pdf", page.number, word.box))
    for cell in (cell for block in report.blocks if block.table is not None for cell in block.table.cells):
        assert cell.box is not None
    second = next(block for block in report.blocks if block.table is not None)
    assert second.table is not None
    cell = second.table.cells[7]
    assert cell.box is not None
    assert squeezed(text_in(SAMPLES / "report.pdf", second.page, cell.box)) == squeezed(cell.text)


def test_two_columns_in_reading_order() -> None:
    content, marks = reports.two_columns(pages=2)
    markdown = to_markdown(read(content))
    places = [markdown.index(mark) for mark in marks]
    assert places == sorted(places)


def test_table_without_rules() -> None:
    content, cells = reports.borderless_table(seed=4, rows=25)
    found = [row for table in tables(read(content)) for row in table]
    assert [row for row in cells if row not in found] == []


def test_characters_that_markdown_uses_are_as_they_were_printed() -> None:
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for font, size, x, y, text in (
        ("Helvetica-Bold", 18, 72, 780, r"1. Files in \\server\_x"),
        (
            "Helvetica",
            10,
            72,
            750,
            r"Some running text about \\server\_x with 2 * 3 = *six* and more such words.",
        ),
        ("Helvetica-Oblique", 10, 80, 720, "\u2022 slanted 2 * 3"),
        ("Helvetica-Bold", 10, 80, 706, "\u2022 bold *x*"),
        ("Helvetica", 10, 80, 692, "\u2022 upright C:\\_x"),
        *(
            ("Helvetica", 10, x, 640 - 16 * row, text)
            for row, texts in enumerate(SHARES)
            for x, text in zip((80, 250), texts, strict=True)
        ),
    ):
        canvas.setFont(font, size)
        canvas.drawString(x, y, text)
    canvas.save()
    document = read(buffer.getvalue())
    assert [block.text for block in document.blocks if block.table is None] == [
        r"1. Files in \\server\_x",
        r"Some running text about \\server\_x with 2 * 3 = *six* and more such words.",
        "slanted 2 * 3",
        "bold *x*",
        r"upright C:\_x",
    ]
    assert tables(document) == [SHARES]
    assert to_markdown(document).startswith("# 1. Files in ")


def test_labelled_values_are_pairs_not_a_header() -> None:
    document = read(invoices.invoice_pdf(invoices.make_invoice(1)))
    labelled = next(block.table for block in document.blocks if block.table is not None)
    assert not any(cell.is_header for cell in labelled.cells)


def test_selected_pages_keep_their_numbers() -> None:
    document = read(REPORT, ReadOptions(pages="2,4"))
    assert [page.number for page in document.pages] == [2, 4]
    assert {block.page for block in document.blocks} == {2, 4}


def test_pages_beyond_the_end_and_beyond_the_limit() -> None:
    with pytest.raises(BadPageRange, match="4 pages"):
        read(REPORT, ReadOptions(pages="3-9"))
    with pytest.raises(TooManyPages, match="4 pages"):
        read(REPORT, ReadOptions(max_pages=3))


def test_encrypted_document_opens_with_its_password_only() -> None:
    content = special.encrypted_pdf("open sesame")
    assert special.SENTENCE in to_markdown(read(content, ReadOptions(password="open sesame")))
    with pytest.raises(PasswordRequired, match="protected by a password"):
        read(content)
    with pytest.raises(PasswordRequired, match="does not open"):
        read(content, ReadOptions(password="wrong"))


def test_document_that_only_forbids_changes_is_read() -> None:
    assert special.SENTENCE in to_markdown(read(special.encrypted_pdf("")))


def test_password_is_not_shown_by_the_options() -> None:
    assert "sesame" not in repr(ReadOptions(password="open sesame"))


def fields(document: Document) -> dict[str | None, Block]:
    return {block.label: block for block in document.blocks if block.kind is BlockKind.FORM_FIELD}


def test_form_fields_with_their_values() -> None:
    document = read(special.form_pdf())
    found = fields(document)
    assert {label: block.text for label, block in found.items()} == {
        "Full name": "Jane Doe",
        "agreed": "☑",
        "newsletter": "☐",
        "colour": "Red",
    }
    name = found["Full name"].box
    assert name is not None
    assert (name.left, name.right) == pytest.approx((150 / 595, 350 / 595), abs=0.01)
    assert "Full name: Jane Doe" in to_markdown(document)


def test_figure_stands_in_its_place_with_its_picture() -> None:
    document = read(special.figure_pdf())
    kinds = [block.kind for block in document.blocks]
    figure = document.blocks[kinds.index(BlockKind.FIGURE)]
    assert figure.id == "img-1"
    assert figure.image is not None
    assert document.images[figure.image].startswith(b"\x89PNG")
    assert figure.box is not None
    assert figure.box.left == pytest.approx(100 / 595, abs=0.01)
    markdown = to_markdown(document)
    assert (
        markdown.index("Before the figure")
        < markdown.index(f"![]({figure.image})")
        < markdown.index("After the figure")
    )


def test_pictures_only_when_they_are_wanted() -> None:
    document = read(special.figure_pdf(), ReadOptions())
    assert document.images == {}
    assert all(block.image is None for block in document.blocks)


def test_box_on_a_page_turned_by_its_viewer_lies_on_the_ink() -> None:
    content = special.rotated_pdf()
    page = read(content).pages[0]
    picture = scans.render(content, dpi=72)
    ink = picture.point(lambda value: 255 if value < 128 else 0).getbbox()
    box = page.blocks[0].box
    assert ink is not None
    assert box is not None
    assert (page.width, page.height) == pytest.approx(picture.size, abs=1)
    found = (box.left * picture.width, box.top * picture.height, box.right * picture.width, box.bottom * picture.height)
    assert found == pytest.approx(ink, abs=4)


def test_small_print_is_kept() -> None:
    assert "Liability is limited to gross negligence." in to_markdown(read(special.small_print_pdf()))


def test_blank_page_is_a_page_without_blocks() -> None:
    document = read(special.blank_pdf())
    assert len(document.pages) == 1
    assert document.pages[0].blocks == ()


def test_document_says_who_made_it() -> None:
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    canvas.setTitle("Tide tables")
    canvas.setAuthor("Nadia Okafor")
    canvas.drawString(72, 700, special.SENTENCE)
    canvas.save()
    document = read(buffer.getvalue())
    assert (document.title, document.metadata["author"]) == ("Tide tables", "Nadia Okafor")
    assert document.metadata["created"] == "2000-01-01T00:00:00+00:00"
    assert "subject" not in document.metadata


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("D:20260318084105+01'00'", "2026-03-18T08:41:05+01:00"),
        ("D:20260318084105-03'30", "2026-03-18T08:41:05-03:30"),
        ("D:20260318084105Z", "2026-03-18T08:41:05Z"),
        ("D:20260318084105Z00'00'", "2026-03-18T08:41:05Z"),
        ("202603180841", "2026-03-18T08:41:00"),
        ("D:20260318", "2026-03-18"),
        ("D:2026", "2026"),
        ("18 March 2026", "18 March 2026"),
    ],
)
def test_dates_of_pdfs_are_told_as_others_write_them(written: str, iso: str) -> None:
    assert iso_date(written) == iso


def test_scan_with_a_stamp_and_a_garbled_page_are_recognised_others_are_not(tmp_path: Path) -> None:
    receipt = (SAMPLES / "receipt.png").read_bytes()
    picture = tmp_path / "receipt.png"
    picture.write_bytes(receipt)
    from PIL import Image

    with Image.open(picture) as opened:
        stamped = read(special.stamped_scan_pdf(opened))
    assert (stamped.pages[0].source, "CORNER BAKERY" in to_markdown(stamped)) == ("ocr", True)
    garbled = read(special.garbled_pdf())
    assert garbled.pages[0].source == "ocr"
    assert "Harbour dues for vessel number 3" in to_markdown(garbled)
    assert {page.source for page in read(REPORT).pages} == {"digital"}


def test_file_without_an_ending_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(REPORT)
    assert len(read_document(path, ReadOptions(), filename="report.pdf").pages) == 4
