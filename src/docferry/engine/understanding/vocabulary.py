"""The built-in words of business documents: from a printed label, or a schema field's name, to what it means."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TypeVar

from rapidfuzz import fuzz, process

from docferry.engine.understanding import labels
from docferry.engine.understanding.values.kinds import Kind
from docferry.engine.understanding.wordlists import word_set

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl")
T = TypeVar("T")
_TAX_WORDS = word_set("tax vat gst iva tva btw mwst ust umsatzsteuer mehrwertsteuer")
_NOT_A_TAX = word_set(
    "no id reg registration excl excluding exclusive ex excluded without before incl including inclusive inkl inc "
    "total net base ohne zzgl sin con hors senza zonder invoice return office point date code exempt number rate summe"
)
_FUZZY_MIN_LETTERS = 7
_FUZZY_RATIO = 90.0
_MAX_LABEL = 60
_NUMBER_IN_LABEL = re.compile(r"\d(?![\d.,]*\s?%)(?!\d*[.,])")  # only a percentage is part of a label


@dataclass(frozen=True, slots=True)
class Concept:
    """Something business documents state, with its labels by language."""

    name: str
    kind: Kind
    is_column: bool
    also: Mapping[str, float]  # other concepts whose labels serve, with a weight
    field_names: tuple[str, ...]
    phrases: Mapping[str, tuple[str, ...]]  # by language


@dataclass(frozen=True, slots=True)
class Party:
    role: str
    field_names: tuple[str, ...]
    labels: frozenset[str]  # keys
    owners: frozenset[str]  # first words that say whose a label is


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a label or a field name means: a concept, and the party whose it is, where that is said."""

    concept: str
    role: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Vocabulary:
    concepts: Mapping[str, Concept]
    parties: Mapping[str, Party]
    by_label: Mapping[str, tuple[tuple[str, str], ...]]  # label key -> concepts, each with a language
    by_field_name: Mapping[str, tuple[str, ...]]  # field name key -> concepts
    roles_by_label: Mapping[str, tuple[str, ...]]
    roles_by_field_name: Mapping[str, str]

    def meanings_of_label(self, label: str, language: str | None = None) -> tuple[Meaning, ...]:
        """What a printed label means; empty for an unknown one. Small misspellings are forgiven, at a lower weight.

        A word that means different things in several languages has its meaning in the document's ``language``.
        """
        for reading in labels.variants(label):
            exact = self._exact_label(reading, language)
            if exact:
                return exact
        for reading in labels.variants(label):
            reading_key = labels.key(reading)
            if len(reading_key) < _FUZZY_MIN_LETTERS or len(reading_key) > 40:
                continue
            near = process.extractOne(reading_key, self.by_label.keys(), scorer=fuzz.ratio, score_cutoff=_FUZZY_RATIO)
            if near is not None and near[0][-2:] == reading_key[-2:]:
                return tuple(Meaning(name, None, near[1] / 100 * 0.95) for name in self._names(near[0], language))
        return self._tax_by_its_word(label)

    def _names(self, key: str, language: str | None) -> tuple[str, ...]:
        """The concepts of a label's key: those in the document's language if there are any."""
        entries = self.by_label.get(key, ())
        own = [name for name, code in entries if code == language]
        return tuple(dict.fromkeys(own or [name for name, _ in entries]))

    def _tax_by_its_word(self, label: str) -> tuple[Meaning, ...]:
        """A tax of a kind not listed ("Rooms and meals tax", "IVA normal"), if no other word tells otherwise."""
        words = labels.tokens(labels.variants(label)[0]) if labels.variants(label) else ()
        is_tax = len(words) in range(2, 6) and bool({words[0], words[-1]} & _TAX_WORDS)
        return (Meaning("tax_total", None, 0.85),) if is_tax and not set(words) & _NOT_A_TAX else ()

    def _exact_label(self, reading: str, language: str | None) -> tuple[Meaning, ...]:
        words = labels.tokens(reading)
        names = self._names("".join(words), language)
        if names:
            owner = self._owner(words)
            return tuple(Meaning(name, owner) for name in names)
        for role, party in self.parties.items():
            if len(words) > 1 and words[0] in party.owners:
                rest = self._names("".join(words[1:]), language)
                if rest:
                    return tuple(Meaning(name, role) for name in rest)
            if len(words) > 1 and words[-1] in party.owners:  # "P. IVA cliente"
                rest = self._names("".join(words[:-1]), language)
                if rest:
                    return tuple(Meaning(name, role) for name in rest)
        return ()

    def _owner(self, words: tuple[str, ...]) -> str | None:
        for role, party in self.parties.items():
            if len(words) > 1 and words[0] in party.owners:
                return role
        return None

    def roles_of_label(self, label: str) -> tuple[str, ...]:
        """The parties that a printed label introduces: ("buyer",) for "Bill to:"."""
        for reading in labels.variants(label):
            roles = self.roles_by_label.get(labels.key(reading))
            if roles:
                return roles
        return ()

    def concepts_of_name(self, phrase: str) -> list[str]:
        """The concepts that a schema means by a name; printed labels count where no concept has that name."""
        wanted = labels.key(phrase)
        return list(self.by_field_name.get(wanted, ())) or list(self._names(wanted, None))

    def is_label(self, text: str, more: frozenset[str] = frozenset()) -> bool:
        """Whether the whole of ``text`` is a label that documents print, or one whose key is in ``more``."""
        stripped = text.strip()
        if len(stripped) > _MAX_LABEL or not stripped or _NUMBER_IN_LABEL.search(stripped):
            return False
        keys = [labels.key(reading) for reading in labels.variants(stripped)[:2]]
        if any(each in self.by_label or each in self.roles_by_label or each in more for each in keys):
            return True
        return any(bool(self._exact_label(reading, None)) for reading in labels.variants(stripped)[:1])


