"""Why a document could not be extracted, in words for the person who sent it.

ExtractionError            code extraction_failed
├── UnsupportedType        unsupported_type     the content is of no type we read
├── CorruptDocument        corrupt_document     damaged, truncated, or not what its name says
├── EmptyDocument          empty_document       no bytes, or no pages
├── PasswordRequired       password_required    encrypted, and no or a wrong password was given
├── BadPageRange           bad_page_range       a page selection that cannot be read or lies outside the document
├── TooManyPages           too_many_pages       more pages than the options allow
├── TooLarge               too_large            would unpack, or open, to more than the limits allow
└── OcrUnavailable         ocr_unavailable      text recognition was wanted and is not installed

Each message says what is wrong and what to do, and holds neither paths nor content.
"""

from __future__ import annotations

from typing import ClassVar


class ExtractionError(Exception):
    """A document's own fault, final for these bytes and options."""

    code: ClassVar[str] = "extraction_failed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnsupportedType(ExtractionError):
    code = "unsupported_type"


class CorruptDocument(ExtractionError):
    code = "corrupt_document"


class EmptyDocument(ExtractionError):
    code = "empty_document"


class PasswordRequired(ExtractionError):
    code = "password_required"


class BadPageRange(ExtractionError):
    code = "bad_page_range"


class TooManyPages(ExtractionError):
    code = "too_many_pages"


class TooLarge(ExtractionError):
    code = "too_large"


class OcrUnavailable(ExtractionError):
    code = "ocr_unavailable"
