"""One file to one document: decides by content which reader takes it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from docferry.engine.extraction import sniff
from docferry.engine.extraction.archives import check_archive
from docferry.engine.extraction.errors import CorruptDocument, EmptyDocument, PasswordRequired, UnsupportedType
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.options import Limits, ReadOptions
from docferry.engine.extraction.pages import select_pages

__all__ = ["Limits", "ReadOptions", "read_document"]

PICTURES = {"image/png", "image/jpeg", "image/tiff", "image/webp", "image/gif", "image/bmp"}
SHEETS = {sniff.XLSX, sniff.XLSM}
LEGACY = {sniff.DOC, sniff.PPT}
ODS = "application/vnd.oasis.opendocument.spreadsheet"
XBERG = {
    sniff.DOCX,
    sniff.XLS,
    sniff.XLSB,
    "application/rtf",
    "application/epub+zip",
    "application/vnd.oasis.opendocument.text",
    ODS,
    "application/vnd.oasis.opendocument.presentation",
}
ARCHIVES = {
    kind for kind in SHEETS | XBERG | {sniff.PPTX} if "openxml" in kind or "opendocument" in kind or "epub" in kind
}
ARCHIVES |= {sniff.XLSM, sniff.XLSB}
PAGED = {sniff.PPTX, *SHEETS, sniff.XLS, sniff.XLSB, ODS, "message/rfc822"}
# ISO 639 codes of languages that are usually written in a script which the recogniser's models do not know.
OTHER_SCRIPTS = frozenset(
    {"am", "ar", "be", "bg", "bn", "fa", "gu", "he", "hi", "hy", "ka", "km", "kn", "ko", "ky", "lo", "mk", "ml", "mn",
     "mr", "my", "ne", "or", "pa", "ps", "ru", "si", "sr", "ta", "te", "tg", "th", "ti", "uk", "ur", "yi",
     "amh", "ara", "arm", "bel", "ben", "bul", "bur", "fas", "geo", "guj", "heb", "hin", "hye", "kan", "kat", "khm",
     "kir", "kor", "lao", "mac", "mal", "mar", "mkd", "mon", "mya", "nep", "ori", "pan", "per", "pus", "rus", "sin",
     "srp", "tam", "tel", "tgk", "tha", "tir", "ukr", "urd", "yid"}
)  # fmt: skip
SUPPORTED = "PDF, PNG, JPEG, TIFF, WebP, GIF, DOCX, XLSX, PPTX, HTML, Markdown, CSV, text and e-mail"


def read_document(path: Path, options: ReadOptions, *, filename: str | None = None) -> Document:
    """The document in ``path``, whose type is told from its content.

    ``filename`` is the name the sender gave it; it is used only to notice a PDF that is none. Raises an
    ``ExtractionError`` for whatever is wrong with the document.
    """
    if path.stat().st_size == 0:
        raise EmptyDocument("the file is empty (0 bytes); send it again once it is complete")
    kind = sniff.media_type(path)
    if kind != "application/pdf" and filename is not None and filename.lower().endswith(".pdf"):
        raise CorruptDocument("the file is named .pdf but its content is no PDF; export it again, or rename it")
    if kind in ARCHIVES:
        check_archive(path, options.limits)
    document = select_native(by_kind(path, kind, options), options)
    warnings = script_warnings(document, options.languages)
    return replace(document, warnings=(*document.warnings, *warnings)) if warnings else document


def script_warnings(document: Document, languages: tuple[str, ...]) -> list[str]:
    """A warning for each wanted language whose script the recogniser cannot read, if it was needed at all."""
    if all(page.source == "digital" or page.source == "native" for page in document.pages):
        return []
    unreadable = [language for language in languages if re.split("[-_]", language.lower())[0] in OTHER_SCRIPTS]
    return [f"text recognition does not know the script of language {language!r}" for language in unreadable]


def by_kind(path: Path, kind: str, options: ReadOptions) -> Document:
    """The readers are imported here, so that a text file does not pay for the recogniser."""
    if kind == "application/pdf":
        from docferry.engine.extraction.pdf import read_pdf

        return read_pdf(path, options)
    if kind in PICTURES:
        from docferry.engine.extraction.pictures import read_picture

        return read_picture(path, kind, options)
    if kind in SHEETS:
        from docferry.engine.extraction.spreadsheet import read_spreadsheet

        return read_spreadsheet(path, kind, options)
    if kind == sniff.PPTX:
        from docferry.engine.extraction.slides import read_slides

        return read_slides(path, options)
    if kind in XBERG:
        from docferry.engine.extraction.office import read_office

        return read_office(path, kind, options)
    if kind in LEGACY:
        from docferry.engine.extraction.legacy import read_legacy

        return read_legacy(path, kind, options)
    return textual(path, kind, options)


def textual(path: Path, kind: str, options: ReadOptions) -> Document:
    if kind in ("text/html", "text/markdown"):
        from docferry.engine.extraction.hypertext import read_markup

        return read_markup(path, kind, options)
    if kind == "text/csv":
        from docferry.engine.extraction.plaintext import read_csv

        return read_csv(path, options)
    if kind in ("text/plain", "application/xml"):
        from docferry.engine.extraction.plaintext import read_text

        return replace(read_text(path, options), media_type=kind)
    if kind == "message/rfc822":
        from docferry.engine.extraction.mail import read_mail

        return read_mail(path, options)
    if kind == sniff.ENCRYPTED_OFFICE:
        raise PasswordRequired("the Office file is protected by a password; save it without one and send it again")
    raise UnsupportedType(f"the content ({kind}) is of no type that can be extracted; send {SUPPORTED}")


def select_native(document: Document, options: ReadOptions) -> Document:
    """The selected pages of formats that were read whole; PDFs and pictures come selected already."""
    if not document.pages or document.pages[0].source != "native":
        return document
    if document.media_type not in PAGED:
        return ignoring_selection(document) if options.pages else document
    chosen = set(select_pages(options.pages, len(document.pages), options.max_pages))
    return replace(document, pages=tuple(page for page in document.pages if page.number in chosen))


def ignoring_selection(document: Document) -> Document:
    note = "the page selection was ignored: this format has no pages of its own"
    return replace(document, warnings=(*document.warnings, note))
