"""A digital report of several pages: running header and footer, headings, lists, ruled tables, a footnote."""

from __future__ import annotations

import random
from io import BytesIO

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    FrameBreak,
    ListFlowable,
    ListItem,
    PageBreak,
    PageTemplate,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.flowables import Flowable

BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=14, spaceAfter=6)
TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=24, leading=30, spaceAfter=12)
HEADING = {
    1: ParagraphStyle("h1", fontName="Helvetica-Bold", fontSize=17, leading=22, spaceBefore=10, spaceAfter=6),
    2: ParagraphStyle("h2", fontName="Helvetica-Bold", fontSize=13, leading=17, spaceBefore=8, spaceAfter=4),
}
NOTE = ParagraphStyle("note", fontName="Helvetica", fontSize=7.5, leading=9)
GRID = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.7, colors.black),
        ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 10),
        ("FONT", (0, 1), (-1, -1), "Helvetica", 10),
    ]
)


def ruled_table(cells: list[list[str]], widths: list[float] | None = None) -> Table:
    return Table(cells, colWidths=widths, style=GRID, hAlign="LEFT")


def build(story: list[Flowable], running_header: str = "") -> bytes:
    """The PDF of a story; each page carries the running header and "Page N" at its foot."""
    buffer = BytesIO()

    def decorate(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(22 * mm, 284 * mm, running_header)
        canvas.drawCentredString(105 * mm, 10 * mm, f"Page {document.page}")

    template = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=24 * mm,
        bottomMargin=24 * mm,
        invariant=1,
    )
    template.build(story, onFirstPage=decorate, onLaterPages=decorate)
    return buffer.getvalue()


BERTHS = [
    ["Berth", "Length (m)", "Depth (m)", "Calls 2024", "Calls 2025"],
    ["North Quay", "310", "14.5", "182", "207"],
    ["South Quay", "245", "11.0", "131", "128"],
    ["Timber Pier", "180", "8.5", "64", "71"],
    ["Ferry Slip", "120", "6.0", "730", "744"],
]
COSTS = [
    ["Item", "Budget (EUR)", "Actual (EUR)", "Difference"],
    ["Dredging", "1,250,000", "1,312,400", "+62,400"],
    ["Crane repairs", "380,000", "355,150", "-24,850"],
    ["Lighting", "95,000", "97,310", "+2,310"],
]


def harbour_report() -> bytes:
    """Four pages about an invented harbour, the sample ``report.pdf``."""
    story: list[Flowable] = [
        Paragraph("Northwind Harbour Annual Report 2025", TITLE),
        Paragraph("Summary", HEADING[1]),
        Paragraph(
            "The harbour handled 1,150 calls in 2025, four per cent more than in the year before. The quays were open "
            "on 361 days; storms closed them on four. This report describes traffic, costs and plans.",
            BODY,
        ),
        Paragraph("Highlights", HEADING[2]),
        ListFlowable(
            [
                ListItem(Paragraph(text, BODY))
                for text in (
                    "The North Quay was lengthened by forty metres.",
                    "A second tug entered service in March.",
                    "Shore power is available at every berth.",
                )
            ],
            bulletType="bullet",
            start="•",
        ),
        PageBreak(),
        Paragraph("Traffic", HEADING[1]),
        Paragraph("Calls by berth are counted when a vessel makes fast, whatever its size.", BODY),
        Paragraph("Berths", HEADING[2]),
        ruled_table(BERTHS),
        Spacer(1, 6 * mm),
        Paragraph(
            "Ferry traffic grew slowly<super>1</super> while the timber trade recovered after two weak years.", BODY
        ),
        Spacer(1, 100 * mm),
        Paragraph("1 Ferry calls include the winter relief service.", NOTE),
        PageBreak(),
        Paragraph("Costs", HEADING[1]),
        Paragraph("Dredging cost more than planned because the fairway silted up after the October storm.", BODY),
        ruled_table(COSTS),
        PageBreak(),
        Paragraph("Plans", HEADING[1]),
        Paragraph("In 2026 the Timber Pier will be rebuilt. The work is expected to take nine months.", BODY),
        Paragraph("Contact", HEADING[2]),
        Paragraph("Harbour Office, 12 Quay Street, Northwind. Telephone 555 0142.", BODY),
    ]
    return build(story, "Northwind Harbour Authority")


