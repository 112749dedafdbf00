"""Tables out of HTML and Markdown, and into CSV that a spreadsheet cannot mistake for formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser

from docferry.models import Json

Table = list[list[str]]

MAX_SPAN = 1000  # HTML's own limit for colspan
MAX_CELLS = 2_000_000

# The module's own limit of 128 KB for a cell is one for all programs; a page of text in a cell exceeds it.
csv.field_size_limit(64 << 20)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[\d.,\s]*\d[\d.,\s]*\s*[%€$£¥]?")
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_FENCE = re.compile(r"\s*(```|~~~)")


def to_csv(table: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 with CRLF line ends (RFC 4180). Cells that a spreadsheet would calculate begin with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in table:
        writer.writerow([_safe(cell) for cell in row])
    return text.getvalue().encode("utf-8", "replace")


def _safe(cell: str) -> str:
    if cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def from_csv(text: str) -> list[Table]:
    """The tables in a CSV text: an empty line ends one."""
    tables: list[Table] = []
    current: Table = []
    for row in csv.reader(io.StringIO(text, newline=""), strict=False):
        if row:
            current.append(row)
        elif current:
            tables.append(current)
            current = []
    return [*tables, current] if current else tables


def from_records(headers: Json, rows: Json) -> Table:
    """A table from column names and objects (or lists) of values."""
    names = [str(name) for name in headers] if isinstance(headers, list) else []
    table: Table = [names] if names else []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping):
            table.append([_cell(row.get(name)) for name in names or row])
        elif isinstance(row, list):
            table.append([_cell(value) for value in row])
    return table


def _cell(value: Json) -> str:
    return "" if value is None else str(value)


def from_markdown(text: str) -> list[Table]:
    """Tables in reading order: pipe tables, and the HTML tables that providers embed. Code blocks are skipped."""
    tables: list[Table] = []
    block: list[str] = []
    for kind, lines in _blocks(text.splitlines()):
        if kind == "html":
            block += lines
        else:
            tables += from_html("\n".join(block)) if block else []
            block = []
            tables.append([_pipe_cells(line) for line in (lines[0], *lines[2:])])
    return tables + (from_html("\n".join(block)) if block else [])


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields pipe tables as ``pipe`` (heading, rule, rows) and every other line as ``html``."""
    index = 0
    fenced = False
    while index < len(lines):
        line = lines[index]
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and "|" in line and index + 1 < len(lines) and _is_rule(lines[index + 1]):
            end = index + 2
            while end < len(lines) and "|" in lines[end]:
                end += 1
            yield "pipe", list(lines[index:end])
            index = end
            continue
        elif not fenced:
            yield "html", [line]
        index += 1


def _is_rule(line: str) -> bool:
    return "-" in line and "|" in line and _RULE.fullmatch(line) is not None


def _pipe_cells(line: str) -> list[str]:
    text = line.strip().removeprefix("|")
    if text.endswith("|") and not text.endswith("\\|"):
        text = text[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", text)]


def from_html(text: str) -> list[Table]:
    """The outermost tables in ``text``, spans filled with empty cells."""
    if "<t" not in text.lower():
        return []
    reader = _TableReader()
    reader.feed(text)
    reader.close()
    reader.end_row()  # of a table that was never closed
    return [table for table in reader.tables if table]


class _TableReader(HTMLParser):
    """Collects tables into grids; nested tables give their text to the cell they stand in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[Table] = []
        self._depth = 0
        self._cells = 0
        self._covered: dict[int, int] = {}  # column -> rows still covered from above
        self._row: list[str] | None = None
        self._text: list[str] | None = None
        self._span = (1, 1)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self.tables.append([])
                self._covered = {}
        elif self._depth == 1 and tag == "tr":
            self.end_row()
            self._row = []
        elif self._depth == 1 and tag in ("td", "th"):
            self._end_cell()
            if self._row is None:
                self._row = []
            values = dict(attrs)
            self._span = (_span(values.get("colspan")), _span(values.get("rowspan")))
            self._text = []
        elif tag == "br" and self._text is not None:
            self._text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._depth:
            if self._depth == 1:
                self.end_row()
            self._depth -= 1
        elif self._depth == 1 and tag in ("td", "th"):
            self._end_cell()
        elif self._depth == 1 and tag == "tr":
            self.end_row()

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data.replace("\n", " "))  # a line end in the source is a space

    def _end_cell(self) -> None:
        if self._text is None or self._row is None:
            return
        self._fill_covered()
        words = "\n".join(" ".join(line.split()) for line in "".join(self._text).split("\n")).strip()
        columns, rows = self._span
        columns = min(columns, max(1, MAX_CELLS - self._cells))
        self._cells += columns
        for offset in range(columns):
            if rows > 1:
                self._covered[len(self._row)] = rows - 1
            self._row.append("" if offset else words)
        self._text = None

    def _fill_covered(self) -> None:
        assert self._row is not None
        while self._covered.get(len(self._row), 0):
            self._covered[len(self._row)] -= 1
            self._row.append("")

    def end_row(self) -> None:
        """Ends the row that is open, if one is."""
        self._end_cell()
        if self._row is not None:
            self._fill_covered()
            if self._row:
                self.tables[-1].append(self._row)
        self._row = None


def _span(value: str | None) -> int:
    return min(max(int(value), 1), MAX_SPAN) if value and value.strip().isdecimal() else 1
