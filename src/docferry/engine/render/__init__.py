"""Everything an extracted document can be turned into; each function is pure and takes the one model."""

from docferry.engine.render.boxes import nanonets_bounding_boxes, pulse_bounding_boxes, pulse_word_boxes
from docferry.engine.render.chunks import to_chunks
from docferry.engine.render.footnotes import footnote_references
from docferry.engine.render.markdown import BlockTexts, page_texts, to_markdown
from docferry.engine.render.structure import to_json, to_table_of_contents, to_tree
from docferry.engine.render.tables import to_csv_tables
from docferry.engine.render.webpage import to_html

__all__ = [
    "BlockTexts",
    "footnote_references",
    "nanonets_bounding_boxes",
    "page_texts",
    "pulse_bounding_boxes",
    "pulse_word_boxes",
    "to_chunks",
    "to_csv_tables",
    "to_html",
    "to_json",
    "to_markdown",
    "to_table_of_contents",
    "to_tree",
]
