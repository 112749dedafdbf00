"""The office samples: a letter (DOCX), a budget (XLSX) and slides (PPTX)."""

from __future__ import annotations

import datetime
import re
import zipfile
from io import BytesIO

import docx
import openpyxl
import pptx

WHEN = datetime.datetime(2026, 1, 15, 9, 0, tzinfo=datetime.UTC).replace(tzinfo=None)


def same_bytes(archive: bytes) -> bytes:
    """The archive with fixed times, so that making the samples again changes nothing."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(archive)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2026-01-15T09:00:00Z", source.read(entry))
            target.writestr(zipfile.ZipInfo(entry.filename, (2026, 1, 15, 9, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def letter_docx() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Offer for harbour lamps"
    document.core_properties.created = document.core_properties.modified = WHEN
    document.add_heading("Offer for harbour lamps", 0)
    document.add_paragraph("Dear Ms Ångström,")
    paragraph = document.add_paragraph("thank you for your enquiry. We can deliver ")
    paragraph.add_run("forty lamps").bold = True
    paragraph.add_run(" before the end of May.")
    document.add_heading("Delivery", 1)
    for text in ("Packed in wooden crates", "Shipped by rail to Northwind"):
        document.add_paragraph(text, style="List Bullet")
    document.add_heading("Prices", 1)
    table = document.add_table(rows=0, cols=3)
    for row in (("Lamp", "Pieces", "Price"), ("Quay lamp", "30", "EUR 240.00"), ("Pier lamp", "10", "EUR 310.50")):
        cells = table.add_row().cells
        for cell, text in zip(cells, row, strict=True):
            cell.text = text
    document.add_paragraph("Yours sincerely, Jörg Weiß")
    return saved(document)


def budget_xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = WHEN
    sheet = book.active
    sheet.title = "Budget 2026"
    for row in (["Department", "January", "February", "Share"], ["Pilots", 12500, 13100.5, 0.42],
                ["Maintenance", 8200, 7900, 0.27], ["Office", 4100, 4150, 0.14]):  # fmt: skip
        sheet.append(row)
    for line in range(2, 5):
        sheet.cell(line, 2).number_format = sheet.cell(line, 3).number_format = "#,##0.00"
        sheet.cell(line, 4).number_format = "0%"
    sheet.append(["Hidden reserve", 999, 999, 0.01])
    sheet.row_dimensions[5].hidden = True
    staff = book.create_sheet("Staff")
    for row in (
        ["Name", "Since"],
        ["Nadia Okafor", datetime.date(2019, 4, 1)],
        ["Piotr Żak", datetime.date(2023, 9, 15)],
    ):
        staff.append(row)
    secret = book.create_sheet("Secret")
    secret.append(["Secret plan", "Zebra"])
    secret.sheet_state = "hidden"
    return saved(book)


def slides_pptx() -> bytes:
    show = pptx.Presentation()
    show.core_properties.created = show.core_properties.modified = WHEN
    for title, lines, note in (
        ("Harbour lighting", ("Forty new lamps", "Less energy"), "Mention the subsidy"),
        ("Timetable", ("Order in March", "Delivery in May"), ""),
    ):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(lines)
        if note:
            slide.notes_slide.notes_text_frame.text = note
    return saved(show)


def saved(document: docx.document.Document | openpyxl.Workbook | pptx.presentation.Presentation) -> bytes:
    buffer = BytesIO()
    document.save(buffer)
    return same_bytes(buffer.getvalue())
