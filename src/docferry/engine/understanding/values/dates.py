"""Dates in many notations and languages, read as ISO 8601; an ambiguous date is not read at all."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from docferry.engine.understanding.values.conventions import Conventions
from docferry.engine.understanding.values.numbers import Found

_MONTHS = {
    1: "january jan januar jaenner janner janvier janv enero ene gennaio gen januari janeiro stycznia",
    2: "february feb februar fevrier fevr febrero febbraio februari fevereiro fev lutego",
    3: "march mar marz maerz mrz mars marzo maart mrt marco marca",
    4: "april apr avril avr abril abr aprile kwietnia",
    5: "may mai mayo maggio mag mei maio maja",
    6: "june jun juni juin junio giugno giu junho czerwca",
    7: "july jul juli juillet juil julio luglio lug julho lipca",
    8: "august aug aout agosto ago augustus sierpnia",
    9: "september sep sept septembre septiembre settembre set setembro wrzesnia",
    10: "october oct oktober okt octobre octubre ottobre ott outubro out pazdziernika",
    11: "november nov novembre noviembre novembro listopada",
    12: "december dec dezember dez decembre diciembre dic dicembre desember dezembro grudnia",
}
_MONTH_NUMBERS = {name: number for number, names in _MONTHS.items() for name in names.split()}
_NAME = r"[^\W\d_]{3,12}"
_ISO = re.compile(r"(?<![\w.-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:(?=T\d)|(?![\w]|[-/.]\d))")
_NUMERIC = re.compile(r"(?<![\w./-])(\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?![\w]|[./-]\d)")
_DAY_MONTH = re.compile(
    rf"(?<![\w.,])(\d{{1,2}})(?:st|nd|rd|th|er|re|º|ª|°)?\.?[\s-]*(?:of\s+|de\s+|d['’])?({_NAME})\.?,?[\s-]*(?:de\s+|del\s+)?(\d{{4}}|['’]?\d{{2}})(?![\w]|[.,]\d)"
)
_MONTH_DAY = re.compile(rf"(?<!\w)({_NAME})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})(?!\w)")
_EAST_ASIAN = re.compile(r"(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")
_COMPACT = re.compile(r"(?<!\w)(20\d{2})(0[1-9]|1[0-2])([0-3]\d)(?!\w)")
_TIME = re.compile(r"(?<![\d:])([01]?\d|2[0-3])[:.h]([0-5]\d)(?::([0-5]\d))?\s?(am|pm|AM|PM|a\.m\.|p\.m\.)?(?![\d:])")


def find_dates(text: str, conventions: Conventions) -> list[Found[str]]:
    """The dates in ``text`` in ISO form, in order. 03/04/2025 is read only where the document's order is known."""
    found = [
        *(_built(match, match[1], match[3], match[4]) for match in _ISO.finditer(text)),
        *(_numeric(match, conventions) for match in _NUMERIC.finditer(text)),
        *(_named(match, match[1], match[2], match[3]) for match in _DAY_MONTH.finditer(text)),
        *(_named(match, match[2], match[1], match[3]) for match in _MONTH_DAY.finditer(text)),
        *(_built(match, match[1], match[2], match[3]) for match in _EAST_ASIAN.finditer(text)),
    ]
    dates = sorted((each for each in found if each is not None), key=lambda each: (each.start, -each.end))
    return [each for index, each in enumerate(dates) if all(each.start >= earlier.end for earlier in dates[:index])]


def is_ambiguous_date(text: str, conventions: Conventions) -> bool:
    """Whether ``text`` holds a date whose day and month cannot be told apart."""
    if find_dates(text, conventions):
        return False
    return bool(find_dates(text, Conventions(day_first=True)))


def find_compact_date(text: str) -> str | None:
    """The date of a text that is nothing but ``YYYYMMDD``."""
    match = _COMPACT.fullmatch(text.strip())
    found = _built(match, match[1], match[2], match[3]) if match else None
    return found.value if found else None


def find_time(text: str) -> str | None:
    """The first time of day in ``text`` as ``HH:MM:SS``."""
    match = _TIME.search(text)
    if match is None:
        return None
    hour = int(match[1])
    half = (match[4] or "").lower().replace(".", "")
    if half == "pm" and hour < 12:
        hour += 12
    if half == "am" and hour == 12:
        hour = 0
    return f"{hour:02d}:{match[2]}:{match[3] or '00'}"


def _numeric(match: re.Match[str], conventions: Conventions) -> Found[str] | None:
    first, mark, second = int(match[1]), match[2], int(match[3])
    if first > 12 or mark == ".":
        return _built(match, match[4], match[3], match[1])
    if second > 12:
        return _built(match, match[4], match[1], match[3])
    if first == second or conventions.day_first is True:
        return _built(match, match[4], match[3], match[1])
    if conventions.day_first is False:
        return _built(match, match[4], match[1], match[3])
    return None


def _named(match: re.Match[str], day: str, month: str, year: str) -> Found[str] | None:
    number = _MONTH_NUMBERS.get(_folded(month))
    return None if number is None else _built(match, year, str(number), day)


def _folded(month: str) -> str:
    decomposed = unicodedata.normalize("NFKD", month.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _built(match: re.Match[str], year: str, month: str, day: str) -> Found[str] | None:
    year = year.lstrip("'’")
    full_year = int(year) if len(year) == 4 else 2000 + int(year) if int(year) < 70 else 1900 + int(year)
    if not 1800 <= full_year <= 2200:
        return None
    try:
        iso = date(full_year, int(month), int(day)).isoformat()
    except ValueError:
        return None  # the 31st of a shorter month is no date
    return Found(iso, match.start(), match.end())
