"""HTML and Markdown to the model: headings, text with its styles, nested lists, tables with merged cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from docferry.engine.extraction.building import number_blocks, table_text
from docferry.engine.extraction.errors import EmptyDocument, TooLarge
from docferry.engine.extraction.htmltree import ENDS_PARAGRAPH, Element, parse_html
from docferry.engine.extraction.inline import Mark, inline_markdown
from docferry.engine.extraction.markdown import markdown_as_html
from docferry.engine.extraction.model import Block, BlockKind, Cell, Document, Page, Table
from docferry.engine.extraction.options import Limits, ReadOptions
from docferry.engine.extraction.plaintext import load_text

HIDDEN = {
    "script",
    "style",
    "template",
    "noscript",
    "nav",
    "svg",
    "math",
    "head",
    "object",
    "iframe",
    "canvas",
    "title",
}
BLOCKS = ENDS_PARAGRAPH | {"body", "html", "dt", "dd", "figcaption", "caption", "summary", "details", "center", "tr"}
STYLES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "code": "code",
    "kbd": "code",
    "s": "strikethrough",
    "del": "strikethrough",
    "strike": "strikethrough",
}
HEADING = re.compile(r"h([1-6])")
LAYOUT = {
    "table",
    "h1",
    "h2",
    "h3",
    "ul",
    "ol",
    "blockquote",
    "pre",
}  # within a table: it arranges, it does not tabulate
MOST_SPAN = 1000
SHOWN_ATTRIBUTES = {"input": "value", "img": "alt"}


def read_markup(path: Path, media_type: str, options: ReadOptions) -> Document:
    """HTML or Markdown, whatever its encoding."""
    text = load_text(path, options.limits)
    if media_type == "text/markdown":
        text = markdown_as_html(text)
    return replace(read_html(text, options.limits), media_type=media_type)


def read_html(source: str, limits: Limits) -> Document:
    """The page's visible content as one page without a size."""
    root = parse_html(source)
    writer = Writer(limits)
    writer.walk(root, Place())
    writer.flush()
    writer.end_term()
    if not writer.blocks:
        raise EmptyDocument("the page holds no text; check that it is the right file")
    titles = [" ".join(element.text.split()) for element in root.find_all({"title"})]
    page = Page(number=1, width=None, height=None, blocks=tuple(writer.blocks), source="native")
    return Document("text/html", number_blocks([page]), next(filter(None, titles), None))


@dataclass(frozen=True)
class Place:
    """What the text at some place of the tree is, and how it is styled."""

    kind: BlockKind = BlockKind.TEXT
    level: int = 0
    ordered: bool = False
    depth: int = -1  # of lists
    styles: tuple[tuple[str, str], ...] = ()  # style, address of a link
    verbatim: bool = False
    is_term: bool = False  # of a definition list, to be joined by its definition


