"""How many pages a file has, and whether it needs a password.

Pages are what a reader would see: pages of a PDF, frames of a TIFF, sheets of a workbook, slides of a
presentation, one for any other picture; of a Word or OpenDocument text what its writer counted. Formats
without pages (plain text, HTML, e-mail, CSV) have no number: a rule that asks is told so.
"""

from __future__ import annotations

import re
import struct
import zipfile
from typing import BinaryIO

from docferry.rules.errors import CannotRead
from docferry.rules.sniff import ENCRYPTED_OFFICE, member

_FRAME_LIMIT = 100_000
_ENCRYPTED_FLAG = 0x1


def page_count(file: BinaryIO, media_type: str) -> int:
    """The number of pages. CannotRead says why there is none to be had."""
    if media_type == "application/pdf":
        return _pdf_pages(file)
    if media_type == "image/tiff":
        return _tiff_frames(file)
    if media_type.startswith("image/") and media_type != "image/svg+xml":
        return 1
    if "wordprocessingml" in media_type or "ms-word" in media_type:
        return _counted(file, "docProps/app.xml", rb"<(?:\w+:)?Pages>\s*(\d{1,9})\s*<")
    if "presentationml" in media_type or "ms-powerpoint.presentation" in media_type:
        return _parts(file, r"ppt/slides/slide\d+\.xml")
    if "spreadsheetml" in media_type or "ms-excel.sheet" in media_type:
        return _parts(file, r"xl/(?:work|chart)sheets/sheet\d+\.(?:xml|bin)")
    if media_type.startswith("application/vnd.oasis.opendocument.text"):
        return _counted(file, "meta.xml", rb'meta:page-count="(\d{1,9})"')
    if media_type == ENCRYPTED_OFFICE:
        raise CannotRead("it needs a password")
    raise CannotRead(f"a file of type {media_type} has no page count; put a type condition beside pages")


def is_encrypted(file: BinaryIO, media_type: str) -> bool:
    """True when the file cannot be read without a password."""
    if media_type == "application/pdf":
        try:
            _pdf_pages(file)
        except _NeedsPassword:
            return True
        return False
    if media_type == "application/zip":
        with zipfile.ZipFile(file) as archive:
            return any(entry.flag_bits & _ENCRYPTED_FLAG for entry in archive.infolist())
    return media_type == ENCRYPTED_OFFICE


class _NeedsPassword(CannotRead):
    """The PDF opens only with a password."""


def open_pdf(file: BinaryIO):  # type: ignore[no-untyped-def]  # pypdfium2 has no types
    """The PDF as pypdfium2's document, to be closed. CannotRead when it needs a password or is damaged."""
    import pypdfium2  # type: ignore[import-untyped]

    file.seek(0)
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise _NeedsPassword("it needs a password") from error
        raise CannotRead("the PDF is damaged") from error


def _pdf_pages(file: BinaryIO) -> int:
    document = open_pdf(file)
    try:
        return len(document)
    finally:
        document.close()


def _tiff_frames(file: BinaryIO) -> int:
    """The length of the chain of image directories."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    count_form, entry_bytes, link_form = ("Q", 20, "Q") if big else ("H", 12, "I")
    offset = struct.unpack_from(order + link_form, head, 8 if big else 4)[0]
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _FRAME_LIMIT:
        seen.add(offset)
        entries = _number(file, offset, order + count_form)
        offset = _number(file, offset + struct.calcsize(count_form) + entries * entry_bytes, order + link_form)
    if not seen:
        raise CannotRead("the TIFF holds no picture")
    return len(seen)


def _number(file: BinaryIO, offset: int, form: str) -> int:
    file.seek(offset)
    data = file.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        raise CannotRead("the TIFF is cut short")
    return int(struct.unpack(form, data)[0])


def _counted(file: BinaryIO, part: str, pattern: bytes) -> int:
    """The count that the program which wrote the file left in it."""
    with zipfile.ZipFile(file) as archive:
        match = re.search(pattern, member(archive, part)) if part in archive.namelist() else None
    if match is None or int(match[1]) == 0:
        raise CannotRead("the program that wrote it left no page count in it")
    return int(match[1])


def _parts(file: BinaryIO, pattern: str) -> int:
    with zipfile.ZipFile(file) as archive:
        count = sum(re.fullmatch(pattern, name) is not None for name in archive.namelist())
    if count == 0:
        raise CannotRead("it holds no sheets or slides")
    return count
