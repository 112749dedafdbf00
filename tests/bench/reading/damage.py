"""Damaged files: each must end in a document or an ExtractionError, in limited time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from bench.reading.figures import Figure, Setting, read
from corpus import invoices, office
from corpus.damage import damaged
from corpus.samples import samples
from docferry.engine.extraction.errors import ExtractionError
from docferry.engine.extraction.read import ReadOptions

LONGEST_S = 20.0


def random_damage(setting: Setting) -> Iterator[Figure]:
    """300 damages each of five formats; in this process, so that a crash would end the bench."""
    ready = samples()
    sources = {
        "pdf": invoices.invoice_pdf(invoices.make_invoice(2)),
        "docx": ready["letter.docx"],
        "xlsx": ready["budget.xlsx"],
        "pptx": office.slides_pptx(),
        "png": ready["receipt.png"],
    }
    rounds = 30 if setting.quick else 300
    for kind, source in sources.items():
        rng, bad, longest = random.Random(kind), 0, 0.0
        for _ in range(rounds):
            started = time.perf_counter()
            try:
                read(setting, damaged(source, rng), ReadOptions(ocr="never"))
            except ExtractionError:
                pass
            except Exception as error:  # a bench counts what a test would stop at
                bad += 1
                print(f"     {kind}: {type(error).__name__}: {error}"[:200])
            longest = max(longest, time.perf_counter() - started)
        reached = bad == 0 and longest <= LONGEST_S
        yield Figure(f"damage: {kind}, {rounds} times, longest {longest:.2f} s", f"{bad} astray", "0 astray", reached)
