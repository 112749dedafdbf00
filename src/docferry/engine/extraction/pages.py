"""Page selections such as ``1-2,5``."""

from __future__ import annotations

import re

from docferry.engine.extraction.errors import BadPageRange, TooManyPages

MAX_LENGTH = 10_000
PART = re.compile(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})?\s*)?")


def select_pages(selection: str | None, page_count: int, max_pages: int | None = None) -> list[int]:
    """The selected page numbers, from 1, each once, in the document's order; ``None`` selects all.

    ``3-`` reads to the end. A page beyond the end is an error, so that a wrong file is noticed.
    """
    chosen = set(range(1, page_count + 1)) if selection is None or not selection.strip() else set[int]()
    for part in (selection or "").split(",") if not chosen else ():
        chosen.update(read_part(part, selection or "", page_count))
    if max_pages is not None and len(chosen) > max_pages:
        raise TooManyPages(
            f"{len(chosen)} pages are more than the {max_pages} allowed here; select fewer pages, "
            "or send the document asynchronously"
        )
    return sorted(chosen)


def read_part(part: str, selection: str, page_count: int) -> range:
    match = PART.fullmatch(part)
    if match is None or len(selection) > MAX_LENGTH:
        raise BadPageRange(f"page selection {selection[:40]!r} cannot be read; write it like 1-2,5")
    first = int(match[1])
    last = int(match[2]) if match[2] else (page_count if "-" in part else first)
    if first < 1 or last < first or last > page_count:
        raise BadPageRange(f"page selection {selection[:40]!r} does not fit a document of {page_count} pages")
    return range(first, last + 1)
