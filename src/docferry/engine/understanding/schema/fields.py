"""What a field of a schema means: its concept, whose it is, the kind of its value, and the words to look for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docferry.engine.understanding import labels
from docferry.engine.understanding.schema.definition import Leaf
from docferry.engine.understanding.values.kinds import NUMERIC_KINDS, Kind
from docferry.engine.understanding.vocabulary import Meaning, Vocabulary
from docferry.engine.understanding.wordlists import word_set

PARTY_CONCEPTS = word_set(
    "name address street postal_code city country vat_id tax_number registration_number email phone fax "
    "website contact_person first_name last_name"
)
# Kinds whose values show themselves, so that a field's other words cannot mislead.
_TELLING_KINDS = frozenset({Kind.IBAN, Kind.BIC, Kind.VAT_ID, Kind.EMAIL, Kind.PHONE, Kind.URL, Kind.CURRENCY})
_GENERIC_NAMES = word_set("amount value date number id name total price text code reference type")
_FORMAT_KINDS = {
    "date": Kind.DATE,
    "date-time": Kind.DATE_TIME,
    "time": Kind.TIME,
    "email": Kind.EMAIL,
    "idn-email": Kind.EMAIL,
    "uri": Kind.URL,
    "url": Kind.URL,
    "iban": Kind.IBAN,
}
_MAX_LABEL_WORDS = 4
_ISO_DATE_HINT = re.compile(r"ISO[ -]?8601|YYYY-MM-DD", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A leaf with what is known of its meaning."""

    leaf: Leaf
    kind: Kind
    phrases: tuple[str, ...]  # the words for it, most telling first
    meanings: tuple[Meaning, ...]
    role: str | None
    wants_printed: bool  # as it stands on paper, rather than as an ISO date or a number

    @property
    def is_of_party(self) -> bool:
        """Whether the value belongs to a person or a company, so that it matters beside whom it stands."""
        return self.role is not None or any(meaning.concept in PARTY_CONCEPTS for meaning in self.meanings)

    def has_concept(self, *concepts: str) -> bool:
        return any(meaning.concept in concepts for meaning in self.meanings)


def wanted(leaf: Leaf, vocabulary: Vocabulary, *, in_table: bool = False) -> Wanted:
    """The meaning of ``leaf``; ``in_table`` for a property of an array's items, which is a column."""
    role, own_phrases, phrases = _role_and_phrases(leaf, vocabulary, in_table)
    meanings = _meanings(own_phrases, phrases, leaf, vocabulary, in_table)
    if role is not None and not meanings and not in_table:
        meanings = (Meaning("name"),)  # "vendor" alone asks for the vendor's name
    if meanings and not in_table:  # a bare "number" is no label to look for once it is known which number is meant
        phrases = tuple(phrase for phrase in phrases if phrase not in _GENERIC_NAMES)
    kind = _kind(leaf, meanings, vocabulary)
    return Wanted(
        leaf=leaf,
        kind=kind,
        phrases=phrases,
        meanings=tuple(meaning for meaning in meanings if _kind_fits(meaning, kind, leaf, vocabulary)),
        role=role,
        wants_printed=_wants_printed(leaf, kind),
    )


