"""Inline formatting: escaping plain text for Markdown, and styled ranges to Markdown."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

# Only what Markdown would take for markup: text full of backslashes is hard to read and to search.
SPECIAL = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~])|[`*]|<(?=[A-Za-z/!?])|\[(?=[^\]\n]*\][(\[:])|(?<![^\W_])_(?=\S)|(?<=\S)_(?![^\W_])"""
)
LINE_START = re.compile(r"^(\s*)(#{1,6}(?=\s)|[-+](?=\s)|>|(?:=+|-{2,})\s*$|~~~)", re.M)
NUMBERED = re.compile(r"^(\s*\d+)([.)])(?=\s)", re.M)
NOTABLE = re.compile(r"[\\`*<\[_#+>=~-]|[.)]\s")  # without any of these there is nothing to escape; looked for first
SAFE_SCHEMES = {"http", "https", "mailto", "tel", ""}
WRAP = {"bold": "**", "italic": "*", "strikethrough": "~~", "code": "`"}


class Mark(NamedTuple):
    """A styled range of a text, in bytes of its UTF-8 form as xberg counts."""

    start: int
    end: int
    kind: str
    url: str = ""


def escape_inline(text: str) -> str:
    """The text so that Markdown shows it as it is where no block can begin, such as in a table's cell or a heading."""
    return text if NOTABLE.search(text) is None else SPECIAL.sub(lambda match: "\\" + match[0], text)


def escape_markdown(text: str) -> str:
    """The text so that Markdown shows it as it is."""
    if NOTABLE.search(text) is None:
        return text
    escaped = LINE_START.sub(lambda match: match[1] + "\\" + match[2], escape_inline(text))
    return NUMBERED.sub(r"\1\\\2", escaped)


def inline_markdown(text: str, marks: Sequence[Mark]) -> str | None:
    """The text with its bold, italic, code and links as Markdown; ``None`` when there is none of it."""
    useful = [mark for mark in marks if mark.kind in WRAP or (mark.kind == "link" and safe_url(mark.url))]
    if not useful:
        return None
    raw = text.encode()
    edges = sorted({0, len(raw), *(min(edge, len(raw)) for mark in useful for edge in (mark.start, mark.end))})
    parts = []
    for start, end in itertools.pairwise(edges):
        active = [mark for mark in useful if mark.start <= start and end <= mark.end]
        parts.append(styled(raw[start:end].decode("utf-8", "replace"), active))
    return "".join(parts)


def styled(text: str, marks: Sequence[Mark]) -> str:
    core = text.strip()
    if not core:
        return text
    if any(mark.kind == "code" for mark in marks):
        inner = f"`{core}`" if "`" not in core else escape_markdown(core)
    else:
        inner = escape_markdown(core)
        for mark in marks:
            inner = f"{WRAP[mark.kind]}{inner}{WRAP[mark.kind]}" if mark.kind in WRAP else inner
    for mark in marks:
        if mark.kind == "link":
            inner = f"[{inner}](<{mark.url}>)" if re.search(r"[\s()]", mark.url) else f"[{inner}]({mark.url})"
    lead = text[: len(text) - len(text.lstrip())]
    return lead + inner + text[len(text.rstrip()) :]


def safe_url(url: str) -> bool:
    """Whether a link may be passed on: no scripts, no data, nothing that breaks out of the Markdown."""
    try:
        return urlsplit(url).scheme.lower() in SAFE_SCHEMES and not re.search(r"[<>\x00-\x1f]", url)
    except ValueError:
        return False