@dataclass
class Writer:
    """Walks the tree and collects blocks; ``runs`` are the pieces of the block that is being written."""

    limits: Limits
    blocks: list[Block] = field(default_factory=list)
    runs: list[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    place: Place = Place()
    term: str = ""
    item_begins: bool = False  # whether the next block is what a list item's mark stands before

    def walk(self, element: Element, place: Place) -> None:
        for child in element.children:
            if isinstance(child, str):
                self.write(child, place)
            elif child.tag not in HIDDEN and "hidden" not in child.attributes:
                self.enter(child, place)

    def enter(self, element: Element, place: Place) -> None:
        tag = element.tag
        if tag == "br":
            self.runs.append(("\n", ()))
        elif tag == "img":
            self.picture(element)
        elif tag == "input":
            self.write(f" {element.attributes.get('value', '')} ", place)
        elif tag == "table" and (table := data_table(element, self.limits)) is not None:
            self.flush()
            self.end_term()
            for caption in element.find_all({"caption"}):
                self.walk_block(caption, Place())
            self.blocks.append(Block("", BlockKind.TABLE, table_text(table), 1, table=table))
        elif tag in ("td", "th"):
            self.walk_block(element, place)
        elif tag == "li":
            self.flush()
            self.item_begins = True
            self.walk_block(element, inner_place(element, place))
        elif tag == "dl":
            self.walk_block(element, inner_place(element, place))
            self.end_term()  # what follows the list is no definition
        elif tag in BLOCKS:
            self.walk_block(element, inner_place(element, place))
        elif tag == "a" and element.text.strip() == "¶":
            return  # a handle to copy a heading's address by, which pages show only under the mouse
        elif tag == "a" and (address := element.attributes.get("href")):  # else it only names a place
            self.walk(element, replace(place, styles=(*place.styles, ("link", address))))
        elif tag in STYLES:
            self.walk(element, replace(place, styles=(*place.styles, (STYLES[tag], ""))))
        else:
            self.walk(element, place)

    def walk_block(self, element: Element, place: Place) -> None:
        self.flush()
        self.place = place
        self.walk(element, place)
        self.flush()

    def write(self, text: str, place: Place) -> None:
        if not place.verbatim:
            text = re.sub(r"[ \t\r\n\f]+", " ", text)
            if not self.runs or self.runs[-1][0].endswith((" ", "\n")):
                text = text.lstrip(" ")
        if text:
            if not self.runs:
                self.place = place
            self.runs.append((text, place.styles))

    def flush(self) -> None:
        """Ends the block that is being written."""
        text, marks = joined(self.runs)
        self.runs = []
        if not text.strip():
            return
        if self.place.is_term:
            self.end_term()
            self.term = text
            return
        if self.place.kind is not BlockKind.TEXT:
            self.end_term()
        if self.term:
            lead, self.term = f"{self.term}: ", ""
            shift = len(lead.encode())
            text, marks = lead + text, [mark._replace(start=mark.start + shift, end=mark.end + shift) for mark in marks]
        self.add(text, marks)

    def end_term(self) -> None:
        """Writes the term that no definition followed which could stand in one line with it."""
        if self.term:
            self.blocks.append(Block("", BlockKind.TEXT, self.term, 1))
            self.term = ""

    def add(self, text: str, marks: Sequence[Mark]) -> None:
        place = self.place
        if place.kind is BlockKind.LIST_ITEM and not self.item_begins:
            place = replace(place, kind=BlockKind.TEXT, level=0, ordered=False)
        self.item_begins = False
        styled = None if place.kind is BlockKind.CODE else inline_markdown(text, marks)
        self.blocks.append(Block("", place.kind, text, 1, level=place.level, ordered=place.ordered, markdown=styled))
        if place.kind is BlockKind.HEADING:
            self.place = replace(place, kind=BlockKind.TEXT, level=0)

    def picture(self, element: Element) -> None:
        alt = " ".join(element.attributes.get("alt", "").split())
        if alt:
            self.flush()
            self.end_term()
            self.blocks.append(Block("", BlockKind.FIGURE, alt, 1))


def data_table(element: Element, limits: Limits) -> Table | None:
    """The table, if it is one: tables that only arrange a page, or hold text outside of their cells, are not."""
    if element.find_all(LAYOUT):
        return None
    table = to_table(element, limits)
    captions = "".join(visible_text(caption) for caption in element.find_all({"caption"}))
    placed = "".join(cell.text for cell in table.cells) + captions
    return table if placed.strip() and letters(placed) == letters(visible_text(element)) else None


def letters(text: str) -> int:
    return sum(map(len, text.split()))


def visible_text(element: Element) -> str:
    parts = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(child)
        elif child.tag not in HIDDEN and "hidden" not in child.attributes:
            instead = SHOWN_ATTRIBUTES.get(child.tag)
            parts.append(child.attributes.get(instead, "") if instead else visible_text(child))
    return "".join(parts)


def inner_place(element: Element, place: Place) -> Place:
    tag = element.tag
    heading = HEADING.fullmatch(tag)
    if heading:
        return replace(place, kind=BlockKind.HEADING, level=int(heading[1]), ordered=False)
    if tag in ("ul", "ol"):
        return replace(place, depth=place.depth + 1, ordered=tag == "ol", kind=BlockKind.TEXT, level=0)
    if tag == "li":
        return replace(place, kind=BlockKind.LIST_ITEM, level=max(0, place.depth))
    if tag == "pre":
        return replace(place, kind=BlockKind.CODE, verbatim=True, styles=())
    if tag == "dt":
        return replace(place, kind=BlockKind.TEXT, is_term=True)
    if place.kind is BlockKind.LIST_ITEM and tag in ("p", "div"):
        return place
    return replace(place, kind=BlockKind.TEXT, level=0, ordered=False)


def joined(runs: Sequence[tuple[str, tuple[tuple[str, str], ...]]]) -> tuple[str, list[Mark]]:
    """The runs' text, stripped, and the styled ranges in bytes of its UTF-8 form."""
    text, marks = "", []
    runs = list(runs)
    while runs and not runs[0][0].strip():
        runs.pop(0)
    if runs:
        runs[0] = (runs[0][0].lstrip("\n"), runs[0][1])
    for piece, styles in runs:
        if piece.startswith("\n"):
            text = text.rstrip(" ")
        start = len(text.encode())
        text += piece
        marks += [Mark(start, len(text.encode()), style, address) for style, address in styles]
    return text.rstrip(), merged(marks)


def merged(marks: Sequence[Mark]) -> list[Mark]:
    """The marks, neighbouring ones of one style as one."""
    result: list[Mark] = []
    for mark in marks:
        same = next((one for one in result if one[1:] == (mark.start, mark.kind, mark.url)), None)
        if same is not None:
            result[result.index(same)] = mark._replace(start=same.start)
        else:
            result.append(mark)
    return result


def to_table(element: Element, limits: Limits) -> Table:
    """The rows and cells with their spans, as browsers lay them out."""
    cells: list[Cell] = []
    taken: set[tuple[int, int]] = set()
    rows = element.find_all({"tr"})
    columns = 0
    for down, row in enumerate(rows):
        across = 0
        for item in row.children:
            if isinstance(item, str) or item.tag not in ("td", "th"):
                continue
            while (down, across) in taken:
                across += 1
            height, width = min(span(item, "rowspan"), len(rows) - down), span(item, "colspan")
            if len(taken) + height * width > limits.table_cells:
                raise TooLarge(f"a table has more than {limits.table_cells} cells; split the page")
            taken.update((down + y, across + x) for y in range(height) for x in range(width))
            cells.append(Cell(down, across, cell_text(item), height, width, is_header=item.tag == "th"))
            across += width
            columns = max(columns, across)
    return Table(len(rows), columns, tuple(cells))


def span(item: Element, name: str) -> int:
    value = item.attributes.get(name, "").strip()
    return min(MOST_SPAN, max(1, int(value))) if re.fullmatch(r"\d{1,6}", value) else 1


def cell_text(item: Element) -> str:
    """A cell's text, a line for each paragraph in it."""
    writer = Writer(Limits())
    writer.walk(item, Place())
    writer.flush()
    return "\n".join(block.text for block in writer.blocks)
