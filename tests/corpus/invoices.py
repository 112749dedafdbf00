"""An invoice whose every field and table cell is known, drawn as PDF in the layout the figures are measured on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from io import BytesIO

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Table, TableStyle

COMPANIES = ("Harbour & Sons Ltd", "Müller Logistik GmbH", "Papeterie Lévêque SARL", "Cartiera Verdi S.p.A.")
GOODS = (
    "Copper pipe 22 mm", "Hex bolt M8 zinc", "Safety gloves size 9", "Cable drum 50 m", "LED panel 60x60",
    "Ball valve brass", "Sealing tape PTFE", "Work light 30 W", "Drill set HSS", "Pallet wrap clear",
    "Shelf bracket", "Paint roller", "Fuse 16 A type B", "Hose clamp 40 mm", "Spirit level 80 cm",
    "Dust mask FFP2", "Grease cartridge", "Sanding disc P120",
)  # fmt: skip


@dataclass(frozen=True)
class Invoice:
    fields: tuple[tuple[str, str], ...]  # label, value
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def cells(self) -> list[list[str]]:
        return [list(self.header), *(list(row) for row in self.rows)]

    @property
    def values(self) -> list[str]:
        """The ten labelled values and every cell: what "exact fields" counts."""
        return [value for _, value in self.fields] + [cell for row in self.cells for cell in row]


def make_invoice(seed: int, lines: int = 16) -> Invoice:
    """Ten labelled values and ``lines`` rows of five columns, the same for the same seed."""
    rng = random.Random(seed)
    rows, total_cents = [], 0
    for number in range(1, lines + 1):
        quantity, cents = rng.randint(1, 48), rng.randint(95, 48900)
        total_cents += quantity * cents
        goods = GOODS[(number - 1 + seed) % len(GOODS)]
        rows.append((str(number), goods, str(quantity), money(cents), money(quantity * cents)))
    fields = (
        ("Invoice number", f"INV-2026-{rng.randint(1000, 9999)}"),
        ("Invoice date", f"{rng.randint(10, 28)}.0{rng.randint(1, 9)}.2026"),
        ("Due date", f"{rng.randint(10, 28)}.1{rng.randint(0, 2)}.2026"),
        ("Supplier", COMPANIES[seed % len(COMPANIES)]),
        ("Customer", "Northwind Trading Company"),
        ("Customer number", str(rng.randint(20000, 99999))),
        ("Purchase order", f"PO-{rng.randint(100000, 999999)}"),
        ("IBAN", f"DE{rng.randint(10, 99)} 5001 0517 {rng.randint(1000, 9999)} {rng.randint(1000, 9999)} 31"),
        ("VAT number", f"DE{rng.randint(100000000, 999999999)}"),
        ("Total due", f"EUR {money(total_cents)}"),
    )
    return Invoice(fields, ("No", "Description", "Quantity", "Unit price", "Amount"), tuple(rows))


def money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def invoice_pdf(invoice: Invoice) -> bytes:
    """One A4 page: title, labelled values, a ruled table and a closing sentence."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    canvas.setTitle("Invoice")
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(22 * mm, 272 * mm, "INVOICE")
    for index, (label, value) in enumerate(invoice.fields):
        y = (260 - index * 6.5) * mm
        canvas.setFont("Helvetica-Bold", 10)
        canvas.drawString(22 * mm, y, f"{label}:")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(70 * mm, y, value)
    draw_ruled_table(canvas, invoice.cells, top=188 * mm)
    canvas.setFont("Helvetica", 10)
    canvas.drawString(22 * mm, 40 * mm, "Payment within thirty days. Goods remain our property until paid in full.")
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def draw_ruled_table(canvas: Canvas, cells: list[list[str]], top: float) -> None:
    table = Table(cells, colWidths=[12 * mm, 66 * mm, 24 * mm, 32 * mm, 32 * mm], rowHeights=[7.5 * mm] * len(cells))
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.7, colors.black),
                ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 10),
                ("FONT", (0, 1), (-1, -1), "Helvetica", 10),
                ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ]
        )
    )
    _, height = table.wrapOn(canvas, 170 * mm, 200 * mm)
    table.drawOn(canvas, 22 * mm, top - height)
