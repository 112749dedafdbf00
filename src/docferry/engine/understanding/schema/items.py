"""Arrays of a schema: rows of tables put under the properties of their items, and lists of plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docferry.engine.extraction.model import BlockKind
from docferry.engine.understanding.answers import Citation, Json
from docferry.engine.understanding.layout.grids import Grid, GridCell
from docferry.engine.understanding.layout.pairs import RUNNING
from docferry.engine.understanding.schema.choice import NOTHING, Choice
from docferry.engine.understanding.schema.definition import ArrayNode
from docferry.engine.understanding.schema.evidence import MIN_COLUMN_FIT, Evidence
from docferry.engine.understanding.schema.fields import Wanted
from docferry.engine.understanding.schema.guards import PatternRefused, fitted
from docferry.engine.understanding.values.kinds import NUMERIC_KINDS, SELF_EVIDENT_KINDS, Kind
from docferry.engine.understanding.values.reading import read, read_all

MAX_ROWS = 20_000
_MAX_CODE = 24
_MIN_PROVED_ROWS = 2
_MIN_KNOWN_COLUMNS = 2
_MIN_WORDY = 6.0  # letters of a cell on average
_BALANCES = ("opening_balance", "closing_balance")
_ROW_SCORE = 0.93
_LIST_SCORE = 0.88
_MIN_SHARE_READ = 0.5  # of a column's cells, for the column to be what its head says
_SEPARATORS = re.compile(r"\s*[;,•·|]\s*")
_CARRIED = re.compile(
    r"(?:(?:amount|balance|sub-?total)?\s*(?:carried|brought) (?:forward|down|over)|übertrag|zwischensumme|à reporter|"
    r"report|suma y sigue|suma anterior|riporto|a riportare|transport|te transporteren)"
    r"(?:\s+[^\W\d_]{3,5})?[\s:.…\d]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A table with the place of the column for each property (None for a property without one)."""

    grid: Grid
    columns: tuple[int | None, ...]

    @property
    def width(self) -> int:
        return sum(column is not None for column in self.columns)


def choose_rows(properties: Sequence[Wanted], array: ArrayNode, evidence: Evidence) -> list[list[Choice]]:
    """The rows of the tables that the array asks for; each row has one choice for each property."""
    from_lines = _best_tables(properties, evidence.line_grids, evidence)
    from_blocks = _best_tables(properties, evidence.table_grids, evidence)
    rows = max(
        (
            [row for mapped in tables for row in _rows(properties, mapped, evidence)]
            for tables in (from_blocks, from_lines)
        ),
        key=_content,
    )
    limit = min(array.max_items or MAX_ROWS, MAX_ROWS)
    return rows[:limit]


def _content(rows: Sequence[Sequence[Choice]]) -> tuple[int, int]:
    """How much was read: values, and letters of texts (a table's cell may have lost a word that ran out of it)."""
    values = [choice.value for row in rows for choice in row if choice.value is not None]
    return len(values), sum(len(value) for value in values if isinstance(value, str))


def _best_tables(properties: Sequence[Wanted], grids: Sequence[Grid], evidence: Evidence) -> list[_Mapped]:
    """The tables that have the most of the wanted columns; several if a table goes on over pages."""
    mapped = [_Mapped(grid, _columns(properties, grid, evidence)) for grid in grids]
    needed = min(2, len(properties))
    fitting = [each for each in mapped if each.width >= needed]
    if not fitting:
        return []
    widest = max(each.width for each in fitting)
    first = next(each for each in fitting if each.width == widest)
    wanted_columns = {place for place, column in enumerate(first.columns) if column is not None}
    return [
        each
        for each in fitting
        if {place for place, column in enumerate(each.columns) if column is not None} == wanted_columns
    ]


