"""Writes ``config/samples`` and ``tests/corpus/truth.json``: ``python tests/corpus/samples.py``.

Needs the development packages reportlab, python-docx, openpyxl and python-pptx. Making the samples again
with the same versions writes the same bytes.
"""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from corpus import invoices, office, reports, scans  # noqa: E402

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
RECEIPT = (
    "CORNER BAKERY", "14 Mill Lane, Northwind", "Date 2026-03-18  08:41", "",
    "Rye bread           4.20", "Croissant x2        3.80", "Coffee              2.60",
    "", "TOTAL EUR          10.60", "Paid by card", "Thank you!",
)  # fmt: skip
PAGE = """<!doctype html>
<html lang="en"><head><title>Tide tables</title><style>p {color: navy}</style></head>
<body><nav>Home | Tides</nav><script>alert("no")</script>
<h1>Tide tables</h1><p>All times are <b>local</b>. See the <a href="https://example.org/tides">long table</a>.</p>
<h2>Today</h2><ul><li>Mind the spring tide</li><li>Small craft stay in</li></ul>
<table><tr><th>Tide</th><th>Time</th><th>Height</th></tr><tr><td>High</td><td>04:12</td><td>5.1 m</td></tr>
<tr><td>Low</td><td>10:27</td><td>0.8 m</td></tr></table></body></html>
"""
NOTES = """Notes of the quay meeting

Present: Nadia, Piotr, Zoë.
The fender at North Quay is worn; Piotr orders a new one.
Next meeting on 12 May at 10:00.
"""
TRUTH = {
    "report.pdf": ["Northwind Harbour Annual Report 2025", "Highlights", "A second tug entered service in March.",
                   "Timber Pier", "744", "+62,400", "winter relief service", "Telephone 555 0142"],
    "scan.pdf": ["INVOICE", "Northwind Trading Company", "Copper pipe 22 mm", "Payment within thirty days"],
    "receipt.png": ["CORNER BAKERY", "Croissant", "10.60", "Paid by card"],
    "letter.docx": ["Offer for harbour lamps", "Ms Ångström", "forty lamps", "Packed in wooden crates", "EUR 310.50",
                    "Jörg Weiß"],
    "budget.xlsx": ["Department", "13,100.50", "42%", "Nadia Okafor", "Piotr Żak"],
    "page.html": ["Tide tables", "Mind the spring tide", "04:12", "0.8 m"],
    "notes.txt": ["Notes of the quay meeting", "Zoë", "12 May at 10:00"],
}  # fmt: skip


def receipt_png() -> bytes:
    picture = Image.new("L", (620, 120 + 46 * len(RECEIPT)), 252)
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(FONT, 28)
    for index, line in enumerate(RECEIPT):
        draw.text((60, 60 + 46 * index), line, fill=25, font=font)
    buffer = BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def samples() -> dict[str, bytes]:
    invoice = invoices.invoice_pdf(invoices.make_invoice(seed=0))
    report = reports.harbour_report()
    return {
        "report.pdf": report,
        "scan.pdf": scans.image_pdf([scans.scan(invoice, skew=0.7, noise=2.0)]),
        "receipt.png": receipt_png(),
        "letter.docx": office.letter_docx(),
        "budget.xlsx": office.budget_xlsx(),
        "page.html": PAGE.encode(),
        "notes.txt": NOTES.encode(),
        "bad/truncated.pdf": report[: len(report) * 2 // 5],
        "bad/not-a.pdf": b"This is a plain text that somebody named like a PDF.\n",
        "bad/empty.pdf": b"",
    }


def main() -> None:
    folder = ROOT / "config" / "samples"
    (folder / "bad").mkdir(parents=True, exist_ok=True)
    for name, content in samples().items():
        (folder / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")
    truth = ROOT / "tests" / "corpus" / "truth.json"
    truth.write_text(json.dumps(TRUTH, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
