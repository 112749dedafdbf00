"""Draws texts at places of a page as PDF, and says what is right and what is wrong in an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Sample:
    """A document, and the values that a person reads in it for the schema (None: it does not say)."""

    name: str
    pdf: bytes
    truth: dict[str, Any]


class Sheet:
    """A page to draw on; places are in points from the left and from the bottom."""

    def __init__(self, size: tuple[float, float] = A4) -> None:
        self._buffer = BytesIO()
        self.canvas = Canvas(self._buffer, pagesize=size, invariant=True)

    def text(self, x: float, y: float, text: str, size: float = 9, *, bold: bool = False, right: bool = False) -> None:
        self.canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        (self.canvas.drawRightString if right else self.canvas.drawString)(x, y, text)

    def lines(self, x: float, y: float, *texts: str, step: float = 12, size: float = 9, right: bool = False) -> None:
        for place, text in enumerate(texts):
            self.text(x, y - step * place, text, size, right=right)

    def rows(
        self, xs: Sequence[float], y: float, rows: Sequence[Sequence[str]], step: float = 16, rights: Sequence[int] = ()
    ) -> float:
        """Draws a table without lines; the columns in ``rights`` are set flush right. Gives the place below it."""
        for row in rows:
            for column, (x, text) in enumerate(zip(xs, row, strict=True)):
                if text:
                    self.text(x, y, text, right=column in rights)
            y -= step
        return y

    def rule(self, y: float, left: float = 50, right: float = 545) -> None:
        self.canvas.line(left, y, right, y)

    def next_page(self) -> None:
        self.canvas.showPage()

    def pdf(self) -> bytes:
        self.canvas.save()
        return self._buffer.getvalue()


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar of an answer with its path."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from leaves(child, (*path, name))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from leaves(child, (*path, place))
    else:
        yield path, value


@dataclass(frozen=True)
class Verdict:
    path: Path
    wanted: Any
    got: Any

    @property
    def kind(self) -> str:
        """right, null, missed (null for a value), wrong (another value) or invented (a value where there is none)."""
        if _same(self.wanted, self.got):
            return "null" if self.wanted is None else "right"
        if self.got is None:
            return "missed"
        return "invented" if self.wanted is None else "wrong"


def judge(truth: dict[str, Any], values: dict[str, Any]) -> list[Verdict]:
    """The verdict on each value wanted or given."""
    wanted, got = dict(leaves(truth)), dict(leaves(values))
    return [Verdict(path, wanted.get(path), got.get(path)) for path in sorted({*wanted, *got}, key=str)]


def counted(verdicts: Sequence[Verdict]) -> Counter[str]:
    return Counter(verdict.kind for verdict in verdicts)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return _plain(one) == _plain(other)
    return (type(one) is type(other) and one == other) or (_is_number(one) and _is_number(other) and one == other)


def _plain(text: str) -> str:
    """Without blanks and case, and with one kind of dash: readers unify them."""
    return "".join(text.split()).casefold().replace("–", "-")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
