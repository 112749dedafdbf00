"""How many pages a file has at most, by its bytes alone: never fewer than it has."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.rules.pagebound import TEXT_PAGE_BYTES, bound_of, pages_at_most

SAMPLES = Path(__file__).parent.parent.parent / "config" / "samples"


def pdf(pages: int, *, packed: bool = False) -> bytes:
    writer, target = pypdf.PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(100, 100)
    writer.write(target)
    content = target.getvalue()
    return _packed(content) if packed else content


def _packed(content: bytes) -> bytes:
    """The same with its page tree in an object stream, as newer programs write it."""
    start = content.index(b"<<\n/Type /Pages")
    end = content.index(b"endobj", start)
    stream = zlib.compress(content[start:end])
    head = b"9 0 obj\n<< /Type /ObjStm /N 1 /First 0 /Filter /FlateDecode /Length %d >>\nstream\n" % len(stream)
    return content[:start] + b"null\n" + content[end:] + head + stream + b"\nendstream\nendobj\n"


@pytest.mark.parametrize("pages", [1, 4, 51])
@pytest.mark.parametrize("packed", [False, True])
def test_pages_of_a_pdf(pages: int, packed: bool) -> None:
    assert bound_of(pdf(pages, packed=packed)) == pages


def test_later_versions_of_a_pdf_count_as_well() -> None:
    assert bound_of(pdf(2) + b"1 0 obj << /Type /Pages /Count 60 >> endobj") == 60


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 with no pages to be seen",
        b"%PDF-1.7 /Type /Pages /Count 7 0 R /Count 2",
        b"%PDF-1.7 /Count 1 /Type /ObjStm stream\nthis is not packed at all",
        b"%PDF-1.7 /Count 1 /Type /ObjStm stream\n" + zlib.compress(b"x" * 100_000)[:50],
        b"%PDF-1.7 /Count 1 /Type /ObjStm stream\n" + zlib.compress(bytes(9_000_000)),
        b"PK\x03\x04",
        b"MM\x00*",
        b"\x00\x01\x02\x03",
    ],
)
def test_what_only_a_reader_of_the_format_knows(content: bytes) -> None:
    assert bound_of(content) is None


def test_a_text_by_its_length() -> None:
    assert bound_of(b"x" * TEXT_PAGE_BYTES) == 1
    assert bound_of(b"x" * (TEXT_PAGE_BYTES + 1)) == 2


@pytest.mark.parametrize(
    ("name", "bound"),
    [("receipt.png", 1), ("notes.txt", 1), ("page.html", 1), ("report.pdf", 4), ("letter.docx", None)],
)
def test_samples(name: str, bound: int | None) -> None:
    file = SAMPLES / name
    size_bytes = file.stat().st_size
    assert pages_at_most(file, size_bytes, 1_000_000) == bound
    assert pages_at_most(file, size_bytes, size_bytes - 1) is None  # too large to be looked into


@given(st.binary(max_size=300), st.sampled_from([b"", b"%PDF-1.4", b"%PDF-1.4 /ObjStm stream\n", b"/Count 3"]))
def test_any_bytes_give_a_bound_or_none(content: bytes, start: bytes) -> None:
    bound = bound_of(start + content)
    assert bound is None or bound >= 0
