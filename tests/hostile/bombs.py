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


def gigabytes_docx() -> bytes:
    """A DOCX of 4 MB whose text unpacks to 3.9 GB: one deflated piece, repeated, as packing so much would take long."""
    piece, pieces = b" " * (1 << 20), 3990
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    content = packed * pieces + b"\x03\x00"  # an empty last block
    checksum = 0
    for _ in range(pieces):
        checksum = zlib.crc32(piece, checksum)
    name, unpacked_bytes = b"word/document.xml", len(piece) * pieces
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, checksum, len(content), unpacked_bytes, len(name), 0)
    local = b"PK\x03\x04" + facts + name + content
    central = b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + b"PK\x05\x06" + end


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


def _pdf_with_font(font: bytes, *more: bytes) -> bytes:
    """A PDF of one page that shows a text in this font (object 5); ``more`` are the objects from 6 up."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        _stream(b"BT /F 12 Tf 9 9 Td (aaaa) Tj ET"),
        font,
        *more,
    )
    body = b"".join(b"%d 0 obj%s endobj\n" % (number, content) for number, content in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def _stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), more, content)


def endless_font() -> bytes:
    """A PDF with a font whose only glyph is drawn by writing that glyph eight times, in the same font."""
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/CharProcs<</a 6 0 R>>"
        b"/Encoding<</Type/Encoding/Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[9]"
        b"/Resources<</Font<</F 5 0 R>>>>>>"
    )
    return _pdf_with_font(font, _stream(b"9 0 d0 BT /F 1 Tf (aaaaaaaa) Tj ET"))


def font_bomb() -> bytes:
    """A PDF whose embedded font program unpacks to a gigabyte and claims sixty thousand tables."""
    packer = zlib.compressobj(9)
    program = packer.compress(b"\0\1\0\0" + b"\xff\xf0" * 4)
    for _ in range(1000):
        program += packer.compress(bytes(1 << 20))
    program += packer.flush()
    font = b"<</Type/Font/Subtype/TrueType/BaseFont/B/FirstChar 97/LastChar 97/Widths[9]/FontDescriptor 6 0 R>>"
    descriptor = (
        b"<</Type/FontDescriptor/FontName/B/Flags 32/FontBBox[0 0 9 9]/ItalicAngle 0/Ascent 9/Descent 0/CapHeight 9"
        b"/StemV 1/FontFile2 7 0 R>>"
    )
    return _pdf_with_font(font, descriptor, _stream(program, b"/Filter/FlateDecode"))


BOMBS = {
    "bomb.docx": docx_bomb,
    "gigabytes.docx": gigabytes_docx,
    "bomb.xlsx": xlsx_bomb,
    "laughs.docx": billion_laughs,
    "huge.png": png_claiming,
    "nested.pdf": nested_pdf,
    "endless.pdf": endless_pdf,
    "stream.pdf": stream_bomb,
    "endless-font.pdf": endless_font,
    "font.pdf": font_bomb,
}
