"""Reads a value of a wanted kind out of a piece of text, or finds that there is none in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from docferry.engine.understanding import labels
from docferry.engine.understanding.values import dates, identifiers, numbers
from docferry.engine.understanding.values.conventions import Conventions
from docferry.engine.understanding.values.kinds import Kind
from docferry.engine.understanding.values.numbers import Found
from docferry.engine.understanding.wordlists import word_set

_YES = word_set("yes y true ja si oui vrai wahr sim tak x ✓ ✔ ☑ ☒ checked") | {"[x]"}
_NO = word_set("no n false nein non nee falsch faux nao nie ☐ □ unchecked") | {"[ ]", "[]"}
_LEADING_MARK = re.compile(r"^(?:n[o°ºr]\.?|num(?:mer|ber|ero)?\.?|#|№)\s*[:.]?\s+|^[#№:=]\s*", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[^\s,;()]*\d[^\s,;()]*")
_CODE = re.compile(r"[A-Z]{2,15}|\S{1,20}[-/_.]\S{1,20}")  # identifiers without a digit
_VAT_NATIONAL = re.compile(r"(?<![\w])\d[\d .\-/]{5,16}\d(?![\w])")
_MAX_TEXT = 2_000
_MAX_IDENTIFIER = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, as printed and as read. ``share`` is the part of the text that it accounts for, 0..1."""

    value: Any  # what JSON gets: str, int, float or bool
    printed: str
    start: int
    end: int
    share: float


def read(kind: Kind, text: str, conventions: Conventions) -> Reading | None:
    """The one value of ``kind`` that ``text`` holds; None if it holds none, or several and none stands out."""
    text = text[:_MAX_TEXT]
    stripped = text.strip(" \t\n.,;:|_")
    if not stripped:
        return None
    reader = _READERS[kind]
    return reader(text, conventions)


def read_all(kind: Kind, text: str, conventions: Conventions) -> list[Reading]:
    """Every value of ``kind`` in ``text``, for the kinds that show themselves; in order."""
    finder = _FINDERS.get(kind)
    return [] if finder is None else [_reading(text, found) for found in finder(text[:20_000], conventions)]


def _reading(text: str, found: Found[Any], value: Any = None) -> Reading:
    printed = text[found.start : found.end].strip()
    return Reading(found.value if value is None else value, printed, found.start, found.end, _share(text, found))


def _share(text: str, found: Found[Any]) -> float:
    letters = sum(character.isalnum() for character in text)
    covered = sum(character.isalnum() for character in text[found.start : found.end])
    return 1.0 if letters == 0 else covered / letters


def _single(finder: Callable[[str, Conventions], Sequence[Found[Any]]]) -> Callable[[str, Conventions], Reading | None]:
    """A reader that takes the first of equal findings, and none where they differ."""

    def read_single(text: str, conventions: Conventions) -> Reading | None:
        found = finder(text, conventions)
        if not found or any(other.value != found[0].value for other in found[1:]):
            return None
        return _reading(text, found[0])

    return read_single


def _text(text: str, _conventions: Conventions) -> Reading | None:
    cleaned = " ".join(text.split()).strip(" ;|_")
    if not any(character.isalnum() for character in cleaned):
        return None
    return Reading(cleaned, cleaned, 0, len(text), 1.0)


def _name(text: str, conventions: Conventions) -> Reading | None:
    reading = _text(text.strip(" ,;:"), conventions)
    if reading is None or len(reading.value) > 120 or sum(map(str.isalpha, reading.value)) < 2:
        return None
    digits = sum(map(str.isdigit, reading.value))
    return reading if digits * 2 < len(reading.value) else None


def _identifier(text: str, conventions: Conventions) -> Reading | None:
    """A number or code: the whole text if it is short and has a digit, else its first word with one."""
    bare = _LEADING_MARK.sub("", text.strip()).strip(" .,;:")
    ibans = identifiers.find_ibans(bare)
    if ibans:
        return _reading(bare, ibans[0])
    taken = dates.find_dates(bare, conventions)
    if taken and taken[0].start == 0:
        return None
    if taken:
        bare = bare[: taken[0].start].strip(" .,;:")
        bare = re.sub(r"[\s,;(/-]+[^\W\d]{1,5}\.?$", "", bare)  # "4711 vom 12.03.2024": the date's own preposition
    if ":" in bare and not re.match(r"\S*\d", bare):
        return None  # another label
    if not re.search(r"\d", bare):
        return _part(text, bare) if _CODE.fullmatch(bare) else None
    if len(bare.split(maxsplit=1)[0]) > _MAX_IDENTIFIER:
        return None
    starts_with_code = bool(re.match(r"\S*\d", bare))
    has_words = bool(re.search(r"\b[a-zà-ÿ]{3,}", bare))
    if len(bare) <= 40 and len(bare.split()) <= 4 and not (has_words and starts_with_code):
        return _part(text, bare)
    match = _IDENTIFIER.search(bare)
    return None if match is None else _part(text, match.group().strip(".:"))


def _part(text: str, part: str) -> Reading | None:
    start = text.find(part)
    if start < 0 or not part:
        return None
    return _reading(text, Found(part, start, start + len(part)))


def _money(text: str, conventions: Conventions) -> Reading | None:
    percentages = numbers.find_percentages(text, conventions)
    found = [
        each
        for each in numbers.find_money(text, conventions)
        if not any(each.start < percentage.end and percentage.start < each.end for percentage in percentages)
    ]
    if dates.find_dates(text, conventions) and not any(each.value.currency for each in found):
        return None
    clear = [each for each in found if each.value.currency or each.value.has_cents]
    chosen = clear if clear else found
    if not chosen or any(each.value.amount != chosen[0].value.amount for each in chosen):
        return None
    if not clear and _share(text, chosen[0]) < 0.99:
        return None  # a bare whole number among words is not an amount
    return _reading(text, chosen[0], numbers.as_json_number(chosen[0].value.amount))