def long_report(pages: int = 60) -> tuple[bytes, list[str]]:
    """A report of so many pages, and its headings in order: one on each page, every fifth page two."""
    story: list[Flowable] = []
    headings: list[str] = []
    for page in range(1, pages + 1):
        add_heading(story, headings, f"Chapter {page}: {TOPICS[page % len(TOPICS)]}", 1)
        story.append(Paragraph(FILLER[page % len(FILLER)] * 3, BODY))
        if page % 5 == 0:
            add_heading(story, headings, f"Details of {TOPICS[page % len(TOPICS)].lower()} {page}", 2)
        rows = [[f"{TOPICS[(page + row) % len(TOPICS)]}", str(page * 7 + row), f"{row}.{page:02d}"] for row in range(5)]
        story.append(ruled_table([["Subject", "Count", "Share"], *rows]))
        story.append(Spacer(1, 6 * mm))
        story.extend(Paragraph(FILLER[(page + turn) % len(FILLER)] * 2, BODY) for turn in range(3))
        story.append(PageBreak())
    return build(story, "Report on sixty subjects"), headings


def add_heading(story: list[Flowable], headings: list[str], text: str, level: int) -> None:
    story.append(Paragraph(text, HEADING[level]))
    headings.append(text)


def two_columns(pages: int = 4) -> tuple[bytes, list[str]]:
    """Pages in two columns with numbered marks in reading order: down the left column, then down the right."""
    marks = [f"mark{number:03d}" for number in range(1, 1 + pages * 8)]
    buffer = BytesIO()
    template = BaseDocTemplate(buffer, pagesize=A4, invariant=1)
    frames = [Frame(left * mm, 20 * mm, 80 * mm, 250 * mm, id=str(left)) for left in (20, 110)]
    template.addPageTemplates([PageTemplate(id="two", frames=frames)])
    story: list[Flowable] = []
    for place, mark in enumerate(marks):
        story.append(Paragraph(f"{mark} {FILLER[place % len(FILLER)] * 2}", BODY))
        if place % 4 == 3:
            story.append(FrameBreak())
    template.build(story)
    return buffer.getvalue(), marks


def borderless_table(seed: int, rows: int = 40) -> tuple[bytes, list[list[str]]]:
    """A page with a table without any rule, numbers to the right, and its cells by rows."""
    rng = random.Random(seed)
    cells = [["Name", "Town", "Date", "Amount", "Code"]]
    for _ in range(rows):
        day = f"{rng.randint(1, 28):02d}/{rng.randint(1, 12):02d}/2025"
        name = f"{rng.choice(SURNAMES)}, {rng.choice(GIVEN)}"
        cells.append(
            [name, rng.choice(TOWNS), day, f"{rng.randint(5, 5000)}.00", f"{rng.choice('ABCD')}{rng.randint(10, 99)}"]
        )
    style = TableStyle([("FONT", (0, 0), (-1, -1), "Helvetica", 9), ("ALIGN", (3, 0), (3, -1), "RIGHT")])
    style.add("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 9)
    widths = [42 * mm, 32 * mm, 28 * mm, 26 * mm, 22 * mm]
    table = Table(cells, colWidths=widths, rowHeights=[5.4 * mm] * len(cells), style=style, hAlign="LEFT")
    return build([Paragraph("Contributions", HEADING[1]), table], ""), cells


TOPICS = ("Harbours", "Rivers", "Bridges", "Lighthouses", "Canals", "Ferries", "Locks", "Dredging", "Tides")
SURNAMES = ("Okafor", "Lindqvist", "Moreau", "Tanaka", "Silva", "Novak", "Hughes", "Brandt")
GIVEN = ("Nadia", "Piotr", "Zoe", "Jonas", "Maria", "Kenji", "Alice", "Omar")
TOWNS = ("Northwind", "Easthaven", "Millbrook", "Stonebridge", "Lakeside", "Fairview")
FILLER = (
    "The quay was rebuilt after the flood and has since carried more traffic than before. ",
    "Surveyors measured the depth of the channel twice and found no difference worth noting. ",
    "Local firms supplied the timber, the stone came by barge from the upper valley. ",
    "Nobody expected the lamp to outlast its keeper, yet it burned for another decade. ",
)
