"""Sizes, times, rates and comparisons as people write them."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.config.units import (
    Interval,
    Rate,
    compare_count,
    compare_moment,
    compare_size,
    rate,
    seconds,
    size_bytes,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2s", 2),
        ("1.5 s", 1.5),
        ("250ms", 0.25),
        ("10 min", 600),
        ("2 hours", 7200),
        ("7 days", 604800),
        (0, 0),
        ("1 week", 604800),
    ],
)
def test_times(text: object, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20 MB", 20_000_000),
        ("1 GiB", 2**30),
        ("500 kB", 500_000),
        ("1.5k", 1500),
        ("12", 12),
        (12, 12),
        ("3 bytes", 3),
    ],
)
def test_sizes(text: object, value: int) -> None:
    assert size_bytes(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("60/min", Rate(60, 60)), ("5 / s", Rate(5, 1)), ("100/10min", Rate(100, 600))],
)
def test_rates(text: str, value: Rate) -> None:
    assert rate(text) == value


@pytest.mark.parametrize(
    "value", ["", "s", "2", 2, "-2s", "2 parsecs", True, None, [], "1e3 s", "٢ s", "9999999 years"]
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a time"):
        seconds(value)


@pytest.mark.parametrize("value", ["", "MB", -1, "-1 MB", "1 MX", True, None, 1.5, "1,5 MB"])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a size"):
        size_bytes(value)


@pytest.mark.parametrize("value", ["60", "60/", "/min", "0/min", "1/0s", "-1/s", 60, None, "60/parsec"])
def test_what_is_no_rate_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a rate"):
        rate(value)


@pytest.mark.parametrize(
    ("text", "holds", "fails"),
    [
        (5, [5], [4, 6]),
        ("5", [5], [4]),
        ("= 5", [5], [6]),
        (">= 50", [50, 51], [49]),
        ("> 50", [51], [50]),
        ("<3", [0, 2], [3]),
        ("10 .. 20", [10, 15, 20], [9, 21]),
        (">= 5, < 10", [5, 9], [4, 10]),
    ],
)
def test_comparisons_of_counts(text: object, holds: list[int], fails: list[int]) -> None:
    interval = compare_count(text).interval

    assert all(interval.holds(number) for number in holds)
    assert not any(interval.holds(number) for number in fails)


def test_comparisons_of_sizes_and_moments() -> None:
    assert compare_size("1 MB .. 20 MB").interval == Interval(1_000_000, 20_000_000)
    assert compare_size("< 20 MB").interval.holds(19_999_999)
    assert compare_size(0).interval == compare_size("= 0").interval == Interval(0, 0)
    for without_unit in (20, "20", "< 20", "1 .. 20 MB", False):
        with pytest.raises(ValueError, match="a size with its unit"):
            compare_size(without_unit)
    day = compare_moment("2026-01-31").interval
    noon = datetime(2026, 1, 31, 12).astimezone().timestamp()
    assert day.holds(noon)
    assert not day.holds(noon + 86400)
    assert compare_moment("2026-01-01 .. 2026-01-31").interval.holds(noon)
    older = compare_moment("older than 30 days")
    assert older.of_age
    assert older.interval.holds(31 * 86400)
    assert not older.interval.holds(30 * 86400)


@pytest.mark.parametrize(
    "value", ["", "many", "> many", "5 .. 3", "> 5, < 5", "5 ..", None, True, -1, 2.5, "1.5", [], "> -5"]
)
def test_what_is_no_comparison_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a comparison"):
        compare_count(value)


_NUMBERS = st.integers(-20, 20).map(float) | st.just(-math.inf) | st.just(math.inf)
_INTERVALS = st.builds(Interval, _NUMBERS, _NUMBERS, st.booleans(), st.booleans())


@given(_INTERVALS, _INTERVALS, st.integers(-25, 25))
def test_intervals_are_sets_of_numbers(one: Interval, other: Interval, number: int) -> None:
    assert one.both(other).holds(number) == (one.holds(number) and other.holds(number))
    if one.within(other) and one.holds(number):
        assert other.holds(number)
    if one.empty():
        assert not one.holds(number)
