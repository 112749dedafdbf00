"""What a file is, from its content alone; its name is never asked.

The formats that documents come in are recognised here; for the rest of the world puremagic's table is
asked. ZIP and OLE containers are looked into, since Office files, OpenDocument and e-mail hide in them.
"""

from __future__ import annotations

import codecs
import csv
import re
import zipfile
from typing import BinaryIO

import puremagic

from docferry.rules.ole import stream_names

HEAD_BYTES = 16 * 1024
UNKNOWN = "application/octet-stream"
EMPTY = "application/x-empty"
ENCRYPTED_OFFICE = "application/encrypted"

_MEMBER_LIMIT_BYTES = 1_000_000
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"II+\x00", "image/tiff"),
    (0, b"MM\x00+", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypavif", "image/avif"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x7fELF", "application/x-executable"),
)
_OOXML = "application/vnd.openxmlformats-officedocument."
_MAIN_PARTS: tuple[tuple[bytes, str], ...] = (
    (b"wordprocessingml.document.main+xml", _OOXML + "wordprocessingml.document"),
    (b"wordprocessingml.template.main+xml", _OOXML + "wordprocessingml.template"),
    (b"ms-word.document.macroEnabled.main+xml", "application/vnd.ms-word.document.macroenabled.12"),
    (b"spreadsheetml.sheet.main+xml", _OOXML + "spreadsheetml.sheet"),
    (b"spreadsheetml.template.main+xml", _OOXML + "spreadsheetml.template"),
    (b"ms-excel.sheet.macroEnabled.main+xml", "application/vnd.ms-excel.sheet.macroenabled.12"),
    (b"ms-excel.sheet.binary.macroEnabled.main", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
    (b"presentationml.presentation.main+xml", _OOXML + "presentationml.presentation"),
    (b"presentationml.slideshow.main+xml", _OOXML + "presentationml.slideshow"),
    (b"ms-powerpoint.presentation.macroEnabled.main+xml", "application/vnd.ms-powerpoint.presentation.macroenabled.12"),
)
_OLE_STREAMS: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", ENCRYPTED_OFFICE),
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("VisioDocument", "application/vnd.visio"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MAIL_HEADER = re.compile(r"(from|to|cc|subject|date|received|return-path|message-id|mime-version|delivered-to):", re.I)
_HEADER_LINE = re.compile(r"[!-9;-~]+:|[ \t]")


def media_type(file: BinaryIO) -> str:
    """The media type of an open file, in lower case. Leaves the file at its beginning."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = _media_type(file, head)
    file.seek(0)
    return found


def _media_type(file: BinaryIO, head: bytes) -> str:
    if not head:
        return EMPTY
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "image/bmp"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip_type(file, head)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        names = stream_names(file)
        return next((name for stream, name in _OLE_STREAMS if stream in names), "application/x-ole-storage")
    text = decoded(head)
    return _text_type(text, file) if text is not None else _by_table(head)


def _zip_type(file: BinaryIO, head: bytes) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                types = member(archive, "[Content_Types].xml")
                return next((name for part, name in _MAIN_PARTS if part in types), "application/zip")
            if "mimetype" in names:
                named = member(archive, "mimetype").strip().decode("ascii", "replace").lower()
                if re.fullmatch(r"application/[\w.+-]{1,100}", named, re.ASCII):
                    return named
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError):
        # Cut short: the directory at its end is gone, but the first names still stand in the head.
        for folder, part in ((b"word/", 0), (b"xl/", 3), (b"ppt/", 7)):
            if folder in head:
                return _MAIN_PARTS[part][1]
    return "application/zip"


def member(archive: zipfile.ZipFile, name: str, limit_bytes: int = _MEMBER_LIMIT_BYTES) -> bytes:
    """At most ``limit_bytes`` of one member: what it claims to unpack to is not believed."""
    with archive.open(name) as part:
        return part.read(limit_bytes)


def decoded(head: bytes) -> str | None:
    """The beginning of a text in whatever encoding, or None when these bytes are no text."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return head.decode(encoding, "replace")
    wide = _wide_encoding(head)
    if wide is not None:
        return head.decode(wide, "replace")
    if _CONTROL.search(head):
        return None
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)  # a character cut in two at the end is no fault
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of Western text is zero."""
    sample = head[: len(head) // 2 * 2]
    if len(sample) < 8:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > half * 0.7 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.7 and odd == 0 else None


def _text_type(text: str, file: BinaryIO) -> str:
    start = text.lstrip("\ufeff \t\r\n")
    low = start[:2000].lower()
    if low.startswith(("<!doctype html", "<html")) or (low.startswith("<") and "<html" in low):
        return "text/html"
    if low.startswith("<svg") or (low.startswith("<?xml") and "<svg" in low):
        return "image/svg+xml"
    if low.startswith("<?xml"):
        return "application/xml"
    if _is_mail(start):
        return "message/rfc822"
    if start.startswith(("{", "[")) and _is_json(file):
        return "application/json"
    return "text/csv" if _is_table(start) else "text/plain"


def _is_mail(text: str) -> bool:
    """Two well-known headers or more, and nothing but header lines before the first empty one."""
    lines = text.removeprefix("From ").splitlines() if text.startswith("From ") else text.splitlines()
    header: list[str] = []
    for line in lines[1 if text.startswith("From ") else 0 : 60]:
        if not line:
            break
        if not _HEADER_LINE.match(line):
            return False
        header.append(line)
    return len({match[1].lower() for line in header if (match := _MAIL_HEADER.match(line))}) >= 2


def _is_json(file: BinaryIO) -> bool:
    import json

    file.seek(0)
    content = file.read(_MEMBER_LIMIT_BYTES + 1)
    if len(content) > _MEMBER_LIMIT_BYTES:
        return False
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _is_table(text: str) -> bool:
    """The same number of separators in each of the first lines, three at least."""
    lines = text.splitlines()[:20]
    lines = lines[:-1] if len(lines) > 3 else lines
    if len(lines) < 3:
        return False
    for separator in (",", ";", "\t"):
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=separator) if row}
        except csv.Error:
            continue
        if len(widths) == 1 and widths.pop() > 1:
            return True
    return False


def _by_table(head: bytes) -> str:
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    known = [match for match in matches if match.mime_type and len(match.byte_match) >= 4]
    best = max(known, key=lambda match: match.confidence, default=None)
    return str(best.mime_type).lower() if best is not None else UNKNOWN
