"""The digital text of a file's first pages: what ``text`` conditions look into. Nothing is recognised from pictures."""

from __future__ import annotations

import html
import re
import zipfile
from email import message_from_binary_file, policy
from typing import BinaryIO

from docferry.rules.errors import CannotRead
from docferry.rules.pagecount import open_pdf
from docferry.rules.sniff import ENCRYPTED_OFFICE, decoded, member

FIRST_PAGES = 3
CHARACTER_LIMIT = 200_000

_PART_LIMIT_BYTES = 8_000_000
_BREAK = re.compile(r"</(?:w:p|a:p|si|text:p|text:h|p|div|tr|li|h[1-6])>|<(?:br|w:br|w:tab)\b[^>]*>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{0,5000}>")
_OFFICE_PARTS = (
    ("wordprocessingml", r"word/document\.xml"),
    ("ms-word", r"word/document\.xml"),
    ("presentationml", rf"ppt/slides/slide[1-{FIRST_PAGES}]\.xml"),
    ("ms-powerpoint.presentation", rf"ppt/slides/slide[1-{FIRST_PAGES}]\.xml"),
    ("spreadsheetml", r"xl/sharedStrings\.xml"),
    ("ms-excel.sheet.macro", r"xl/sharedStrings\.xml"),
    ("vnd.oasis.opendocument", r"content\.xml"),
)


def digital_text(file: BinaryIO, media_type: str) -> str:
    """The text; empty for pictures and scans, which have none. CannotRead where it is hidden in a closed format."""
    file.seek(0)
    if media_type == "application/pdf":
        return _pdf_text(file)[:CHARACTER_LIMIT]
    part = next((part for mark, part in _OFFICE_PARTS if mark in media_type), None)
    if part is not None:
        return _office_text(file, part)[:CHARACTER_LIMIT]
    if media_type == "message/rfc822":
        return _mail_text(file)[:CHARACTER_LIMIT]
    if media_type.startswith("text/") or media_type in ("application/json", "application/xml", "image/svg+xml"):
        text = decoded(file.read(CHARACTER_LIMIT * 2)) or ""
        return (_without_tags(text) if media_type in ("text/html", "image/svg+xml") else text)[:CHARACTER_LIMIT]
    if media_type.startswith("image/") or media_type == "application/x-empty":
        return ""
    if media_type == ENCRYPTED_OFFICE:
        raise CannotRead("it needs a password")
    raise CannotRead(f"the text of a file of type {media_type} cannot be read here; put a type condition beside text")


def _pdf_text(file: BinaryIO) -> str:
    document = open_pdf(file)
    try:
        texts = []
        for index in range(min(FIRST_PAGES, len(document))):
            page = document[index]
            layer = page.get_textpage()
            texts.append(layer.get_text_bounded())
            layer.close()
            page.close()
        return "\n\f".join(texts).replace("\r\n", "\n")
    finally:
        document.close()


def _office_text(file: BinaryIO, part: str) -> str:
    with zipfile.ZipFile(file) as archive:
        names = sorted(name for name in archive.namelist() if re.fullmatch(part, name))
        contents = [member(archive, name, _PART_LIMIT_BYTES).decode("utf-8", "replace") for name in names]
    return "\n".join(_without_tags(content) for content in contents)


def _mail_text(file: BinaryIO) -> str:
    message = message_from_binary_file(file, policy=policy.default)
    headers = [f"{name}: {message[name]}" for name in ("From", "To", "Subject", "Date") if message[name]]
    body = message.get_body(("plain", "html"))
    content = body.get_content() if body is not None else ""
    text = _without_tags(content) if body is not None and body.get_content_subtype() == "html" else content
    return "\n".join([*headers, "", text])


def _without_tags(text: str) -> str:
    """Mark-up taken away, for looking only: nothing of this is ever shown or run."""
    spaced = _BREAK.sub("\n", _UNSEEN.sub(" ", text))
    return html.unescape(_TAG.sub("", spaced))
