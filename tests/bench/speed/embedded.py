"""The embedded engine: pages a second through docferry against its libraries alone, and one small document."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pypdfium2

from speed.contenders import HERE, Docferry, FastServer, write_and_close
from speed.figures import Row, at_least, below, median, percentile

SAMPLES = HERE.parent.parent.parent / "config" / "samples"


def ferry(folder: Path) -> Docferry:
    """docferry as ``docferry init`` sets it up."""
    rule = {"name": "everything", "deliver": {"formats": ["markdown", "json"]}}
    return Docferry(folder, {"providers": {"local": {"dialect": "pulse", "engine": "embedded"}}, "rules": [rule]})


def engine(folder: Path, server: FastServer, *, copies: int, singles: int) -> Iterator[Row]:
    """The sample set many times over, and then single documents."""
    staged = folder / "staged"
    staged.mkdir()
    names = []
    for number in range(copies):
        for sample in sorted(SAMPLES.iterdir()):
            if sample.is_file():
                names.append(f"{number:03d}-{sample.name}")
                shutil.copy(sample, staged / names[-1])
    argv = [sys.executable, str(HERE / "bare_engine.py"), str(staged)]
    alone = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    with ferry(folder / "ferry").start() as daemon:
        _warm_up(daemon)
        done = len(daemon.receipts())
        began_at = time.time()
        for name in names:
            os.rename(staged / name, daemon.inbox / name)
        ended_at = daemon.wait_for_receipts(done + len(names))
        pages = alone["pages"]
        ours = pages / (ended_at - began_at)
        yield at_least(
            f"engine, {pages} pages of the sample set: pages a second against its libraries alone",
            ours / alone["pages_per_s"],
            0.9,
            f"{ours:.1f}/s",
            f"{alone['pages_per_s']:.1f}/s",
        )
        took_s = list(_singles(daemon, singles))
    yield below(
        "engine, a 1-page digital PDF: from close() to the receipt",
        median(took_s) * 1000,
        300.0,
        "ms",
        p99_ms=percentile(took_s, 0.99) * 1000,
    )


def _warm_up(daemon: Docferry) -> None:
    """Every worker has loaded what it needs, as after a day's work."""
    for number in range(2 * (os.cpu_count() or 1)):
        for sample in ("report.pdf", "receipt.png"):
            shutil.copy(SAMPLES / sample, daemon.inbox / f"warm-{number}-{sample}")
    daemon.wait_for_receipts(4 * (os.cpu_count() or 1))


def _singles(daemon: Docferry, count: int) -> Iterator[float]:
    one_page = _first_page(SAMPLES / "report.pdf")
    for number in range(count):
        name = f"single-{number}.pdf"
        closed_at = write_and_close(daemon.inbox / name, one_page)
        receipt = daemon.outbox / f"{name}.receipt.json"
        while not receipt.exists():
            time.sleep(0.002)
        yield receipt.stat().st_mtime - closed_at
        time.sleep(0.1)


def _first_page(path: Path) -> bytes:
    whole, alone, saved = pypdfium2.PdfDocument(path), pypdfium2.PdfDocument.new(), BytesIO()
    alone.import_pages(whole, [0])
    alone.save(saved)
    return saved.getvalue()