def _number(text: str, conventions: Conventions) -> Reading | None:
    if dates.find_dates(text, conventions):
        return None
    money = _money(text, conventions)
    if money is not None:
        return money
    found = numbers.find_numbers(text, conventions)
    if not found or any(other.value != found[0].value for other in found[1:]):
        return _percent(text, conventions)
    return _reading(text, found[0], numbers.as_json_number(found[0].value))


def _integer(text: str, conventions: Conventions) -> Reading | None:
    reading = _number(text, conventions)
    return reading if reading is not None and isinstance(reading.value, int) else None


def _percent(text: str, conventions: Conventions) -> Reading | None:
    found = numbers.find_percentages(text, conventions)
    if found:
        if any(other.value != found[0].value for other in found[1:]):
            return None
        return _reading(text, found[0], numbers.as_json_number(found[0].value))
    plain = numbers.find_numbers(text, conventions)
    if len(plain) == 1 and _share(text, plain[0]) > 0.99 and 0 <= plain[0].value <= 100:
        return _reading(text, plain[0], numbers.as_json_number(plain[0].value))
    return None


def _currency(text: str, conventions: Conventions) -> Reading | None:
    stripped = text.strip(" :;.,()")
    code = numbers.currency_code(stripped)
    if code is not None:
        return Reading(code, stripped, 0, len(text), 1.0)
    codes = {money.value.currency for money in numbers.find_money(text, conventions) if money.value.currency}
    words = {code for word in re.findall(r"[^\W\d]+|[€$£¥]", text) if (code := numbers.currency_code(word))}
    found = codes or words
    return Reading(found.pop(), stripped, 0, len(text), 0.8) if len(found) == 1 else None


def _date(text: str, conventions: Conventions) -> Reading | None:
    compact = dates.find_compact_date(text)
    if compact is not None:
        return Reading(compact, text.strip(), 0, len(text), 1.0)
    return _single(dates.find_dates)(text, conventions)


def _date_time(text: str, conventions: Conventions) -> Reading | None:
    day = _date(text, conventions)
    if day is None:
        return None
    time = dates.find_time(text[: day.start] + " " * (day.end - day.start) + text[day.end :].removeprefix("T"))
    return None if time is None else Reading(f"{day.value}T{time}", text.strip(), 0, len(text), 1.0)


def _time(text: str, _conventions: Conventions) -> Reading | None:
    time = dates.find_time(text)
    return None if time is None else Reading(time, text.strip(), 0, len(text), 1.0)


def _boolean(text: str, _conventions: Conventions) -> Reading | None:
    word = labels.fold(text).strip(" .,;:!")
    if word in _YES or word in _NO:
        return Reading(word in _YES, text.strip(), 0, len(text), 1.0)
    return None


_FINDERS: dict[Kind, Callable[[str, Conventions], Sequence[Found[Any]]]] = {
    Kind.DATE: dates.find_dates,
    Kind.IBAN: lambda text, _: identifiers.find_ibans(text),
    Kind.VAT_ID: lambda text, _: identifiers.find_vat_ids(text),
    Kind.EMAIL: lambda text, _: identifiers.find_emails(text),
    Kind.URL: lambda text, _: identifiers.find_web_addresses(text),
    Kind.PHONE: lambda text, _: identifiers.find_phones(text),
    Kind.BIC: lambda text, _: identifiers.find_bics(text),
}


def _web(text: str, conventions: Conventions) -> Reading | None:
    found = _single(_FINDERS[Kind.URL])(text, conventions)
    if found is not None:
        return found
    match = re.search(r"(?<![\w@.-])[a-z0-9][\w-]*(?:\.[\w-]+)*\.[a-z]{2,12}(?:/\S*)?(?![\w@])", text)
    return None if match is None else _reading(text, Found(match.group(), match.start(), match.end()))


def _vat_id(text: str, conventions: Conventions) -> Reading | None:
    """A VAT id by its form; a national number that a label calls one is taken as printed."""
    found = _single(_FINDERS[Kind.VAT_ID])(text, conventions)
    if found is not None or identifiers.find_ibans(text):
        return found
    plain = _identifier(text, conventions)
    if plain is not None and sum(map(str.isdigit, plain.printed)) >= 7:
        return plain
    match = _VAT_NATIONAL.search(text)
    return None if match is None else _reading(text, Found(match.group(), match.start(), match.end()))


_READERS: dict[Kind, Callable[[str, Conventions], Reading | None]] = {
    Kind.TEXT: _text,
    Kind.NAME: _name,
    Kind.ADDRESS: _text,
    Kind.IDENTIFIER: _identifier,
    Kind.AMOUNT: _money,
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.PERCENT: _percent,
    Kind.CURRENCY: _currency,
    Kind.DATE: _date,
    Kind.DATE_TIME: _date_time,
    Kind.TIME: _time,
    Kind.BOOLEAN: _boolean,
    Kind.IBAN: _single(_FINDERS[Kind.IBAN]),
    Kind.BIC: _single(_FINDERS[Kind.BIC]),
    Kind.VAT_ID: _vat_id,
    Kind.EMAIL: _single(_FINDERS[Kind.EMAIL]),
    Kind.PHONE: _single(_FINDERS[Kind.PHONE]),
    Kind.URL: _web,
}