@functools.cache
def vocabulary() -> Vocabulary:
    """The built-in vocabulary, read once in a process."""
    folder = resources.files("docferry.engine.understanding")
    concepts = _concepts(tomllib.loads(folder.joinpath("vocabulary.toml").read_text(encoding="utf-8")))
    parties = _parties(tomllib.loads(folder.joinpath("parties.toml").read_text(encoding="utf-8")))
    by_label: dict[str, list[tuple[str, str]]] = {}
    by_field_name: dict[str, list[str]] = {}
    for name, concept in concepts.items():
        for phrase in [name.replace("_", " "), *concept.field_names]:
            _add(by_field_name, labels.key(phrase), name)
        for code, phrases in concept.phrases.items():
            for phrase in phrases:
                _add(by_label, labels.key(phrase), (name, code))
    for name, concept in concepts.items():  # names that schemas use may be printed too
        for phrase in concept.field_names:
            _add(by_label, labels.key(phrase), (name, "en"))
    roles_by_label: dict[str, list[str]] = {}
    for role, party in parties.items():
        for label in party.labels:
            _add(roles_by_label, label, role)
    return Vocabulary(
        concepts=concepts,
        parties=parties,
        by_label={label: tuple(names) for label, names in by_label.items()},
        by_field_name={label: tuple(names) for label, names in by_field_name.items()},
        roles_by_label={label: tuple(roles) for label, roles in roles_by_label.items()},
        roles_by_field_name={labels.key(name): role for role, party in parties.items() for name in party.field_names},
    )


def _concepts(raw: Mapping[str, dict[str, object]]) -> dict[str, Concept]:
    concepts = {}
    for name, entry in raw.items():
        also = entry.get("also", {})
        field_names = entry.get("names", [])
        assert isinstance(also, dict)
        assert isinstance(field_names, list)
        concepts[name] = Concept(
            name=name,
            kind=Kind(str(entry["kind"])),
            is_column=bool(entry.get("column", False)),
            also={str(other): float(weight) for other, weight in also.items()},
            field_names=tuple(field_names),
            phrases={code: _phrases(entry[code]) for code in _LANGUAGES if code in entry},
        )
    return concepts


def _phrases(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)
    return tuple(str(phrase) for phrase in value)


def _parties(raw: Mapping[str, dict[str, list[str]]]) -> dict[str, Party]:
    return {
        role: Party(
            role=role,
            field_names=tuple(entry["names"]),
            labels=frozenset(labels.key(label) for label in entry["labels"]),
            owners=frozenset(labels.fold(word) for word in entry["owner"]),
        )
        for role, entry in raw.items()
    }


def _add(index: dict[str, list[T]], entry: str, value: T) -> None:
    values = index.setdefault(entry, [])
    if value not in values:
        values.append(value)
