"""What a page says it is: "Rechnung" or "Invoice" in its title."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources

from docferry.engine.understanding import labels
from docferry.engine.understanding.layout.lines import Line, Segment

_MAX_TITLE_WORDS = 6
_TITLE_SHARE = 0.4  # a title stands in this upper part of its page
_TITLE_LINES = 12  # ... or among these first lines, where a page has no measures


@functools.cache
def _titles() -> Mapping[str, str]:
    text = resources.files("docferry.engine.understanding").joinpath("doctypes.toml").read_text(encoding="utf-8")
    return {labels.key(word): name for name, words in tomllib.loads(text).items() for word in words}


def document_type(text: str) -> str | None:
    """The English name of the kind of document that ``text``, whole or before its number, names."""
    words = text.replace(":", " ").split()
    for count in range(min(len(words), _MAX_TITLE_WORDS), 0, -1):
        name = _titles().get("".join(word for word in labels.tokens(" ".join(words[:count])) if word != "no"))
        if name is not None:
            rest = words[count:]
            is_whole = not rest or any(any(map(str.isdigit, word)) for word in rest)
            return name if is_whole else None
    return None


def titled(lines: Sequence[Line]) -> tuple[str, Segment] | None:
    """The kind of document that the tallest title of these lines (of one page) names, with the title."""
    found: list[tuple[float, int, str, Segment]] = []
    for place, line in enumerate(lines):
        if (line.top is not None and line.top > _TITLE_SHARE) or (line.top is None and place > _TITLE_LINES):
            continue
        for segment in line.segments:
            name = document_type(segment.text) if len(segment.text) <= 80 else None
            if name is not None:
                found.append((-round(line.height, 3), place, name, segment))
    if not found:
        return None
    _, _, name, segment = min(found, key=lambda each: each[:2])
    return name, segment
