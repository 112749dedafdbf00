"""Numbers, amounts, dates and identifiers in the notations of many countries."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.understanding.values.conventions import Conventions, conventions_of
from docferry.engine.understanding.values.dates import find_dates, is_ambiguous_date
from docferry.engine.understanding.values.identifiers import (
    find_emails,
    find_ibans,
    find_phones,
    find_vat_ids,
    iban_is_valid,
)
from docferry.engine.understanding.values.kinds import Kind
from docferry.engine.understanding.values.numbers import find_money, find_percentages, read_number
from docferry.engine.understanding.values.reading import read

NOTHING_KNOWN = Conventions()
COMMA = Conventions(decimal_mark=",", day_first=True)
POINT = Conventions(decimal_mark=".", day_first=False)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1.234,56 €", "1234.56", "EUR"),
        ("$1,234.56", "1234.56", "USD"),
        ("CHF 1'250.00", "1250.00", "CHF"),
        ("1 234 567,89 EUR", "1234567.89", "EUR"),
        ("1\u202f234,50 €", "1234.50", "EUR"),
        ("£0.99", "0.99", "GBP"),
        ("-12,50 €", "-12.50", "EUR"),
        ("12,50- EUR", "-12.50", "EUR"),
        ("(1,500.00)", "-1500.00", None),
        ("−3.20", "-3.20", None),
        ("EUR 12,—", "12", "EUR"),
        ("R$ 1.500,00", "1500.00", "BRL"),
        ("zł 99,90", "99.90", "PLN"),
        ("2.000.000 €", "2000000", "EUR"),
        ("12.30", "12.30", None),
    ],
)
def test_amounts_are_read_in_every_notation(text: str, amount: str, currency: str | None) -> None:
    found = find_money(text, NOTHING_KNOWN)
    assert [(each.value.amount, each.value.currency) for each in found] == [(Decimal(amount), currency)]


def test_three_digits_after_one_mark_are_read_as_the_document_writes_numbers() -> None:
    assert read_number("1.234", COMMA) == Decimal(1234)
    assert read_number("1.234", POINT) == Decimal("1.234")
    assert read_number("1.234", NOTHING_KNOWN) is None  # a thousand or a fraction: not told


@pytest.mark.parametrize("text", ["1.2.3", "12.345.67", "1,23,45", "1 23", "12.3456.789,0"])
def test_what_is_no_number_is_not_read_as_one(text: str) -> None:
    assert read_number(text, NOTHING_KNOWN) is None


@given(st.integers(0, 10**9), st.integers(0, 99), st.sampled_from([(".", ","), (",", "."), (" ", ","), ("'", ".")]))
def test_a_printed_amount_is_read_back(whole: int, cents: int, marks: tuple[str, str]) -> None:
    group, decimal_mark = marks
    printed = f"{whole:,}".replace(",", group) + f"{decimal_mark}{cents:02d}"
    assert [each.value.amount for each in find_money(printed, NOTHING_KNOWN)] == [Decimal(whole) + Decimal(cents) / 100]


@pytest.mark.parametrize(
    ("text", "shares"),
    [("19 %", ["19"]), ("VAT 7.5%", ["7.5"]), ("5,5 %", ["5.5"]), ("20 Prozent", ["20"]), ("-3%", ["-3"]), ("A4", [])],
)
def test_percentages(text: str, shares: list[str]) -> None:
    assert [found.value for found in find_percentages(text, NOTHING_KNOWN)] == [Decimal(share) for share in shares]


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-07",
        "07.03.2025",
        "7. 3. 2025",
        "7/3/2025",
        "07-03-25",
        "7 March 2025",
        "March 7, 2025",
        "7th of March 2025",
        "Mar 7 2025",
        "07-Mar-25",
        "7. März 2025",
        "7 mars 2025",
        "7 de marzo de 2025",
        "7 marzo 2025",
        "7 maart 2025",
        "7 março de 2025",
        "7 marca 2025",
        "2025/03/07",
        "2025年3月7日",
        "le 7 mars 2025.",
        "20250307",
    ],
)
def test_dates_are_read_in_every_notation(text: str) -> None:
    reading = read(Kind.DATE, text, COMMA)
    assert reading is not None
    assert reading.value == "2025-03-07"


def test_a_date_whose_day_and_month_cannot_be_told_apart_is_not_read() -> None:
    assert find_dates("03/04/2025", NOTHING_KNOWN) == []
    assert is_ambiguous_date("03/04/2025", NOTHING_KNOWN)
    assert find_dates("03/04/2025", POINT)[0].value == "2025-03-04"
    assert find_dates("03/04/2025", COMMA)[0].value == "2025-04-03"
    assert find_dates("25/04/2025", NOTHING_KNOWN)[0].value == "2025-04-25"


@pytest.mark.parametrize("text", ["31.02.2025", "1.2.3.4", "99/99/2025", "192.168.10.25", "12.345", "4711/2025"])
def test_what_is_no_date_is_not_read_as_one(text: str) -> None:
    assert find_dates(text, COMMA) == []


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_a_printed_date_is_read_back(day: date) -> None:
    for printed in (day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%d %B %Y}", f"{day:%B} {day.day}, {day.year}"):
        assert [found.value for found in find_dates(printed, NOTHING_KNOWN)] == [day.isoformat()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rechnung über 1.250,00 € und 3,99 €", Conventions(",", True, "de")),
        (
            "Invoice for $1,250.00 and $3.99 to Austin, TX 78701 with thanks from the team",
            Conventions(".", False, "en"),
        ),
        ("Invoice for £3.99 with the VAT", Conventions(".", True, "en")),
        ("Paid 14/03/2025 and 04/05/2025", Conventions(None, True, None)),
        ("Paid 03/14/2025 and 04/05/2025", Conventions(None, False, None)),
        ("nothing", Conventions()),
    ],
)
def test_a_document_tells_its_conventions(text: str, expected: Conventions) -> None:
    assert conventions_of(text) == expected


def test_ibans_need_their_length_and_checksum() -> None:
    good = "IBAN: DE89 3704 0044 0532 0130 00 BIC COBADEFF, or FR7630006000011234567890189."
    assert [found.value for found in find_ibans(good)] == ["DE89370400440532013000", "FR7630006000011234567890189"]
    assert find_ibans("DE89 3704 0044 0532 0130 01") == []
    assert find_ibans("DE89 3704 0044") == []


@given(st.text("0123456789", min_size=18, max_size=18))
def test_changing_one_digit_breaks_an_iban(digits: str) -> None:
    rest = int("".join(str(int(character, 36)) for character in digits + "DE00")) % 97
    iban = f"DE{98 - rest:02d}{digits}"
    assert iban_is_valid(iban)
    changed = iban[:10] + str((int(iban[10]) + 1) % 10) + iban[11:]
    assert not iban_is_valid(changed)


def test_vat_ids_have_the_form_of_their_country() -> None:
    text = "USt-IdNr. DE 136695976, TVA FR 40 303265045, BTW NL123456789B01 and CHE-123.456.789 MWST, not DE12345"
    found = [each.value for each in find_vat_ids(text)]
    assert found == ["DE136695976", "FR40303265045", "NL123456789B01", "CHE123456789MWST"]


def test_mail_addresses_and_phones() -> None:
    assert [found.value for found in find_emails("Mail a.b+c@ex-ample.co.uk, not @home")] == ["a.b+c@ex-ample.co.uk"]
    assert [found.value for found in find_phones("Tel. +49 (0)431 5550-12 or 0113 496 0000")] == [
        "+49 (0)431 5550-12",
        "0113 496 0000",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.IDENTIFIER, "RE-2024-001", "RE-2024-001"),
        (Kind.IDENTIFIER, "Nr. 4711 vom 12.03.2024", "4711"),
        (Kind.IDENTIFIER, "without any", None),
        (Kind.AMOUNT, "three", None),
        (Kind.AMOUNT, "Zimmer 12 im Haus", None),
        (Kind.AMOUNT, "10,00 € 20,00 €", None),
        (Kind.AMOUNT, "19 % 190,00", 190),
        (Kind.INTEGER, "12", 12),
        (Kind.INTEGER, "12,5", None),
        (Kind.BOOLEAN, "Ja", True),
        (Kind.BOOLEAN, "☐", False),
        (Kind.BOOLEAN, "perhaps", None),
        (Kind.CURRENCY, "Euro", "EUR"),
        (Kind.CURRENCY, "1.250,00 €", "EUR"),
        (Kind.DATE_TIME, "14/08/2025 5:42 pm", "2025-08-14T17:42:00"),
        (Kind.DATE_TIME, "14/08/2025", None),
        (Kind.NAME, "12345", None),
        (Kind.URL, "www.example.com", "www.example.com"),
        (Kind.PERCENT, "19", 19),
        (Kind.PERCENT, "1900", None),
    ],
)
def test_a_kind_takes_what_is_of_it_and_nothing_else(kind: Kind, text: str, value: object) -> None:
    reading = read(kind, text, COMMA)
    assert (None if reading is None else reading.value) == value


@given(st.sampled_from(list(Kind)), st.text(max_size=80))
def test_no_text_breaks_a_reader(kind: Kind, text: str) -> None:
    reading = read(kind, text, NOTHING_KNOWN)
    assert reading is None or reading.printed in text or reading.printed == " ".join(reading.printed.split())
