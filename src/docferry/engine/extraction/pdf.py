"""PDFs: the text layer where there is a good one, recognition where there is not, page by page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from docferry.engine.extraction.building import number_blocks
from docferry.engine.extraction.errors import CorruptDocument, EmptyDocument, PasswordRequired
from docferry.engine.extraction.forms import form_blocks
from docferry.engine.extraction.layout import page_from_layout, parse_layout, to_box, words_from_layout
from docferry.engine.extraction.model import Document, Page
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.extraction.pages import select_pages
from docferry.engine.extraction.recall import Item, is_complete, mend
from docferry.engine.extraction.rendering import as_jpeg, render_page
from docferry.engine.extraction.running import tag_running
from docferry.engine.extraction.triage import needs_recognition

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]
    from liteparse import ParsedPage, ParseResult

DECLARED = {"Author": "author", "Subject": "subject", "Keywords": "keywords", "CreationDate": "created"}
# PDF 32000-1, 7.9.4: what follows the year may be lacking, the apostrophes too.
PDF_DATE = re.compile(
    r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(\d\d)(\d\d)?)?(?:(Z)(?:00'?00'?)?|([+-]\d\d)'?(?:(\d\d)'?)?)?"
)
NO_TITLES = {"", "untitled", "anonymous", "(anonymous)", "unspecified", "(unspecified)", "unknown", "document", "none"}
DAMAGED = "the PDF is damaged or incomplete; export or download it again"


def read_pdf(path: Path, options: ReadOptions) -> Document:
    """The selected pages with boxes; pages without usable text are rendered and recognised."""
    source = open_pdf(path, options.password)
    try:
        numbers = select_pages(options.pages, len(source), options.max_pages)
        result = parse_layout(
            path,
            numbers,
            password=options.password,
            words=options.words,
            forms=has_form(source),
            images=options.images,
        )
        images = figure_images(result)
        pages, warnings = read_pages(source, result.pages, options, images)
        pages, warnings = with_unreadable(pages, warnings, numbers)
        title, metadata = document_title(source), declared(source)
    finally:
        source.close()
    pages = [drop_missing_images(page, images) for page in tag_running(pages)]
    return Document("application/pdf", number_blocks(pages), title, images, tuple(warnings), metadata)


def with_words(document: Document, path: Path) -> Document:
    """The document that was read from ``path``, with the words of the pages that have a text layer."""
    numbers = [page.number for page in document.pages if page.source == "digital" and not page.words]
    if not numbers:
        return document
    found = {page.page_num: page for page in parse_layout(path, numbers, words=True, blocks=False).pages}
    pages = [
        replace(page, words=words_from_layout(found[page.number])) if page.number in found else page
        for page in document.pages
    ]
    return replace(document, pages=tuple(pages))


def document_title(source: pypdfium2.PdfDocument) -> str | None:
    """The title that the document declares, unless it is what a program writes for want of one."""
    title = " ".join(str(source.get_metadata_value("Title")).split())
    return None if title.casefold() in NO_TITLES else title


def declared(source: pypdfium2.PdfDocument) -> dict[str, str]:
    """What the document says of itself, as far as it says anything."""
    found = {name: " ".join(str(source.get_metadata_value(key)).split()) for key, name in DECLARED.items()}
    said = {name: value for name, value in found.items() if value.casefold() not in NO_TITLES}
    return said | ({"created": iso_date(said["created"])} if "created" in said else {})


def iso_date(text: str) -> str:
    """A PDF's date as ISO 8601, as exact as it is; what is no such date as it is."""
    found = PDF_DATE.fullmatch(text)
    if found is None:
        return text
    year, month, day, hour, minute, second, is_utc, offset, offset_minutes = found.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if not hour:
        return date
    zone = "Z" if is_utc else f"{offset}:{offset_minutes or '00'}" if offset else ""
    return f"{date}T{hour}:{minute}:{second or '00'}{zone}"


def figure_images(result: ParseResult) -> dict[str, bytes]:
    """The pictures of figures by the names that their blocks carry."""
    originals = {image.id: image.bytes for image in result.images}
    return {
        f"figure-{image.id}.{image.format}": image.bytes or originals.get(image.duplicate_of or "", b"")
        for image in result.images
        if image.bytes or image.duplicate_of
    }


def drop_missing_images(page: Page, images: dict[str, bytes]) -> Page:
    """The page without references to pictures that were not asked for or could not be had."""
    if all(block.image is None or block.image in images for block in page.blocks):
        return page
    blocks = tuple(block if block.image in images else replace(block, image=None) for block in page.blocks)
    return replace(page, blocks=blocks)


def open_pdf(path: Path, password: str | None) -> pypdfium2.PdfDocument:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path, password=password)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise PasswordRequired(password_message(password)) from error
        raise CorruptDocument(DAMAGED) from error
    if len(document) == 0:
        document.close()
        raise EmptyDocument("the PDF has no pages; export it again")
    return document


def password_message(password: str | None) -> str:
    if password:
        return "the given password does not open the PDF; correct it"
    return "the PDF is protected by a password; give it, or send a copy without one"


def with_unreadable(pages: list[Page], warnings: list[str], numbers: list[int]) -> tuple[list[Page], list[str]]:
    """Empty pages and warnings in place of those that the layout engine had to leave out."""
    missing = sorted(set(numbers) - {page.number for page in pages})
    if not missing:
        return pages, warnings
    lost = [f"page {number}: damaged, it cannot be read" for number in missing]
    empty = [Page(number, None, None, ()) for number in missing]
    return sorted([*pages, *empty], key=lambda page: page.number), [*warnings, *lost]


def has_form(source: pypdfium2.PdfDocument) -> bool:
    import pypdfium2

    return bool(source.get_formtype() != pypdfium2.raw.FORMTYPE_NONE)


def read_pages(
    source: pypdfium2.PdfDocument, parsed: list[ParsedPage], options: ReadOptions, images: dict[str, bytes]
) -> tuple[list[Page], list[str]]:
    """The pages and warnings about them; the pictures of recognised pages go to ``images`` if wanted."""
    pages: list[Page] = []
    warnings: list[str] = []
    for found in parsed:
        if needs_recognition(found, source, options.ocr):
            page, warning = recognise(source, found, options, images)
        else:
            page, warning = from_text_layer(found)
        if warning is not None:
            warnings.append(f"page {found.page_num}: {warning}")
        pages.append(replace(page, blocks=page.blocks + form_blocks(found)))
    return pages, warnings


def from_text_layer(found: ParsedPage) -> tuple[Page, str | None]:
    """The page as laid out, mended where words of the text layer were lost, and a warning if that failed."""
    page = page_from_layout(found)
    if is_complete(page, "\n".join(item.text for item in found.text_items)):
        return page, None
    items = [Item(item.text, to_box(item.x, item.y, item.width, item.height, found)) for item in found.text_items]
    return mend(page, items)


def recognise(
    source: pypdfium2.PdfDocument, found: ParsedPage, options: ReadOptions, images: dict[str, bytes]
) -> tuple[Page, str | None]:
    from docferry.engine.extraction.ocr.page import page_from_picture

    picture = render_page(source, found.page_num, options.ocr_dpi)
    if options.images:
        images[f"page-{found.page_num}.jpg"] = as_jpeg(picture)
    return page_from_picture(
        picture,
        found.page_num,
        found.width,
        found.height,
        words=options.words or options.recognised_words,
        threads=options.ocr_threads,
    )
