"""The fields of a PDF form with their values, which the page's text does not always show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docferry.engine.extraction.layout import rect_box
from docferry.engine.extraction.model import Block, BlockKind

if TYPE_CHECKING:
    from liteparse import FormField, ParsedPage

TICKABLE = {"checkbox", "radiobutton", "radio_button", "radio"}
SILENT = {"pushbutton", "push_button", "button"}


def form_blocks(page: ParsedPage) -> tuple[Block, ...]:
    """A block for each field that has a name: its value, or ☑ and ☐ for what can be ticked."""
    return tuple(
        Block("", BlockKind.FORM_FIELD, field_text(field), page.page_num, rect_box(field.rect, page), label=label)
        for field in page.form_fields or []
        if field.type.lower() not in SILENT and (label := field_label(field))
    )


def field_label(field: FormField) -> str:
    """What a person reads beside the field, where the form says it; else the field's own name."""
    return " ".join((field.alternate_name or field.name or "").split())


def field_text(field: FormField) -> str:
    if field.type.lower() in TICKABLE:
        return "☑" if field.checked else "☐"
    if field.selected_options:
        return ", ".join(field.selected_options)
    return (field.value or "").replace("\r\n", "\n").replace("\r", "\n")
