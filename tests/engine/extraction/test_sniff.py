"""The type comes from the content: names are not looked at."""

from __future__ import annotations

import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from docferry.engine.extraction import sniff
from engine.extraction.reading import SAMPLES


def picture(kind: str) -> bytes:
    buffer = BytesIO()
    Image.new("L", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


def archive(*names: str, mimetype: str = "") -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        if mimetype:
            file.writestr("mimetype", mimetype)
        for name in names:
            file.writestr(name, "x")
    return buffer.getvalue()


def ole(stream: str) -> bytes:
    return sniff.OLE + b"\0" * 600 + stream.encode("utf-16-le")


CASES = [
    (b"%PDF-1.7\n", "application/pdf"),
    (b"\n\nleading rubbish %PDF-1.4", "application/pdf"),
    (picture("PNG"), "image/png"),
    (picture("JPEG"), "image/jpeg"),
    (picture("TIFF"), "image/tiff"),
    (picture("GIF"), "image/gif"),
    (picture("WEBP"), "image/webp"),
    (picture("BMP"), "image/bmp"),
    (archive("[Content_Types].xml", "word/document.xml"), sniff.DOCX),
    (archive("xl/workbook.xml"), sniff.XLSX),
    (archive("xl/workbook.xml", "xl/vbaProject.bin"), sniff.XLSM),
    (archive("ppt/presentation.xml"), sniff.PPTX),
    (
        archive("content.xml", mimetype="application/vnd.oasis.opendocument.text"),
        "application/vnd.oasis.opendocument.text",
    ),
    (archive("something"), "application/zip"),
    (b"PK\x03\x04 cut off", "application/zip"),
    (ole("WordDocument"), sniff.DOC),
    (ole("Workbook"), sniff.XLS),
    (ole("PowerPoint Document"), sniff.PPT),
    (ole("EncryptedPackage"), sniff.ENCRYPTED_OFFICE),
    (b"{\\rtf1 hello}", "application/rtf"),
    (b"<!-- x -->\n<!DOCTYPE html><p>x", "text/html"),
    ("<html>Grüße</html>".encode("utf-16"), "text/html"),
    (b"From: a@b.c\r\nTo: d@e.f\r\nSubject: x\r\n\r\nhello", "message/rfc822"),
    (b"name;town;sum\na;b;1\nc;d;2\n", "text/csv"),
    (b'name,town\n"a, b",c\nd,e\n', "text/csv"),
    (b"# Title\n\n- one\n- two\n\ntext\n", "text/markdown"),
    (b"Dear Sir, we thank you.\nYours, Nadia\n", "text/plain"),
    ("Grüße aus Köln".encode("cp1252"), "text/plain"),
    (b"<?xml version='1.0'?><a/>", "application/xml"),
    (b"\x00\x01\x02\x03binary\xff" * 20, "application/octet-stream"),
]


@pytest.mark.parametrize(("content", "kind"), CASES, ids=[f"{place}-{kind}" for place, (_, kind) in enumerate(CASES)])
def test_type_by_content(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "misleading.exe"
    path.write_bytes(content)
    assert sniff.media_type(path) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("report.pdf", "application/pdf"),
        ("receipt.png", "image/png"),
        ("letter.docx", sniff.DOCX),
        ("budget.xlsx", sniff.XLSX),
        ("page.html", "text/html"),
        ("notes.txt", "text/plain"),
    ],
)
def test_type_of_samples(name: str, kind: str) -> None:
    assert sniff.media_type(SAMPLES / name) == kind


@given(st.binary(max_size=300))
def test_any_bytes_have_a_type(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        assert "/" in sniff.media_type(Path(file.name))
