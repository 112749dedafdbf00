"""Tables of records: a row of column heads, and the rows below it, put under those heads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from docferry.engine.extraction.model import Block, Box, Document, Table, Word
from docferry.engine.understanding.answers import Citation
from docferry.engine.understanding.layout.lines import Line, Segment

_MAX_GAP_IN_HEIGHTS = 5.0  # a wider gap ends a table
_SAME_LEFT = 0.008
_MAX_HEADER_ROW = 4  # heads of a table block stand within its first rows


@dataclass(frozen=True, slots=True)
class GridCell:
    text: str
    citations: tuple[Citation, ...]
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with its heads. Each row has one cell, or None, for each head."""

    heads: tuple[str, ...]
    rows: tuple[tuple[GridCell | None, ...], ...]
    pages: tuple[int, ...]  # of each row
    lines: frozenset[int]  # the lines that it covers, where it was found in lines


IsHeader = Callable[[Sequence[str]], bool]
Ends = Callable[[Sequence[str]], bool]


def grids_of_lines(lines: Sequence[Line], is_header: IsHeader, ends: Ends) -> list[Grid]:
    """The tables in ``lines`` whose heads ``is_header`` knows. A row that ``ends`` knows (totals) ends one."""
    grids = []
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.top is not None and is_header([segment.text for segment in line.segments]):
            heads, covered = _heads(lines, number)
            grid = _grid_below(lines, number, covered, heads, is_header, ends)
            if grid.rows:
                grids.append(grid)
            number = max(grid.lines, default=number) + 1
        else:
            number += 1
    return grids


def _heads(lines: Sequence[Line], number: int) -> tuple[list[tuple[str, Box]], int]:
    """The heads of a header line, with the second lines of heads that are printed on two; and the lines they take."""
    heads = [(segment.text, segment.box) for segment in lines[number].segments if segment.box is not None]
    following = lines[number + 1] if number + 1 < len(lines) else None
    if following is None or following.page != lines[number].page or following.top is None:
        return heads, 1
    near = following.top - (lines[number].bottom or 0) <= 0.45 * lines[number].height
    is_words = all(not any(map(str.isdigit, segment.text)) for segment in following.segments)
    if not (near and is_words and len(following.segments) < len(heads)):
        return heads, 1
    joined = list(heads)
    for segment in following.segments:
        column = _column_of(segment.box, [box for _, box in heads])
        text, box = joined[column]
        if segment.box is None or not _overlap(segment.box, box):
            return heads, 1
        joined[column] = (f"{text} {segment.text}", _around(box, segment.box))
    return joined, 2


def _grid_below(
    lines: Sequence[Line], number: int, covered: int, heads: list[tuple[str, Box]], is_header: IsHeader, ends: Ends
) -> Grid:
    boxes = [box for _, box in heads]
    rows: list[list[GridCell | None]] = []
    pages: list[int] = []
    taken = set(range(number, number + covered))
    before = lines[number + covered - 1]
    for index in range(number + covered, len(lines)):
        line = lines[index]
        if line.page != before.page or line.top is None or before.bottom is None:
            break
        texts = [segment.text for segment in line.segments]
        far = line.top - before.bottom > _MAX_GAP_IN_HEIGHTS * max(before.height, 0.006)
        if far or ends(texts) or is_header(texts):
            break
        cells = _cells(line.segments, boxes)
        if rows and _is_foot(cells, rows[0]):
            break
        filled = [column for column, cell in enumerate(cells) if cell is not None]
        gap = line.top - before.bottom
        if rows and len(filled) == 1 and len(heads) > 2 and gap <= 0.9 * max(before.height, 0.006):
            _append(rows[-1], filled[0], cells[filled[0]])
        elif len(filled) >= 2:
            rows.append(cells)
            pages.append(line.page)
        else:
            break  # text that belongs to no row
        taken.add(index)
        before = line
    return Grid(tuple(text for text, _ in heads), tuple(map(tuple, rows)), tuple(pages), frozenset(taken))


def _is_foot(cells: Sequence[GridCell | None], first_row: Sequence[GridCell | None]) -> bool:
    """Whether a row is no record but a sum below them: few cells, and words where the records have numbers."""
    filled = [column for column, cell in enumerate(cells) if cell is not None]
    if len(filled) > 2 or len(cells) < 4:
        return False
    return any(_is_wordy(cells[column]) and _is_numeric(first_row[column]) for column in filled)


def _is_wordy(cell: GridCell | None) -> bool:
    if cell is None:
        return False
    return sum(map(str.isalpha, cell.text)) > 3 and not any(map(str.isdigit, cell.text.split("%")[-1]))


def _is_numeric(cell: GridCell | None) -> bool:
    return cell is not None and sum(map(str.isdigit, cell.text)) >= sum(map(str.isalpha, cell.text))


