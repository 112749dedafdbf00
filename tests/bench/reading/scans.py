"""Scans: characters, fields and cells of invoices, upright and turned; tables without rules; languages; speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from io import BytesIO
from statistics import median

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.reading.figures import Figure, Setting, at_most, character_errors, matching_rows, read, share
from corpus import invoices, reports, scans
from corpus.invoices import Invoice
from corpus.samples import FONT
from docferry.engine.extraction.model import Document

RENDERINGS = (
    {"skew": 0.7},
    {"skew": -0.5},
    {"skew": -1.5, "noise": 9.0},
    {"skew": 2.0, "noise": 9.0},
    {"skew": 0.4, "dpi": 150},
    {"skew": -0.6, "dpi": 300},
)
SENTENCES = (
    "Die Größe der Straßenlampen überprüfen wir jährlich im Frühjahr.",
    "À la fête de Noël, l'évêque a reçu des œufs et du maïs bien sûr.",
    "Zażółć gęślą jaźń, a potem wyślij fakturę do Łodzi.",
    "El niño pidió un café y la señora pagó doce euros.",
    "Perché il caffè è già freddo? Così non va più bene.",
    "A informação sobre a estação não está disponível amanhã.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Blåbærsyltetøy på brød, og så æbler fra haven.",
)


def scanned(seed: int, rendering: dict[str, float]) -> tuple[Invoice, bytes]:
    """An invoice and its scan as a PNG that knows its resolution."""
    wanted = invoices.make_invoice(seed)
    dpi = int(rendering.get("dpi", 200))
    picture = scans.scan(
        invoices.invoice_pdf(wanted), **{**rendering, "dpi": dpi, "turn": int(rendering.get("turn", 0))}
    )
    buffer = BytesIO()
    picture.save(buffer, "PNG", dpi=(dpi, dpi))
    return wanted, buffer.getvalue()


def whole_text(wanted: Invoice) -> str:
    labelled = "".join(f"{label}:{value}" for label, value in wanted.fields)
    cells = "".join("".join(row) for row in wanted.cells)
    return f"INVOICE{labelled}{cells}Payment within thirty days. Goods remain our property until paid in full."


def exact_values(wanted: Invoice, document: Document) -> int:
    texts = {cell.text for block in document.blocks if block.table is not None for cell in block.table.cells}
    texts |= {line.partition(": ")[2] for block in document.blocks for line in block.text.splitlines()}
    return sum(value in texts for value in wanted.values)


def measure(setting: Setting, renderings: list[dict[str, float]], first_seed: int) -> tuple[float, int, int, int, int]:
    """Mean character errors; exact values and how many; cells of exact rows and how many."""
    errors, values, all_values, cells, all_cells = 0.0, 0, 0, 0, 0
    for place, rendering in enumerate(renderings):
        wanted, picture = scanned(first_seed + place, rendering)
        document = read(setting, picture)
        errors += character_errors(whole_text(wanted), "".join(block.text for block in document.blocks))
        values += exact_values(wanted, document)
        all_values += len(wanted.values)
        cells += matching_rows(wanted.cells, document)
        all_cells += sum(map(len, wanted.cells))
    return errors / len(renderings), values, all_values, cells, all_cells


def invoices_upright(setting: Setting) -> Iterator[Figure]:
    renderings = list(RENDERINGS[: 2 if setting.quick else None])
    errors, values, all_values, cells, all_cells = measure(setting, renderings, first_seed=101)
    yield at_most(f"scan: character errors in %, mean of {len(renderings)}", errors * 100, 0.3)
    yield share("scan: exact fields", values, all_values, 1.0)
    yield share("scan: table cells (row match)", cells, all_cells, 0.97)


def invoices_turned(setting: Setting) -> Iterator[Figure]:
    upright = measure(setting, [{"skew": 0.7}], first_seed=201)
    for turn in (90, 180, 270):
        turned = measure(setting, [{"skew": 0.7, "turn": turn}], first_seed=201)
        yield at_most(f"scan turned by {turn}: character errors in %", turned[0] * 100, upright[0] * 100 + 1.0)
        yield share(f"scan turned by {turn}: exact fields", turned[1], upright[1], 0.99)


def borderless_tables(setting: Setting) -> Iterator[Figure]:
    got = total = 0
    for seed in range(1 if setting.quick else 4):
        content, rows = reports.borderless_table(seed + 50)
        picture = scans.scan(content, skew=0.6)
        got += matching_rows(rows, read(setting, scans.image_pdf([picture])))
        total += sum(map(len, rows))
    yield share("scan: cells of borderless tables (row match)", got, total, 0.97)


def languages(setting: Setting) -> Iterator[Figure]:
    picture = Image.new("L", (1700, 120 + 90 * len(SENTENCES)), 250)
    font = ImageFont.truetype(FONT.replace("Mono", ""), 38)
    for line, sentence in enumerate(SENTENCES):
        ImageDraw.Draw(picture).text((90, 60 + 90 * line), sentence, fill=30, font=font)
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    text = "".join(block.text for block in read(setting, buffer.getvalue()).blocks)
    yield at_most("scan: character errors in %, eight languages", character_errors("".join(SENTENCES), text) * 100, 1.0)


def overhead(setting: Setting) -> Iterator[Figure]:
    """CPU seconds for a page, the whole reading against RapidOCR called directly with its defaults."""
    from rapidocr import RapidOCR

    from docferry.engine.extraction.ocr.page import page_from_picture

    picture = np.ascontiguousarray(
        np.asarray(scans.scan(invoices.invoice_pdf(invoices.make_invoice(301))).convert("RGB"))[:, :, ::-1]
    )
    engine = RapidOCR(params={"Global.log_level": "critical", "EngineConfig.onnxruntime.intra_op_num_threads": 2,
                              "EngineConfig.onnxruntime.inter_op_num_threads": 1})  # fmt: skip

    def ours() -> None:
        page_from_picture(picture, 1, 595, 842, words=True, threads=2)

    ours()
    engine(picture)
    pairs = [(timed(ours), timed(lambda: engine(picture))) for _ in range(1 if setting.quick else 5)]
    mine = min(first for first, _ in pairs)
    ratio = median(first / second for first, second in pairs)
    yield at_most(f"scan: CPU seconds against the recogniser called directly ({mine:.1f} s)", ratio, 1.15)


def timed(work: Callable[[], object]) -> float:
    """CPU seconds: what else the machine does shall not count."""
    started = time.process_time()
    work()
    return time.process_time() - started
