"""Documents that are small on disk and endless once opened."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def zipped(folder: str, part: str, mebibytes: int) -> bytes:
    """An Office file one part of which unpacks to so much."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr(f"{folder}/placeholder.xml", "<x/>")
        with archive.open(f"{folder}/{part}", "w", force_zip64=True) as entry:
            for _ in range(mebibytes):
                entry.write(b" " * (1 << 20))
    return packed.getvalue()


def docx_bomb() -> bytes:
    return zipped("word", "document.xml", 600)


def xlsx_bomb() -> bytes:
    return zipped("xl", "workbook.xml", 600)


def billion_laughs() -> bytes:
    """A DOCX whose text is an entity that unfolds to ten to the ninth words."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    document = (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "laugh ">{entities}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:body><w:p><w:r><w:t>&e9;</w:t></w:r></w:p></w:body></w:document>"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("word/document.xml", document)
    return packed.getvalue()


def png_claiming(width: int = 100_000, height: int = 100_000) -> bytes:
    """A PNG of a few hundred bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def nested_pdf() -> bytes:
    """A PDF whose page is an array in an array, a hundred thousand deep."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots" + b"[" * 100_000 + b"]" * 100_000 + b">>endobj\n"
        b"trailer<</Root 1 0 R>>\n%%EOF"
    )


def endless_pdf() -> bytes:
    """A PDF whose page tree contains itself."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 999999999>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


def stream_bomb() -> bytes:
    """A PDF whose page description unpacks to a tenth of a gigabyte of drawing, twice compressed."""
    stream = zlib.compress(zlib.compress(b"0 0 m 9 9 l S " * (7 << 20), 1), 9)
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length "
        + str(len(stream)).encode()
        + b"/Filter[/FlateDecode/FlateDecode]>>stream\n"
        + stream
        + b"\n"
        b"endstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


BOMBS = {
    "bomb.docx": docx_bomb,
    "bomb.xlsx": xlsx_bomb,
    "laughs.docx": billion_laughs,
    "huge.png": png_claiming,
    "nested.pdf": nested_pdf,
    "endless.pdf": endless_pdf,
    "stream.pdf": stream_bomb,
}
