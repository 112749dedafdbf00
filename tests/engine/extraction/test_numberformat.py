"""Numbers, dates and times as a spreadsheet shows them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.numberformat import Scalar, raw, shown

MOMENT = datetime.datetime(2026, 3, 5, 14, 7, 9)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (None, "General", ""),
        (True, "General", "TRUE"),
        ("as it is", "0.00", "as it is"),
        (12500, "General", "12500"),
        (0.1 + 0.2, "General", "0.3"),
        (13100.5, "#,##0.00", "13,100.50"),
        (-1234.5, "#,##0.00", "-1,234.50"),
        (-1234.5, "#,##0.00;(#,##0.00)", "(1,234.50)"),
        (-1234.5, "#,##0.00_);[Red]\\(#,##0.00\\)", "(1,234.50)"),
        (0, '0.0;-0.0;"nil"', "nil"),
        (0.42, "0%", "42%"),
        (0.12345, "0.0%", "12.3%"),
        (2.5, "0", "3"),
        (5, "000", "005"),
        (0.5, ".00", ".50"),
        (0.5, "#.##", ".5"),
        (1234567, "#,##0,", "1,235"),
        (12.5, "[$€-407] #,##0.00", "€ 12.50"),
        (12.5, '"EUR" 0.00', "EUR 12.50"),
        (12345.678, "0.00E+00", "1.23E+4"),
        (0.25, "# ?/?", "0.25"),
        (MOMENT, "yyyy-mm-dd", "2026-03-05"),
        (MOMENT, "dd/mm/yy hh:mm", "05/03/26 14:07"),
        (MOMENT, "d. mmmm yyyy", "5. March 2026"),
        (MOMENT, "ddd, mmm d", "Thu, Mar 5"),
        (MOMENT, "h:mm AM/PM", "2:07 PM"),
        (MOMENT, "mm:ss", "07:09"),
        (datetime.date(2026, 3, 5), "m/d/yyyy", "3/5/2026"),
        (datetime.time(9, 5), "hh:mm", "09:05"),
        (datetime.timedelta(hours=30, minutes=15), "[h]:mm", "30:15"),
    ],
)
def test_shown(value: Scalar, number_format: str, text: str) -> None:
    assert shown(value, number_format) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.42, "0.42"), (7.0, "7"), (datetime.date(2026, 3, 5), "2026-03-05"), (MOMENT, "2026-03-05 14:07:09")],
)
def test_raw_is_the_stored_value(value: Scalar, text: str) -> None:
    assert raw(value) == text


@given(
    st.one_of(st.integers(-(10**12), 10**12), st.floats(-1e12, 1e12), st.datetimes(), st.text(max_size=5)),
    st.text(alphabet='0#,.%;"[]$Eymdhs-/ \\_*@?AMP', max_size=14),
)
def test_any_format_shows_any_value_somehow(value: Scalar, number_format: str) -> None:
    assert isinstance(shown(value, number_format), str)