def _columns(properties: Sequence[Wanted], grid: Grid, evidence: Evidence) -> tuple[int | None, ...]:
    """For each property the column whose head names it, best fits first, each column once, contents tested."""
    fits = sorted(
        (
            (_fit(wanted, head, evidence), _wordiness(wanted, grid, column), -column, place, column)
            for place, wanted in enumerate(properties)
            for column, head in enumerate(grid.heads)
        ),
        reverse=True,
    )
    chosen: dict[int, int] = {}
    for fit, _, _, place, column in fits:
        if fit < MIN_COLUMN_FIT or place in chosen or column in chosen.values():
            continue
        if _is_readable(properties[place], grid, column, evidence):
            chosen[place] = column
    _infer_factor(properties, grid, chosen, evidence)
    _infer_description(properties, grid, chosen)
    return tuple(chosen.get(place) for place in range(len(properties)))


def _infer_factor(properties: Sequence[Wanted], grid: Grid, chosen: dict[int, int], evidence: Evidence) -> None:
    """The quantity or the unit price under an unknown head, where quantity times price is the amount in every row."""
    places = {name: _place_of(properties, name) for name in ("quantity", "unit_price", "line_total")}
    amount = places["line_total"]
    for missing, known in (("quantity", "unit_price"), ("unit_price", "quantity")):
        place, other = places[missing], places[known]
        if place is None or place in chosen or other not in chosen or amount not in chosen:
            continue
        for column in range(len(grid.heads)):
            if column not in chosen.values() and _multiplies(grid, (column, chosen[other], chosen[amount]), evidence):
                chosen[place] = column
                break


def _place_of(properties: Sequence[Wanted], concept: str) -> int | None:
    return next(
        (at for at, each in enumerate(properties) if each.meanings and each.meanings[0].concept == concept), None
    )


def _multiplies(grid: Grid, columns: tuple[int, int, int], evidence: Evidence) -> bool:
    """Whether the first column times the second is the third, in at least two rows and in all that have the three."""
    tested = 0
    for row in grid.rows:
        cells = [row[column] for column in columns]
        readings = [read(Kind.NUMBER, cell.text, evidence.conventions) for cell in cells if cell is not None]
        numbers = [float(reading.value) for reading in readings if reading is not None]
        if len(numbers) < len(columns):
            continue
        tested += 1
        if abs(numbers[0] * numbers[1] - numbers[2]) > max(0.01, 0.001 * abs(numbers[2])):
            return False
    return tested >= _MIN_PROVED_ROWS


def _infer_description(properties: Sequence[Wanted], grid: Grid, chosen: dict[int, int]) -> None:
    """The text of the items, under an unknown head, if one column of words is left and others are known."""
    place = next((at for at, each in enumerate(properties) if each.has_concept("item_description")), None)
    if place is None or place in chosen or len(chosen) < _MIN_KNOWN_COLUMNS:
        return
    free = [column for column in range(len(grid.heads)) if column not in chosen.values()]
    wordy = [column for column in free if _wordiness(properties[place], grid, column) >= _MIN_WORDY]
    if len(wordy) == 1:
        chosen[place] = wordy[0]


def _fit(wanted: Wanted, head: str, evidence: Evidence) -> float:
    return evidence.matcher.fit(wanted, head)[0]


def _wordiness(wanted: Wanted, grid: Grid, column: int) -> float:
    """How much a column is of words, for properties that are texts: of "Article" and "Description" it is the latter."""
    if wanted.kind is not Kind.TEXT:
        return 0.0
    texts = [cell.text for row in grid.rows if (cell := row[column]) is not None]
    return sum(sum(map(str.isalpha, text)) for text in texts) / max(1, len(texts))


def _is_readable(wanted: Wanted, grid: Grid, column: int, evidence: Evidence) -> bool:
    cells = [cell for row in grid.rows if (cell := row[column]) is not None]
    readable = sum(_read_cell(wanted, cell, evidence).value is not None for cell in cells)
    return bool(cells) and readable >= _MIN_SHARE_READ * len(cells)


