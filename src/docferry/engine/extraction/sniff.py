"""The media type of a file, from its content alone."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from docferry.engine.extraction.decoding import decode_text, looks_binary

HEAD_BYTES = 64 * 1024
OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = OFFICE + "wordprocessingml.document"
XLSX = OFFICE + "spreadsheetml.sheet"
PPTX = OFFICE + "presentationml.presentation"
XLSM = "application/vnd.ms-excel.sheet.macroEnabled.12"
XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
DOC, XLS, PPT = "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"
ENCRYPTED_OFFICE = "application/x-encrypted-office"
UNKNOWN = "application/octet-stream"

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"{\\rtf", "application/rtf"),
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLE_STREAMS: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", ENCRYPTED_OFFICE),
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("Workbook", XLS),
    ("Book", XLS),
    ("__substg1.0_", "application/vnd.ms-outlook"),
)
OFFICE_PARTS: tuple[tuple[str, str], ...] = (
    ("word/document.xml", DOCX),
    ("xl/workbook.bin", XLSB),
    ("xl/workbook.xml", XLSX),
    ("ppt/presentation.xml", PPTX),
)
HTML = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|table|div|h1|p)\b", re.I | re.S
)
MAIL_HEADER = re.compile(
    r"^(from|to|subject|date|received|return-path|message-id|mime-version|delivered-to|x-[\w-]+):", re.I | re.M
)
HEADER_LINE = re.compile(r"[!-9;-~]+:|[ \t]")
MARKDOWN = re.compile(
    r"^(#{1,6} \S|```|\s{0,3}[-*+] \S|\d+\. \S|> \S|\|.*\|\s*$)|\[[^\]\n]+\]\([^)\s]+\)|\*\*[^*\n]+\*\*", re.M
)


def media_type(path: Path) -> str:
    """The content's media type; ``application/octet-stream`` when it is nothing we know. Never the name's."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[:2] == b"BM" and len(head) > 26 and head[6:10] == b"\0\0\0\0":
        return "image/bmp"
    if head.startswith(OLE):
        return ole_type(path)
    if head.startswith(b"PK\x03\x04"):
        return archive_type(path)
    return UNKNOWN if not head or looks_binary(head) else text_type(decode_text(head, partial=True))


def ole_type(path: Path) -> str:
    """Which legacy Office program wrote it, by the stream names in its directory."""
    content = path.read_bytes()
    for name, kind in OLE_STREAMS:
        if name.encode("utf-16-le") in content:
            return kind
    return UNKNOWN


def archive_type(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                return archive.read("mimetype").decode("ascii", "replace").strip()
            if "xl/vbaProject.bin" in names and "xl/workbook.xml" in names:
                return XLSM
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError):
        return "application/zip"
    return next((kind for part, kind in OFFICE_PARTS if part in names), "application/zip")


def text_type(text: str) -> str:
    """Which kind of text: HTML, e-mail, CSV, Markdown or plain."""
    if HTML.match(text):
        return "text/html"
    if looks_like_mail(text):
        return "message/rfc822"
    if looks_like_csv(text):
        return "text/csv"
    if text.lstrip().startswith("<?xml"):
        return "application/xml"
    return "text/markdown" if len(MARKDOWN.findall(text)) >= 2 else "text/plain"


def looks_like_mail(text: str) -> bool:
    head = text.lstrip("\r\n").split("\n\n", 1)[0].replace("\r", "")
    lines = head.split("\n")
    if lines and lines[0].startswith("From "):
        lines = lines[1:]
    names = {name.lower() for name in MAIL_HEADER.findall(head)}
    return len(names) >= 2 and bool(names & {"from", "received"}) and all(HEADER_LINE.match(line) for line in lines)


def looks_like_csv(text: str) -> bool:
    """Several lines that a delimiter cuts into the same number of at least two short columns."""
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    if len(lines) < 2:
        return False
    for delimiter in ("\t", ";", ",", "|"):
        counts = [unquoted(line).count(delimiter) for line in lines[:-1] or lines]
        if min(counts) >= 1 and max(counts) == min(counts) and not prose(lines, delimiter):
            return delimiter != "|" or not lines[0].lstrip().startswith("|")
    return False


def unquoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def prose(lines: list[str], delimiter: str) -> bool:
    """Whether the commas are those of sentences: each followed by a blank, and few, or in long lines."""
    if delimiter != "," or any(re.search(r",\S", line) for line in lines):
        return False
    return any(len(line) > 60 or unquoted(line).count(",") < 3 for line in lines)