def _append(row: list[GridCell | None], column: int, more: GridCell | None) -> None:
    """A further line of a cell, such as the second line of a long description."""
    cell = row[column]
    if more is None:
        return
    if cell is None:
        row[column] = more
    else:
        row[column] = GridCell(
            f"{cell.text} {more.text}", cell.citations + more.citations, min(cell.confidence, more.confidence)
        )


def _cells(segments: Sequence[Segment], heads: Sequence[Box]) -> list[GridCell | None]:
    cells: list[GridCell | None] = [None] * len(heads)
    for segment in segments:
        for text, box in _pieces(segment, heads):
            column = _column_of(box, heads)
            citation = Citation(segment.page, segment.block_id, box)
            _append(cells, column, GridCell(text, (citation,), segment.confidence))
    return cells


def _pieces(segment: Segment, heads: Sequence[Box]) -> Iterator[tuple[str, Box | None]]:
    """The segment as a whole, or word by word where it runs below several heads that stand near each other."""
    below = [head for head in heads if segment.box is not None and _overlap(segment.box, head)]
    if len(below) < 2 or len(segment.words) < 2:
        yield segment.text, segment.box
        return
    pieces: list[tuple[str, Box]] = []
    for word in segment.words:
        goes_on = pieces and not any(map(str.isdigit, word.text)) and not _starts_column(word, pieces[-1][1], heads)
        if goes_on:
            text, box = pieces.pop()
            pieces.append((f"{text} {word.text}", _around(box, word.box)))
        else:
            pieces.append((word.text, word.box))
    yield from pieces


def _starts_column(word: Word, before: Box, heads: Sequence[Box]) -> bool:
    """Whether a word stands right below another head's left edge than the word before it: a text column begins."""
    column = _column_of(word.box, heads)
    return column != _column_of(before, heads) and abs(word.box.left - heads[column].left) < _SAME_LEFT


def _overlap(one: Box, other: Box) -> bool:
    return min(one.right, other.right) > max(one.left, other.left)


def _around(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom)
    )


def _column_of(box: Box | None, heads: Sequence[Box]) -> int:
    """The head a text stands under: the one it overlaps most, else the one whose nearest edge is nearest."""
    if box is None:
        return 0

    def rank(column: int) -> tuple[float, float]:
        head = heads[column]
        shared = min(box.right, head.right) - max(box.left, head.left)
        edges = min(
            abs(box.left - head.left),
            abs(box.right - head.right),
            abs(box.left + box.right - head.left - head.right) / 2,
        )
        return (-max(shared, 0.0), edges)

    return min(range(len(heads)), key=rank)


def grids_of_tables(document: Document, pages: Sequence[int] | None, is_header: IsHeader, ends: Ends) -> list[Grid]:
    """The tables among the document's table blocks whose heads ``is_header`` knows."""
    grids = []
    for block in document.blocks:
        if block.table is None or (pages is not None and block.page not in pages):
            continue
        grid = _grid_of_table(block, block.table, is_header, ends)
        if grid is not None and grid.rows:
            grids.append(grid)
    return grids


def _grid_of_table(block: Block, table: Table, is_header: IsHeader, ends: Ends) -> Grid | None:
    rows: dict[int, dict[int, GridCell]] = {}
    for cell in table.cells:
        text = " ".join(cell.text.split())
        if text:
            citation = Citation(block.page, block.id, cell.box or block.box)
            confidence = 1.0 if cell.confidence is None else cell.confidence
            rows.setdefault(cell.row, {})[cell.column] = GridCell(text, (citation,), confidence)
    for number in sorted(rows)[:_MAX_HEADER_ROW]:
        columns = sorted(rows[number])
        if is_header([rows[number][column].text for column in columns]):
            body = _table_rows(rows, number, columns, ends, is_header)
            heads = tuple(rows[number][column].text for column in columns)
            return Grid(heads, tuple(body), (block.page,) * len(body), frozenset())
    return None


def _table_rows(
    rows: dict[int, dict[int, GridCell]], header: int, columns: Sequence[int], ends: Ends, is_header: IsHeader
) -> list[tuple[GridCell | None, ...]]:
    body: list[list[GridCell | None]] = []
    for number in sorted(rows):
        if number <= header:
            continue
        texts = [rows[number][column].text for column in sorted(rows[number])]
        if ends(texts):
            break
        if is_header(texts):
            continue  # the heads again, on a new page
        cells = [rows[number].get(column) for column in columns]
        if body and _is_foot(cells, body[0]):
            break
        filled = [column for column, cell in enumerate(cells) if cell is not None]
        if body and len(filled) == 1 and len(columns) > 2:
            _append(body[-1], filled[0], cells[filled[0]])
        elif len(filled) >= 2:
            body.append(cells)
    return [tuple(row) for row in body]