def _read_cell(wanted: Wanted, cell: GridCell | None, evidence: Evidence) -> Choice:
    if cell is None:
        return NOTHING
    kind = wanted.kind
    if kind is Kind.IDENTIFIER and len(cell.text) <= _MAX_CODE and len(cell.text.split()) == 1:
        kind = Kind.TEXT  # a column of codes may hold words too
    elif kind is Kind.IDENTIFIER and re.search(r"[a-zà-ÿ]{3}", cell.text):
        return NOTHING
    reading = read(kind, cell.text, evidence.conventions)
    if reading is None:
        return NOTHING
    try:
        fits, value = fitted(wanted.leaf, reading.value, reading.printed)
    except PatternRefused:
        return NOTHING
    if not fits:
        return NOTHING
    final = reading.printed if wanted.wants_printed and not wanted.leaf.enum else value
    return Choice(final, _ROW_SCORE * (0.8 + 0.2 * reading.share) * cell.confidence, cell.citations)


def _rows(properties: Sequence[Wanted], mapped: _Mapped, evidence: Evidence) -> Iterator[list[Choice]]:
    has_numbers = any(
        wanted.kind in NUMERIC_KINDS and column is not None
        for wanted, column in zip(properties, mapped.columns, strict=True)
    )
    for row in mapped.grid.rows:
        if any(cell is not None and _is_carried(cell.text, evidence) for cell in row):
            continue
        choices = [
            _read_cell(wanted, None if column is None else row[column], evidence)
            for wanted, column in zip(properties, mapped.columns, strict=True)
        ]
        numeric = any(
            choice.value is not None and wanted.kind in NUMERIC_KINDS
            for wanted, choice in zip(properties, choices, strict=True)
        )
        if any(choice.value is not None for choice in choices) and (numeric or not has_numbers):
            yield choices


def _is_carried(text: str, evidence: Evidence) -> bool:
    """Whether a cell says that its row is a balance or a sum carried over, and no record."""
    stripped = text.strip()
    meanings = evidence.matcher.meanings(stripped) if len(stripped) <= 60 else ()
    return bool(_CARRIED.fullmatch(stripped)) or any(meaning.concept in _BALANCES for meaning in meanings)


def choose_list(item: Wanted, array: Wanted, evidence: Evidence) -> list[Choice]:
    """The values of an array of plain values: all of a self-evident kind, else those beside or below its label."""
    if item.kind in SELF_EVIDENT_KINDS:
        return _all_of_kind(item, evidence)
    below = _below_heading(item, array, evidence)
    if below:
        return below[:MAX_ROWS]
    for pair in evidence.pairs:
        if pair.relation in RUNNING or evidence.matcher.fit(array, pair.label)[0] < MIN_COLUMN_FIT:
            continue
        parts = [part for part in _SEPARATORS.split(pair.value) if part.strip()]
        choices = [_plain(item, part, pair.value_segments[0].citation, evidence) for part in parts]
        listed = [choice for choice in choices if choice.value is not None]
        if listed:
            return listed[:MAX_ROWS]
    return []


def _plain(item: Wanted, text: str, citation: Citation, evidence: Evidence) -> Choice:
    reading = read(item.kind, text, evidence.conventions)
    if reading is None:
        return NOTHING
    fits, value = fitted(item.leaf, reading.value, reading.printed)
    return Choice(value, _LIST_SCORE, (citation,)) if fits else NOTHING


def _all_of_kind(item: Wanted, evidence: Evidence) -> list[Choice]:
    found: dict[Json, Choice] = {}
    for line in evidence.lines:
        for segment in line.segments:
            for reading in read_all(item.kind, segment.text, evidence.conventions):
                fits, value = fitted(item.leaf, reading.value, reading.printed)
                if fits:
                    found.setdefault(value, Choice(value, 0.9 * segment.confidence, (segment.citation,)))
    return list(found.values())[:MAX_ROWS]


def _below_heading(item: Wanted, array: Wanted, evidence: Evidence) -> list[Choice]:
    """The items of the list that stands below a heading of the array's name."""
    choices: list[Choice] = []
    under_heading = False
    pages = {line.page for line in evidence.lines}
    for block in evidence.document.blocks:
        if block.page not in pages:
            continue
        if block.kind is BlockKind.LIST_ITEM and under_heading:
            choice = _plain(item, block.text, Citation(block.page, block.id, block.box), evidence)
            choices += [choice] if choice.value is not None else []
        elif choices:
            break
        else:
            under_heading = evidence.matcher.fit(array, block.text.strip()[:80])[0] >= MIN_COLUMN_FIT
    return choices
