"""Everything a document offers to a schema: its lines, label pairs, parties and tables, gathered once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docferry.engine.extraction.model import Block, Document
from docferry.engine.understanding import labels
from docferry.engine.understanding.layout.grids import Grid, grids_of_lines, grids_of_tables
from docferry.engine.understanding.layout.letterhead import find_letterhead, find_lone_address, find_window_address
from docferry.engine.understanding.layout.lines import Line, Segment, lines_of
from docferry.engine.understanding.layout.pairs import Pair, find_pairs
from docferry.engine.understanding.layout.parties import Section, find_sections
from docferry.engine.understanding.schema.fields import Wanted
from docferry.engine.understanding.schema.matching import Matcher
from docferry.engine.understanding.values.conventions import Conventions, conventions_of
from docferry.engine.understanding.vocabulary import Vocabulary, vocabulary
from docferry.engine.understanding.wordlists import word_set

_TOTALS = frozenset({"grand_total", "net_total", "tax_total", "amount_due"})
_SUM_WORDS = word_set("total totals subtotal sub summe zwischensumme gesamtsumme gesamtbetrag totale totaal suma somme")
_EXTRAS = frozenset(
    {"discount", "shipping", "amount_paid", "closing_balance"}
)  # totals too, unless they are charged as an item
MIN_COLUMN_FIT = 0.8


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was gathered from the wanted pages of a document."""

    document: Document
    lines: tuple[Line, ...]
    text: str
    conventions: Conventions
    vocabulary: Vocabulary
    matcher: Matcher
    line_grids: tuple[Grid, ...]
    table_grids: tuple[Grid, ...]
    pairs: tuple[Pair, ...]
    sections: tuple[Section, ...]
    letterhead: Section | None
    blocks: Mapping[str, Block]

    def block(self, block_id: str | None) -> Block | None:
        return None if block_id is None else self.blocks.get(block_id)

    def role_at(self, segment: Segment) -> str | None:
        """The party in whose block a segment stands."""
        return next((section.role for section in self.sections if section.holds(segment)), None)


def gather(
    document: Document, pages: Sequence[int] | None, fields: Sequence[Wanted], columns: Sequence[Sequence[Wanted]]
) -> Evidence:
    """The evidence of a document for the given fields and, by array, the given columns."""
    words = vocabulary()
    lines = lines_of(document, pages)
    text = "\n".join(line.text for line in lines)
    conventions = conventions_of(text)
    matcher = Matcher(words, conventions.language)
    own_labels = frozenset(labels.key(phrase) for field in fields for phrase in field.phrases) - {""}
    heads = _HeaderTest(words, matcher, columns)
    line_grids = grids_of_lines(lines, heads.is_header, heads.ends)
    table_grids = grids_of_tables(document, pages, heads.is_header, heads.ends)
    skipped = frozenset(number for grid in line_grids for number in grid.lines) | _table_rows(lines, table_grids)

    def is_label(candidate: str) -> bool:
        return words.is_label(candidate, own_labels)

    sections = find_sections(lines, words, conventions, skipped)
    if not any(section.role == "buyer" for section in sections):
        sections += find_window_address(lines, words)
    letterhead = find_letterhead(lines, sections, words)
    if not any(section.role == "buyer" for section in sections):
        sections += find_lone_address(lines, sections, letterhead, words)
    return Evidence(
        document=document,
        lines=lines,
        text=text,
        conventions=conventions,
        vocabulary=words,
        matcher=matcher,
        line_grids=tuple(line_grids),
        table_grids=tuple(table_grids),
        pairs=tuple(find_pairs(lines, is_label, skipped)),
        sections=tuple(sections),
        letterhead=letterhead,
        blocks={block.id: block for block in document.blocks},
    )


def _table_rows(lines: Sequence[Line], grids: Sequence[Grid]) -> frozenset[int]:
    """The lines that repeat the rows of table blocks already taken as tables of records."""
    texts = {
        (grid.pages[place], " ".join(cell.text for cell in row if cell is not None))
        for grid in grids
        for place, row in enumerate(grid.rows)
    }
    return frozenset(number for number, line in enumerate(lines) if line.table and (line.page, line.text) in texts)


class _HeaderTest:
    """Knows the heads of tables of records, and the rows that end one."""

    def __init__(self, words: Vocabulary, matcher: Matcher, columns: Sequence[Sequence[Wanted]]) -> None:
        self._words = words
        self._matcher = matcher
        self._columns = columns

    def is_header(self, texts: Sequence[str]) -> bool:
        """Two or more known column heads, which are most of the row; or the properties of a wanted array."""
        if len(texts) < 2 or any(len(text) > 50 for text in texts):
            return False
        if any(re.search(r"\d", text) for text in texts if not re.search(r"%", text)):
            return False
        by_text = [{meaning.concept for meaning in self._matcher.meanings(text)} for text in texts]
        in_columns = [{name for name in names if self._words.concepts[name].is_column} for names in by_text if names]
        distinct = set().union(*in_columns) if in_columns else set()
        known = sum(bool(names) for names in by_text)
        is_usual = (
            sum(map(bool, in_columns)) >= 2 and len(distinct) >= 2 and known * 2 >= len(texts) and len(texts) >= 3
        )
        return is_usual or any(self._names_columns(texts, columns) for columns in self._columns)

    def _names_columns(self, texts: Sequence[str], columns: Sequence[Wanted]) -> bool:
        matched = sum(any(self._matcher.fit(column, text)[0] >= MIN_COLUMN_FIT for text in texts) for column in columns)
        return matched >= 2 and matched * 2 >= min(len(columns), len(texts))

    def ends(self, texts: Sequence[str]) -> bool:
        """Whether a row is a total: its label is a whole cell, or stands before a colon or a number."""
        if len(texts) <= 3 and labels.tokens(texts[0])[:1] and labels.tokens(texts[0])[0] in _SUM_WORDS:
            return True
        for text in texts:
            label = re.split(r":|\s+(?=[-–(]?[€$£]?\s?\d)", text, maxsplit=1)[0].strip()
            meanings = self._matcher.meanings(text) if len(text) <= 60 else ()
            meanings = meanings or (self._matcher.meanings(label) if label and len(label) <= 40 else ())
            if meanings and (meanings[0].concept in _TOTALS or (meanings[0].concept in _EXTRAS and len(texts) <= 2)):
                return True
        return False
