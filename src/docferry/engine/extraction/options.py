"""What a caller may ask of an extraction, and the sizes beyond which a document is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

OcrMode = Literal["auto", "never", "always"]
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Refusals made before work begins. Time and memory are limited by whoever runs the extraction."""

    pixels: int = 80_000_000  # of one picture or rendered page; A3 at 600 dpi has 70 million
    unpacked_bytes: int = 800 * MEGABYTE  # of an Office file's or other archive's entries together
    unpacked_ratio: int = 300  # unpacked to packed, looked at from 20 MB unpacked
    archive_entries: int = 20_000
    text_bytes: int = 100 * MEGABYTE  # of plain text, CSV, HTML, Markdown and e-mail
    table_cells: int = 400_000  # of one worksheet or CSV
    attachments: int = 100  # of an e-mail with all that is nested in it
    attachment_depth: int = 3
    office_time_s: float = 120.0  # for LibreOffice to convert one file


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a document is to be read. The defaults read everything and recognise text only where there is none."""

    pages: str | None = None  # "1-2,5"; from 1, inclusive; None: all
    password: str | None = field(default=None, repr=False)
    words: bool = False  # also the box of every word
    recognised_words: bool = False  # only of words that were recognised: a text layer can be asked again later
    images: bool = False  # also the pictures of figures, and of pages that were recognised
    ocr: OcrMode = "auto"
    languages: tuple[str, ...] = ()  # hints for the recogniser; empty: any language of Latin script
    max_pages: int | None = None  # more selected pages than this: TooManyPages
    include_hidden_rows: bool = False
    include_hidden_cols: bool = False
    include_hidden_sheets: bool = False
    use_raw_values: bool = False  # 0.42 instead of the 42% that is shown
    only_data_rows: bool = False  # drop empty rows at the end of a sheet
    only_data_cols: bool = False
    ocr_dpi: int = 200
    ocr_threads: int = 2
    limits: Limits = Limits()
