"""PPTX: each slide a page, with its title, lists, tables, pictures' descriptions and speaker notes."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from docferry.engine.extraction.building import number_blocks, table_text
from docferry.engine.extraction.errors import CorruptDocument, EmptyDocument
from docferry.engine.extraction.model import Block, BlockKind, Cell, Document, Page, Table
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.extraction.sniff import PPTX

MAIN = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
SHOW = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
PARTS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
CORE_TITLE = "{http://purl.org/dc/elements/1.1/}title"

TITLES = {"title", "ctrTitle"}
CHROME = {"dt": BlockKind.FOOTER, "ftr": BlockKind.FOOTER, "hdr": BlockKind.HEADER, "sldNum": BlockKind.PAGE_NUMBER}
LISTED = {"body", "obj", None}  # placeholder types whose paragraphs are bullets
MALFORMED = (
    ElementTree.ParseError,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,
)
Element = ElementTree.Element


def read_slides(path: Path, options: ReadOptions) -> Document:
    """The slides in the order in which they are shown."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = slide_names(archive)
            pages = [read_slide(archive, name, number) for number, name in enumerate(names, start=1)]
            title = core_title(archive)
    except MALFORMED as error:
        raise CorruptDocument("the presentation is damaged; open and save it again") from error
    if not any(page.blocks for page in pages):
        raise EmptyDocument("the slides hold no text; send the presentation as PDF to have its pictures read")
    return Document(PPTX, number_blocks(pages), title)


def load(archive: zipfile.ZipFile, name: str) -> Element:
    return ElementTree.fromstring(archive.read(name))  # noqa: S314  expat bounds what entities expand to


def relations(archive: zipfile.ZipFile, name: str) -> dict[str, tuple[str, str]]:
    """A part's relations: id to kind and the name of the part that is meant."""
    folder, file = posixpath.split(name)
    listing = f"{folder}/_rels/{file}.rels"
    if listing not in archive.namelist():
        return {}
    found = {}
    for relation in load(archive, listing).iter(f"{PARTS}Relationship"):
        target = relation.get("Target", "")
        place = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        found[relation.get("Id", "")] = (relation.get("Type", "").rsplit("/", 1)[-1], place)
    return found


def slide_names(archive: zipfile.ZipFile) -> list[str]:
    links = relations(archive, "ppt/presentation.xml")
    listed = load(archive, "ppt/presentation.xml").iter(f"{SHOW}sldId")
    return [links[slide.get(f"{LINK}id", "")][1] for slide in listed]


def core_title(archive: zipfile.ZipFile) -> str | None:
    if "docProps/core.xml" not in archive.namelist():
        return None
    title = (load(archive, "docProps/core.xml").findtext(CORE_TITLE) or "").strip()
    return title if title and title != "PowerPoint Presentation" else None


def read_slide(archive: zipfile.ZipFile, name: str, number: int) -> Page:
    slide = load(archive, name)
    blocks = [block for tree in slide.iter(f"{SHOW}spTree") for block in tree_blocks(tree, number)]
    blocks.sort(key=lambda block: block.kind is not BlockKind.HEADING or block.level != 1)  # the title comes first
    for kind, part in relations(archive, name).values():
        if kind == "notesSlide" and part in archive.namelist():
            blocks.extend(note_blocks(load(archive, part), number))
    return Page(number=number, width=None, height=None, blocks=tuple(blocks), source="native")


def tree_blocks(tree: Element, number: int) -> Iterator[Block]:
    """The blocks of the shapes in a group, in the order of the file, which is the reading order for screen readers."""
    for shape in tree:
        if shape.tag == f"{SHOW}sp":
            yield from shape_blocks(shape, number)
        elif shape.tag == f"{SHOW}grpSp":
            yield from tree_blocks(shape, number)
        elif shape.tag == f"{SHOW}graphicFrame":
            for grid in shape.iter(f"{MAIN}tbl"):
                table = read_table(grid)
                yield Block("", BlockKind.TABLE, table_text(table), number, table=table)
        elif shape.tag == f"{SHOW}pic":
            described = next(shape.iter(f"{SHOW}cNvPr"), None)
            yield Block("", BlockKind.FIGURE, "" if described is None else described.get("descr", ""), number)


def placeholder(shape: Element) -> tuple[bool, str | None]:
    """Whether the shape fills a place of the layout, and of which type."""
    place = next(shape.iter(f"{SHOW}ph"), None)
    return place is not None, None if place is None else place.get("type")


def shape_blocks(shape: Element, number: int) -> Iterator[Block]:
    is_placeholder, kind = placeholder(shape)
    paragraphs = [
        (paragraph, text) for paragraph in shape.iter(f"{MAIN}p") if (text := paragraph_text(paragraph)).strip()
    ]
    if kind in TITLES:
        if paragraphs:
            yield Block("", BlockKind.HEADING, " ".join(text for _, text in paragraphs), number, level=1)
        return
    for paragraph, text in paragraphs:
        if kind in CHROME:
            yield Block("", CHROME[kind], text, number)
        elif bulleted(paragraph, is_placeholder and kind in LISTED):
            properties = paragraph.find(f"{MAIN}pPr")
            depth = int(properties.get("lvl", "0")) if properties is not None else 0
            ordered = properties is not None and properties.find(f"{MAIN}buAutoNum") is not None
            yield Block("", BlockKind.LIST_ITEM, text, number, level=depth, ordered=ordered)
        else:
            yield Block("", BlockKind.TEXT, text, number)


def bulleted(paragraph: Element, by_default: bool) -> bool:
    properties = paragraph.find(f"{MAIN}pPr")
    if properties is None:
        return by_default
    if properties.find(f"{MAIN}buNone") is not None:
        return False
    marked = any(properties.find(f"{MAIN}{mark}") is not None for mark in ("buChar", "buAutoNum", "buBlip"))
    return marked or by_default


def paragraph_text(paragraph: Element) -> str:
    parts = []
    for piece in paragraph.iter():
        if piece.tag == f"{MAIN}t":
            parts.append(piece.text or "")
        elif piece.tag == f"{MAIN}br":
            parts.append("\n")
    return "".join(parts)


def read_table(grid: Element) -> Table:
    properties = grid.find(f"{MAIN}tblPr")
    headed = properties is not None and properties.get("firstRow") == "1"
    cells = []
    rows = list(grid.iter(f"{MAIN}tr"))
    for down, row in enumerate(rows):
        for across, cell in enumerate(row.findall(f"{MAIN}tc")):
            if cell.get("hMerge") == "1" or cell.get("vMerge") == "1":
                continue
            text = "\n".join(filter(None, map(paragraph_text, cell.iter(f"{MAIN}p"))))
            spans = int(cell.get("rowSpan", "1")), int(cell.get("gridSpan", "1"))
            cells.append(Cell(down, across, text, spans[0], spans[1], is_header=headed and down == 0))
    columns = max((len(row.findall(f"{MAIN}tc")) for row in rows), default=0)
    return Table(len(rows), columns, tuple(cells))


def note_blocks(notes: Element, number: int) -> Iterator[Block]:
    for shape in notes.iter(f"{SHOW}sp"):
        if placeholder(shape)[1] == "body":
            texts = [text for paragraph in shape.iter(f"{MAIN}p") if (text := paragraph_text(paragraph)).strip()]
            if texts:
                yield Block("", BlockKind.TEXT, "Notes: " + "\n".join(texts), number)
