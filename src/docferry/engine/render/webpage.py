"""The document as clean HTML: every text escaped, no script, no style, no foreign address but safe links."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from docferry.engine.extraction.model import Block, BlockKind, Document, Page
from docferry.engine.render.tables import html_table

TAGS = {
    BlockKind.HEADER: "header",
    BlockKind.FOOTER: "footer",
    BlockKind.PAGE_NUMBER: "footer",
    BlockKind.FOOTNOTE: "aside",
}


def to_html(document: Document) -> str:
    """A whole HTML page, a ``section`` for each page of the document."""
    title = html.escape(document.title or "Document", quote=False)
    body = "\n".join(page_html(page) for page in document.pages)
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def page_html(page: Page) -> str:
    content = "\n".join(blocks_html(page.blocks))
    return f'<section data-page="{page.number}">\n{content}\n</section>'


def blocks_html(blocks: Sequence[Block]) -> Iterator[str]:
    for is_list, group in groupby(blocks, key=lambda block: block.kind is BlockKind.LIST_ITEM):
        if is_list:
            yield list_html(list(group), depth=0)
        else:
            yield from (block_html(block) for block in group)


def list_html(items: Sequence[Block], depth: int) -> str:
    """Nested lists from a flat run of items, whose level says how deep each stands."""
    tag = "ol" if items[0].ordered else "ul"
    parts, index = [], 0
    while index < len(items):
        end = index + 1
        while end < len(items) and items[end].level > depth:
            end += 1
        head = items[index] if items[index].level <= depth else None
        inner = items[index + 1 if head else index : end]
        text = text_html(head) if head else ""
        parts.append(f"<li>{text}{list_html(inner, depth + 1) if inner else ''}</li>")
        index = end
    return f"<{tag}>" + "".join(parts) + f"</{tag}>"


def block_html(block: Block) -> str:
    text = text_html(block)
    match block.kind:
        case BlockKind.TITLE:
            return f"<h1>{text}</h1>"
        case BlockKind.HEADING:
            level = min(6, max(1, block.level))
            return f"<h{level}>{text}</h{level}>"
        case BlockKind.TABLE if block.table is not None:
            return html_table(block.table)
        case BlockKind.CODE:
            return f"<pre><code>{html.escape(block.text, quote=False)}</code></pre>"
        case BlockKind.FIGURE:
            source = f'<img src="{html.escape(block.image)}" alt="{html.escape(block.text)}">' if block.image else ""
            return f"<figure>{source}<figcaption>{text}</figcaption></figure>"
        case BlockKind.FORM_FIELD:
            label = html.escape(block.label or "", quote=False)
            return f"<p><label>{label}</label>: <output>{text}</output></p>"
        case _:
            tag = TAGS.get(block.kind, "p")
            return f"<{tag}>{text}</{tag}>"


INLINE = re.compile(r"\\([!-/:-@\[-`{-~])|\[((?:[^\]\\]|\\.)*)\]\(<?([^)>]*)>?\)|\*\*|\*|~~|`([^`]*)`", re.S)
TOGGLES = {"**": "strong", "*": "em", "~~": "del"}


def text_html(block: Block) -> str:
    """The block's text, with its bold, italic, code and links where the source had them."""
    source = inline_html(block.markdown) if block.markdown is not None else html.escape(block.text, quote=False)
    return source.strip("\n").replace("\n", "<br>\n")


def inline_html(markdown: str) -> str:
    """The Markdown that our own readers write (see ``inline.inline_markdown``) as HTML."""
    open_tags: list[str] = []
    out, position = [], 0
    for match in INLINE.finditer(markdown):
        out.append(html.escape(markdown[position : match.start()], quote=False))
        position = match.end()
        token = match[0]
        if token in TOGGLES:
            out.append(toggle(TOGGLES[token], open_tags))
        elif match[1] is not None:
            out.append(html.escape(match[1], quote=False))
        elif match[2] is not None:
            out.append(f'<a href="{html.escape(match[3])}">{inline_html(match[2])}</a>')
        else:
            out.append(f"<code>{html.escape(match[4], quote=False)}</code>")
    out.append(html.escape(markdown[position:], quote=False))
    out.extend(f"</{tag}>" for tag in reversed(open_tags))
    return "".join(out)


def toggle(tag: str, open_tags: list[str]) -> str:
    """Opens the tag, or closes it with whatever was opened inside it, so that the HTML stays well formed."""
    if tag not in open_tags:
        open_tags.append(tag)
        return f"<{tag}>"
    closed = []
    while open_tags:
        closed.append(open_tags.pop())
        if closed[-1] == tag:
            break
    return "".join(f"</{name}>" for name in closed)
