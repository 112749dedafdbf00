"""Markdown as HTML; and plain text with lists, which only looks like Markdown, as what its writer meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock

# What nobody writes by chance, other than the dashes and numbers of lists.
MARKED = re.compile(r"^(#{1,6} \S|```|~~~|\|.*\|\s*$|\S.*\n={3,}\s*$)|\[[^\]\n]+\]\([^)\s]+\)|\*\*[^*\n]+\*\*", re.M)
# Rules by which text without Markdown in mind would lose characters or become code.
UNMEANT = ["autolink", "code", "escape", "entity", "reference"]


def markdown_as_html(text: str) -> str:
    """HTML of the text. Where only lists look like Markdown, lines stay lines, and none becomes code or a tag."""
    from markdown_it import MarkdownIt

    if MARKED.search(text) is None:
        return str(MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(UNMEANT).render(text))
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    reader.block.ruler.at("code", code_apart)
    return str(reader.render(text))


def code_apart(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Indented lines as code, but not a single one that the next line goes on from: it begins a paragraph."""
    from markdown_it.rules_block import code

    following = start + 1
    if following < end and not state.isEmpty(following) and not state.is_code_block(following):
        first = state.src[state.bMarks[following] + state.tShift[following]]
        if first.isalnum():
            return False
    return code(state, start, end, silent)