def _role_and_phrases(
    leaf: Leaf, vocabulary: Vocabulary, in_table: bool
) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """The party a field speaks of, the field's own words without it, and all words for it."""
    steps = [labels.words_of_name(step) for step in leaf.path if step != "[]"]
    name = steps[-1] if steps else ""
    own = [*leaf.aliases, *([leaf.title] if leaf.title else []), name]
    role: str | None = None
    if in_table:
        return None, tuple(dict.fromkeys(own)), tuple(dict.fromkeys(own))
    above = steps[-2] if len(steps) > 1 else leaf.titles_above[-1].lower() if leaf.titles_above else ""
    whole = f"{above} {name}".strip() if len(steps) > 1 or name in _GENERIC_NAMES else name
    if _is_known(whole, vocabulary):  # {"customer": {"number": ...}} is the customer number, no party's "number"
        described = [phrase for phrase in own if phrase not in _GENERIC_NAMES]
        return None, (whole, *leaf.aliases), tuple(dict.fromkeys([whole, *described]))
    for parent in steps[:-1]:
        role = vocabulary.roles_by_field_name.get(labels.key(parent), role)
    stripped = []
    for phrase in own:
        if _is_known(phrase, vocabulary):
            stripped.append(phrase)
            continue
        found, rest = _without_role(phrase, vocabulary)
        role = role or found
        if rest:
            stripped.append(rest)
    parents = [
        f"{parent} {name}"
        for parent in [*steps[:-1], *(title.lower() for title in leaf.titles_above)]
        if labels.key(parent) not in vocabulary.roles_by_field_name
    ]
    phrases = [*own, *parents[::-1], *stripped]
    return role, tuple(dict.fromkeys(stripped)), tuple(dict.fromkeys(phrase for phrase in phrases if phrase))


def _is_known(phrase: str, vocabulary: Vocabulary) -> bool:
    names = vocabulary.concepts_of_name(phrase)
    return any(not vocabulary.concepts[name].is_column for name in names)


def _without_role(phrase: str, vocabulary: Vocabulary) -> tuple[str | None, str]:
    """A phrase split into the party it begins (or ends) with, and the rest: "vendor vat id" -> seller, "vat id"."""
    words = phrase.split()
    for count in range(len(words), 0, -1):
        role = vocabulary.roles_by_field_name.get(labels.key(" ".join(words[:count])))
        if role is not None:
            return role, " ".join(words[count:])
    for start in range(1, len(words)):
        role = vocabulary.roles_by_field_name.get(labels.key(" ".join(words[start:])))
        if role is not None and labels.key(words[start - 1]) not in {"by", "to"}:
            return role, " ".join(words[:start])
    return None, phrase


def _meanings(
    own: tuple[str, ...], phrases: tuple[str, ...], leaf: Leaf, vocabulary: Vocabulary, in_table: bool
) -> tuple[Meaning, ...]:
    """The concepts of a field. What its parents and description add decides where its own name is a general one."""
    name = labels.words_of_name(leaf.name)
    combined = [phrase for phrase in phrases if phrase not in own]
    described = _described(leaf, vocabulary, in_table)
    ordered: list[str] = []
    if len(leaf.description.split()) <= _MAX_LABEL_WORDS:  # a description that is itself a label
        ordered += _concepts(leaf.description.rstrip("."), vocabulary, in_table)
        if ordered:
            return tuple(Meaning(concept) for concept in dict.fromkeys(ordered))
    for phrase in [*leaf.aliases, leaf.title]:
        ordered += _concepts(phrase, vocabulary, in_table)
    if name in _GENERIC_NAMES:
        ordered += described
        for phrase in combined:
            ordered += _concepts(phrase, vocabulary, in_table)
    for phrase in own:
        ordered += _concepts(phrase, vocabulary, in_table)
    if not ordered:
        for phrase in combined:
            ordered += _concepts(phrase, vocabulary, in_table)
        ordered += described
    unique = list(dict.fromkeys(ordered))
    return tuple(Meaning(concept, None, 1.0 if place == 0 else 0.9) for place, concept in enumerate(unique[:3]))


def _concepts(phrase: str, vocabulary: Vocabulary, in_table: bool) -> list[str]:
    names = vocabulary.concepts_of_name(phrase)
    for suffix in (" at", " on", " value", " of document", " string", " text", " iso"):
        if not names and phrase.endswith(suffix):
            names = vocabulary.concepts_of_name(phrase.removesuffix(suffix))
    if not names:
        names = [name for name in _of_ending(phrase, vocabulary) if vocabulary.concepts[name].kind in _TELLING_KINDS]
    preferred = [name for name in names if vocabulary.concepts[name].is_column is in_table]
    return preferred or names


