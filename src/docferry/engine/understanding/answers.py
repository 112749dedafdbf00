"""The values that understanding takes and gives back. All of them can be pickled between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from docferry.engine.extraction.model import Box

Json: TypeAlias = Any  # a value that the json module can write


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a split or a category of a classification, in the caller's words."""

    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class PageClass:
    """What one page was taken for. ``category`` is one of the given names, or ``Other``."""

    page_number: int
    category: str
    confidence: int  # 0..100
    reasoning: str
    identified_category: str | None = None  # a finer word for it, where the page itself bears one


@dataclass(frozen=True, slots=True)
class Citation:
    """Where in the document a value stands."""

    page: int  # from 1
    block_id: str | None = None
    box: Box | None = None

    def as_json(self) -> dict[str, Json]:
        """The citation as JSON: block id, page, and the box as fractions of the page (or null)."""
        box = None
        if self.box is not None:
            box = {"left": self.box.left, "top": self.box.top, "right": self.box.right, "bottom": self.box.bottom}
        return {"id": self.block_id, "page": self.page, "box": box}


@dataclass(frozen=True, slots=True)
class SchemaAnswer:
    """The values asked for, and for each of them where it stands (``citations``) and how sure it is (``scores``).

    ``citations`` and ``scores`` have the shape of ``values``: objects and arrays are mirrored, each leaf of
    ``citations`` is a list of ``Citation.as_json``, each leaf of ``scores`` a whole number from 0 to 100.
    A value without evidence is null, its citations are empty and its score is 0.
    """

    values: Json
    citations: Json
    scores: Json
    warnings: tuple[str, ...] = field(default=())
