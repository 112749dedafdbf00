"""Cell values as a spreadsheet shows them: the number formats of ECMA-376, part 1, 18.8.30–31.

Months and days are named in English. What a format asks beyond this (fractions, conditions) is shown in
the general form, which loses nothing.
"""

from __future__ import annotations

import datetime
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

Scalar = str | int | float | bool | datetime.datetime | datetime.date | datetime.time | datetime.timedelta | None

TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<bracket>[^\]]*)\]"
    r"|(?P<ampm>AM/PM|A/P)|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?)|(?P<digits>[0#?][0#?,]*(?:\.[0#?]*)?|\.[0#?]+)"
    r"|(?P<exponent>E[+-]0+)|(?P<percent>%)|(?P<general>General)|(?P<other>.)",
    re.I,
)
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Part = tuple[str, str]


def shown(value: Scalar, number_format: str) -> str:
    """The text of the cell on the screen."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return value
    sections = split_sections(number_format or "General")
    if isinstance(value, int | float):
        return number_text(value, sections)
    parts = parse(sections[0])
    if not any(kind in ("date", "elapsed") for kind, _ in parts):
        return raw(value)
    return date_text(value, parts)


def raw(value: Scalar) -> str:
    """The stored value: plain digits, ISO dates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return general(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def general(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}"


def as_scalar(value: object) -> Scalar:
    """The value if it is of a kind that can be shown, else its text."""
    if value is None or isinstance(value, Scalar):
        return value
    return float(value) if isinstance(value, Decimal) else str(value)


def split_sections(number_format: str) -> list[str]:
    """The parts of a format between semicolons, those in quotes and brackets aside."""
    sections, current = [], ""
    for match in re.finditer(r'"[^"]*"|\\.|\[[^\]]*\]|;|.', number_format):
        if match[0] == ";":
            sections.append(current)
            current = ""
        else:
            current += match[0]
    return [*sections, current]


def parse(section: str) -> list[Part]:
    """The section as kinds and texts, in order."""
    parts: list[Part] = []
    for match in TOKEN.finditer(section):
        kind = match.lastgroup or "skip"
        text = match[kind] if match.lastgroup else ""
        if kind in ("quoted", "escaped", "currency", "other"):
            parts.append(("literal", text))
        elif kind != "skip":
            parts.append((kind, text))
    return parts


def number_text(value: float, sections: list[str]) -> str:
    section, magnitude = pick_section(value, sections)
    parts = parse(section)
    kinds = [kind for kind, _ in parts]
    odd = any(kind == "bracket" and re.match(r"[<>=]", text) for kind, text in parts)
    if odd or kinds.count("digits") > 1 or "date" in kinds or "elapsed" in kinds:
        return general(value)
    if "general" in kinds or "digits" not in kinds:
        literals = "".join(text for kind, text in parts if kind == "literal" and text != "@")
        return general(magnitude) if "general" in kinds or not literals else literals
    scaled = Decimal(str(magnitude)) * 100 ** kinds.count("percent")
    digits = next(text for kind, text in parts if kind == "digits")
    exponent = next((text for kind, text in parts if kind == "exponent"), None)
    number = in_digits(scaled, digits) if exponent is None else f"{scaled:.{decimals(digits)}E}"
    shown_parts = {"digits": number, "percent": "%"}
    return "".join(text if kind == "literal" else shown_parts.get(kind, "") for kind, text in parts).strip()


def pick_section(value: float, sections: list[str]) -> tuple[str, float]:
    """The section for the value's sign, and the value it shows: without its sign where the section says it."""
    if value < 0 and len(sections) > 1:
        return sections[1], -value
    if value == 0 and len(sections) > 2:
        return sections[2], 0
    return sections[0], value


def decimals(digits: str) -> int:
    return sum(character in "0#?" for character in digits.partition(".")[2])


def in_digits(value: Decimal, digits: str) -> str:
    """The number in the places that the pattern of ``0``, ``#`` and commas gives."""
    whole, _, fraction = digits.partition(".")
    thousandths = len(whole) - len(whole.rstrip(","))
    value /= Decimal(1000) ** thousandths
    rounded = value.quantize(Decimal(1).scaleb(-decimals(digits)), rounding=ROUND_HALF_UP)
    grouping: Literal[",", ""] = "," if "," in whole.rstrip(",") else ""
    text = f"{abs(rounded):{grouping}.{decimals(digits)}f}"
    head, _, tail = text.partition(".")
    least = fraction.rfind("0") + 1
    while len(tail) > least and tail.endswith("0"):
        tail = tail[:-1]
    needed = whole.count("0")
    head = head.zfill(needed) if needed > 1 else ("" if head == "0" and not needed and tail else head)
    sign = "-" if rounded < 0 else ""
    return sign + head + (f".{tail}" if tail else "")


def date_text(value: Scalar, parts: list[Part]) -> str:
    moment, seconds = as_moment(value)
    twelve = any(kind == "ampm" for kind, _ in parts)
    out = []
    for place, (kind, text) in enumerate(parts):
        if kind == "date":
            out.append(date_part(moment, text.lower(), is_minute(parts, place), twelve))
        elif kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[text[0].lower()]
            out.append(str(int(seconds // unit)).zfill(len(text)))
        elif kind == "ampm":
            out.append("AM" if moment.hour < 12 else "PM")
        elif kind == "literal" and text != "@":
            out.append(text)
    return "".join(out).strip()


def as_moment(value: Scalar) -> tuple[datetime.datetime, float]:
    """The value as a moment, and as seconds for elapsed times."""
    start = datetime.datetime(1899, 12, 30)  # noqa: DTZ001  spreadsheets know no time zones
    if isinstance(value, datetime.timedelta):
        return start + value, value.total_seconds()
    if isinstance(value, datetime.time):
        moment = datetime.datetime.combine(start.date(), value)
    elif isinstance(value, datetime.datetime):
        moment = value
    elif isinstance(value, datetime.date):
        moment = datetime.datetime.combine(value, datetime.time())
    else:
        raise TypeError(f"{type(value).__name__} is no date")
    return moment, (moment - start).total_seconds()


def is_minute(parts: list[Part], place: int) -> bool:
    """Whether an ``m`` means minutes: after hours or before seconds."""
    clock = [(index, text[0].lower()) for index, (kind, text) in enumerate(parts) if kind in ("date", "elapsed")]
    order = [index for index, _ in clock].index(place)
    before = clock[order - 1][1] if order else ""
    after = clock[order + 1][1] if order + 1 < len(clock) else ""
    return before == "h" or after == "s"


def date_part(moment: datetime.datetime, token: str, minute: bool, twelve: bool) -> str:
    width = len(token)
    match token[0]:
        case "y":
            return f"{moment.year:04d}" if width > 2 else f"{moment.year % 100:02d}"
        case "d" if width >= 3:
            return DAYS[moment.weekday()][: 3 if width == 3 else None]
        case "d":
            return str(moment.day).zfill(width)
        case "m" if minute:
            return str(moment.minute).zfill(width)
        case "m" if width >= 3:
            return MONTHS[moment.month - 1][: {3: 3, 5: 1}.get(width)]
        case "m":
            return str(moment.month).zfill(width)
        case "h":
            hour = (moment.hour % 12 or 12) if twelve else moment.hour
            return str(hour).zfill(width)
        case _:
            whole, _, fraction = token.partition(".")
            text = str(moment.second).zfill(len(whole))
            return f"{text}.{moment.microsecond:06d}"[: len(text) + 1 + len(fraction)] if fraction else text