def _of_ending(phrase: str, vocabulary: Vocabulary) -> list[str]:
    """The concepts of the last words of a phrase that is not known as a whole: "bank iban" is an IBAN."""
    words = phrase.split()
    for start in range(1, len(words)):
        names = vocabulary.concepts_of_name(" ".join(words[start:]))
        if names:
            return names
    return []


def _described(leaf: Leaf, vocabulary: Vocabulary, in_table: bool) -> list[str]:
    """The concept that the description names: its longest run of two to five words that the vocabulary knows."""
    words = re.findall(r"[^\W_]+", leaf.description.split(".")[0])[:20]
    for count in range(5, 1, -1):
        for start in range(len(words) - count + 1):
            found = _concepts(" ".join(words[start : start + count]), vocabulary, in_table)
            if found:
                return found
    return []


def _kind(leaf: Leaf, meanings: tuple[Meaning, ...], vocabulary: Vocabulary) -> Kind:
    fitting = [
        vocabulary.concepts[meaning.concept].kind for meaning in meanings if _type_fits(meaning, leaf, vocabulary)
    ]
    if leaf.types == ("string",):  # "vat" as a string is rather the VAT id than the amount
        fitting.sort(key=lambda kind: kind in NUMERIC_KINDS)
    conceptual = fitting[0] if fitting else None
    if leaf.format in _FORMAT_KINDS:
        return _FORMAT_KINDS[leaf.format]
    types = leaf.types
    if "boolean" in types and len(types) == 1:
        return Kind.BOOLEAN
    if types and "string" not in types:
        if conceptual in NUMERIC_KINDS:
            return conceptual
        return Kind.INTEGER if types == ("integer",) else Kind.NUMBER
    if conceptual is not None:
        return conceptual
    name = labels.words_of_name(leaf.name)
    return _kind_by_name(name) if name else Kind.TEXT


def _kind_by_name(name: str) -> Kind:
    """The kind that a name tells by itself: what ends in "date" is one."""
    words = name.split()
    if "date" in words:
        return Kind.DATE
    if words[-1] in {"number", "no", "id", "code", "nr"}:
        return Kind.IDENTIFIER
    if "time" in words:
        return Kind.TIME
    if words[-1] in {"email", "mail"}:
        return Kind.EMAIL
    return Kind.TEXT


def _type_fits(meaning: Meaning, leaf: Leaf, vocabulary: Vocabulary) -> bool:
    kind = vocabulary.concepts[meaning.concept].kind
    if leaf.format in _FORMAT_KINDS:
        return kind is _FORMAT_KINDS[leaf.format]
    if leaf.types and "string" not in leaf.types:
        return kind in NUMERIC_KINDS or kind is Kind.IDENTIFIER
    return True


def _kind_fits(meaning: Meaning, kind: Kind, leaf: Leaf, vocabulary: Vocabulary) -> bool:
    """Whether a concept's values are of the field's kind: a date field "invoice" is not the number."""
    own = vocabulary.concepts[meaning.concept].kind
    if kind in NUMERIC_KINDS:
        return own in NUMERIC_KINDS or (own is Kind.IDENTIFIER and kind in {Kind.NUMBER, Kind.INTEGER})
    if kind in {Kind.DATE, Kind.DATE_TIME}:
        return own is Kind.DATE or meaning.concept == "period"
    if kind in {Kind.EMAIL, Kind.URL, Kind.IBAN}:
        return own is kind or own is Kind.NAME or own is Kind.IDENTIFIER
    if kind is Kind.BOOLEAN:
        return False
    return own is kind or own not in NUMERIC_KINDS or bool(leaf.types)


def _wants_printed(leaf: Leaf, kind: Kind) -> bool:
    if leaf.types and "string" not in leaf.types:
        return False
    if kind is Kind.TIME:
        return leaf.format != "time"
    if kind is Kind.DATE:
        stated_iso = bool(_ISO_DATE_HINT.search(leaf.description)) or "\\d{4}-" in str(leaf.limits.get("pattern", ""))
        return bool(leaf.types) and leaf.format is None and not stated_iso
    return bool(leaf.types) and kind in NUMERIC_KINDS
