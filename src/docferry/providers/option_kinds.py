"""The kinds of values that options have: each says what is wrong with a value, and how it is written on the wire."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from docferry.config.template import variables
from docferry.models import Json
from docferry.providers.base import OptionProblem

Path = tuple[str | int, ...]


class Kind(Protocol):
    """What values an option takes."""

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        """Yields what is wrong with ``value``, which stands at ``path``."""
        ...

    def wire(self, value: Json) -> Json:
        """A good value with its names as the provider spells them."""
        ...


def has_template(text: str) -> bool:
    return any(True for _ in variables(text))


def shown(value: Json) -> str:
    """A value as a person wrote it, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def nearest(word: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)``, or nothing when no known word is close."""
    by_loose = {loose(name): name for name in known}
    match = difflib.get_close_matches(loose(word), by_loose, n=1, cutoff=0.6)
    return f" (did you mean {by_loose[match[0]]}?)" if match else ""


def loose(name: str) -> str:
    """Pulse takes names in any spelling: ``return_html``, ``return-html``, ``returnHtml`` are one."""
    return re.sub(r"[_-]", "", name).lower()


@dataclass(frozen=True, slots=True)
class Text:
    """A string. ``pattern`` and ``limit`` hold only for literal text: a template is checked when it is filled."""

    limit: int | None = None
    pattern: str | None = None
    pattern_words: str = ""

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if not isinstance(value, str):
            yield OptionProblem(path, shown(value), "text")
        elif has_template(value):
            return
        elif self.limit is not None and len(value) > self.limit:
            yield OptionProblem(path, f"{len(value)} characters", f"at most {self.limit} characters")
        elif self.pattern is not None and not re.fullmatch(self.pattern, value):
            yield OptionProblem(path, shown(value), self.pattern_words)

    def wire(self, value: Json) -> Json:
        return value


@dataclass(frozen=True, slots=True)
class Pages:
    """1-indexed page ranges such as ``1-2,5``; a single page may be a number in the YAML."""

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if isinstance(value, str) and has_template(value):
            return
        text = self.wire(value)
        if not isinstance(text, str) or not re.fullmatch(r"\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*", text):
            yield OptionProblem(path, shown(value), "page numbers and ranges from 1, such as 1-2,5")
            return
        for piece in text.split(","):
            first, _, last = piece.strip().partition("-")
            if int(first) < 1 or int(last or first) < int(first):
                yield OptionProblem(path, shown(value), "pages from 1, ranges from low to high")

    def wire(self, value: Json) -> Json:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if not isinstance(value, bool):
            yield OptionProblem(path, shown(value), "true or false")

    def wire(self, value: Json) -> Json:
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    low: int
    high: int

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            yield OptionProblem(path, shown(value), f"a whole number from {self.low} to {self.high}")

    def wire(self, value: Json) -> Json:
        return value


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few words."""

    words: tuple[str, ...]

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if isinstance(value, str) and (value in self.words or has_template(value) or extra_allowed):
            return
        hint = nearest(value, self.words) if isinstance(value, str) else ""
        yield OptionProblem(path, shown(value), "one of " + ", ".join(self.words) + hint)

    def wire(self, value: Json) -> Json:
        return value


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; with ``comma``, also its items in one string between commas."""

    item: Kind
    comma: bool = False
    at_least: int = 0
    at_most: int = 10_000
    unique_by: str | None = None

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if self.comma and isinstance(value, str):
            if has_template(value):
                return
            value = self._split(value)
        if not isinstance(value, list | tuple):
            yield OptionProblem(path, shown(value), "a list")
            return
        if not self.at_least <= len(value) <= self.at_most:
            yield OptionProblem(path, f"{len(value)} entries", f"{self.at_least} to {self.at_most} entries")
        for index, item in enumerate(value):
            yield from self.item.problems(item, (*path, index), extra_allowed)
        if self.unique_by:
            names = [item[self.unique_by] for item in value if isinstance(item, Mapping) and self.unique_by in item]
            for name in sorted({str(name) for name in names if names.count(name) > 1}):
                yield OptionProblem(path, f"{self.unique_by} {name!r} twice", "names that differ")

    def wire(self, value: Json) -> Json:
        if self.comma:
            return value if isinstance(value, str) else ",".join(dict.fromkeys(value))
        return [self.item.wire(item) for item in value]

    @staticmethod
    def _split(value: str) -> list[str]:
        return [word.strip() for word in value.split(",") if word.strip()]


@dataclass(frozen=True, slots=True)
class Anything:
    """User data that is passed on untouched. ``kinds`` are the Python types it may have."""

    kinds: tuple[type, ...]
    words: str

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if not isinstance(value, self.kinds):
            yield OptionProblem(path, shown(value), self.words)

    def wire(self, value: Json) -> Json:
        return value


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose keys are the user's own (topic names)."""

    item: Kind

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if not isinstance(value, Mapping) or not value:
            yield OptionProblem(path, shown(value), "an object with one entry for each topic")
            return
        for key, item in value.items():
            yield from self.item.problems(item, (*path, str(key)), extra_allowed)

    def wire(self, value: Json) -> Json:
        return {str(key): self.item.wire(item) for key, item in value.items()}


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with known names. ``reserved`` names are docferry's own to send, with the reason."""

    fields: Mapping[str, Kind]
    loose_names: bool = False
    one_of: tuple[tuple[str, ...], ...] = ()  # of each group exactly one is wanted
    required: tuple[str, ...] = ()
    reserved: Mapping[str, str] = field(default_factory=dict)

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if not isinstance(value, Mapping):
            yield OptionProblem(path, shown(value), "an object with " + ", ".join(self.fields))
            return
        given: dict[str, str] = {}
        for key, item in value.items():
            name = self.name_of(str(key))
            if name in given:
                yield OptionProblem((*path, str(key)), f"{given[name]} and {key}", "one spelling of an option, once")
            given[name or str(key)] = str(key)
            yield from self._entry_problems(str(key), name, item, path, extra_allowed)
        yield from self._presence_problems({self.name_of(str(key)) for key in value if value[key] is not None}, path)

    def _entry_problems(
        self, key: str, name: str | None, item: Json, path: Path, extra_allowed: bool
    ) -> Iterator[OptionProblem]:
        here = (*path, key)
        if name is None:
            if reason := self.reserved.get(loose(key) if self.loose_names else key):
                yield OptionProblem(here, key, reason)
            elif not extra_allowed:
                known = ", ".join(self.fields)
                yield OptionProblem(here, f"unknown option {key}", f"one of {known}{nearest(key, self.fields)}")
        elif item is not None:
            yield from self.fields[name].problems(item, here, extra_allowed)

    def _presence_problems(self, given: set[str | None], path: Path) -> Iterator[OptionProblem]:
        for name in self.required:
            if name not in given:
                yield OptionProblem(path, f"no {name}", f"{name}, which this call needs")
        for group in self.one_of:
            present = [name for name in group if name in given]
            if len(present) != 1:
                found = " and ".join(present) or "none of them"
                yield OptionProblem(path, found, "exactly one of " + ", ".join(group))

    def name_of(self, key: str) -> str | None:
        """The provider's spelling of ``key``, or None when it is not known."""
        if key in self.fields:
            return key
        if not self.loose_names:
            return None
        return next((name for name in self.fields if loose(name) == loose(key)), None)

    def wire(self, value: Json) -> dict[str, Json]:
        """Known entries in the order of ``fields``, then unknown ones as given; what is null is left out."""
        by_name = {self.name_of(str(key)) or str(key): item for key, item in value.items() if item is not None}
        known = {name: kind.wire(by_name[name]) for name, kind in self.fields.items() if name in by_name}
        return known | {name: item for name, item in by_name.items() if name not in self.fields}
