"""Sizes, times, rates and comparisons as people write them. Pure; ValueError says what was wanted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

SECONDS = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0, "w": 604800.0, "week": 604800.0,
    "month": 30 * 86400.0, "year": 365 * 86400.0,
}  # fmt: skip
BYTES = {
    "b": 1, "byte": 1, "kb": 10**3, "k": 10**3, "mb": 10**6, "m": 10**6,
    "gb": 10**9, "g": 10**9, "tb": 10**12, "t": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip

LONGEST_S = 100 * SECONDS["year"]
WANTED_TIME = "a time with its unit, such as 2s, 1.5 s, 10 min, 2 h or 7 days"
WANTED_SIZE = "a size with its unit, such as 500 kB, 20 MB or 1 GiB"
WANTED_RATE = "a rate such as 60/min or 5/s"
WANTED_COUNT = 'a number or a comparison, such as 5, ">= 50", "< 10", "10 .. 50" or ">= 5, < 10"'
WANTED_SIZES = 'a size with its unit or a comparison, such as "< 20 MB", ">= 500 B" or "1 MB .. 20 MB"'
WANTED_MOMENT = 'a date, a comparison or an age, such as ">= 2026-01-31", "2026-01-01 .. 2026-01-31", "newer than 2 h"'

_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)", re.ASCII)
_COMPARISON = re.compile(r"(<=|>=|==|=|<|>)\s*(.+)")
_AGE = re.compile(r"(newer|younger|older)\s+than\s+(.+)")


def seconds(value: object) -> float:
    """A time in seconds. A bare 0 needs no unit; any other number does."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    amount, unit = _split(value, WANTED_TIME)
    factor = SECONDS.get(unit) or SECONDS.get(unit.removesuffix("s"))
    if factor is None:
        raise ValueError(WANTED_TIME)
    if amount * factor > LONGEST_S:
        raise ValueError("a time of at most 100 years")
    return amount * factor


def size_bytes(value: object) -> int:
    """A size in bytes; kB, MB and GB are powers of ten, KiB, MiB and GiB of two. A bare number is bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    amount, unit = _split(value, WANTED_SIZE)
    factor = BYTES.get(unit) or BYTES.get(unit.removesuffix("s"))
    if unit and factor is None:
        raise ValueError(WANTED_SIZE)
    return round(amount * (factor or 1))


def time_text(seconds: float) -> str:
    """``600`` as ``10 min``: in the largest unit of which it is a whole number."""
    return _in_units(seconds, (("h", 3600), ("min", 60), ("s", 1)))


def size_text(size_bytes: int) -> str:
    """``20000000`` as ``20 MB``: in the largest unit of which it is a whole number."""
    return _in_units(size_bytes, (("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("B", 1)))


def _in_units(amount: float, units: Sequence[tuple[str, int]]) -> str:
    unit, factor = next(((unit, factor) for unit, factor in units if amount % factor == 0 and amount), units[-1])
    return f"{amount / factor:g} {unit}"


def _split(value: object, wanted: str) -> tuple[float, str]:
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(wanted)
    return float(match[1]), match[2].lower()


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` in any ``per_s`` seconds."""

    count: int
    per_s: float


def rate(value: object) -> Rate:
    """``60/min`` as a Rate."""
    match = re.fullmatch(r"(\d{1,9})\s*/\s*(\d*)\s*([A-Za-z]+)", value.strip()) if isinstance(value, str) else None
    factor = match and (SECONDS.get(match[3].lower()) or SECONDS.get(match[3].lower().removesuffix("s")))
    if not match or not factor or int(match[1]) == 0 or match[2] == "0":
        raise ValueError(WANTED_RATE)
    return Rate(int(match[1]), factor * int(match[2] or 1))


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from ``low`` to ``high``; a strict end does not belong to it."""

    low: float = -math.inf
    high: float = math.inf
    low_strict: bool = False
    high_strict: bool = False

    def holds(self, number: float) -> bool:
        above = number > self.low if self.low_strict else number >= self.low
        return above and (number < self.high if self.high_strict else number <= self.high)

    def within(self, other: Interval) -> bool:
        """True when every number of this interval belongs to ``other``."""
        low = self.low > other.low or (self.low == other.low and (self.low_strict or not other.low_strict))
        high = self.high < other.high or (self.high == other.high and (self.high_strict or not other.high_strict))
        return low and high

    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and (self.low_strict or self.high_strict))

    def both(self, other: Interval) -> Interval:
        """The numbers that belong to both."""
        low, low_strict = max((self.low, self.low_strict), (other.low, other.low_strict))
        high, weak = min((self.high, not self.high_strict), (other.high, not other.high_strict))
        return Interval(low, high, low_strict, not weak)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison as it was written, and what it means. ``of_age``: of the seconds gone by since the moment."""

    text: str
    interval: Interval
    of_age: bool = False

    def __str__(self) -> str:
        return self.text


def compare_count(value: object) -> Comparison:
    """A comparison of whole numbers (pages)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Comparison(str(value), Interval(value, value))
    return _comparison(value, _count, WANTED_COUNT)


def compare_size(value: object) -> Comparison:
    """A comparison of sizes. Only 0 needs no unit: a rule for files below 20 bytes is a slip, and would match none."""
    return _comparison("0" if value == 0 and value is not False else value, _size_with_unit, WANTED_SIZES)


def _size_with_unit(text: str) -> float:
    if re.fullmatch(r"[\d.]+", text) and float(text) != 0:
        raise ValueError(text)
    return size_bytes(text)


def compare_moment(value: object) -> Comparison:
    """A comparison of moments (Unix seconds; local time where no zone is given), or of an age."""
    age = _AGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if age is None:
        return _comparison(value, _moment, WANTED_MOMENT, _whole_day)
    try:
        limit_s = seconds(age[2])
    except ValueError as error:
        raise ValueError(WANTED_MOMENT) from error
    interval = Interval(low=limit_s, low_strict=True) if age[1] == "older" else Interval(high=limit_s, high_strict=True)
    return Comparison(age[0], interval, of_age=True)


def _comparison(
    value: object,
    number: Callable[[str], float],
    wanted: str,
    exactly: Callable[[str], Interval] | None = None,
) -> Comparison:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(wanted)
    exactly = exactly or (lambda text: Interval(number(text), number(text)))
    interval = Interval()
    try:
        for part in value.split(","):
            interval = interval.both(_part(part.strip(), number, exactly))
    except ValueError as error:
        raise ValueError(wanted) from error
    if interval.empty():
        raise ValueError(f"{wanted}; no value at all meets this one")
    return Comparison(value.strip(), interval)


def _part(text: str, number: Callable[[str], float], exactly: Callable[[str], Interval]) -> Interval:
    low, dots, high = text.partition("..")
    if dots:
        return Interval(low=exactly(low.strip()).low, high=exactly(high.strip()).high)
    match = _COMPARISON.fullmatch(text)
    if match is None:
        return exactly(text)
    sign, limit = match[1], number(match[2].strip())
    if sign in ("=", "=="):
        return exactly(match[2].strip())
    if sign.startswith("<"):
        return Interval(high=limit, high_strict=sign == "<")
    return Interval(low=limit, low_strict=sign == ">")


def _count(text: str) -> float:
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII):
        raise ValueError(text)
    return float(text)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).astimezone().timestamp()


def _whole_day(text: str) -> Interval:
    """A date alone means the whole day: ``2026-01-31`` ends with its last second."""
    start = _moment(text)
    if len(text) > len("2026-01-31"):
        return Interval(start, start)
    return Interval(start, start + 86400, high_strict=True)
