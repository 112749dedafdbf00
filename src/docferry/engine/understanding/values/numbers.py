"""Numbers, amounts of money and percentages, in European and American notation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from docferry.engine.understanding.values.conventions import Conventions
from docferry.engine.understanding.wordlists import word_set

_SPACES = "\u0020\u00a0\u202f\u2009"
_DIGITS = rf"\d+(?:[.,'’{_SPACES}]\d+)*"
_SIGN = r"[-−–+]"
# Longest first, so that "US$" is not read as "$".
_CURRENCY_SYMBOLS: dict[str, str] = {
    "US$": "USD",
    "CA$": "CAD",
    "C$": "CAD",
    "AU$": "AUD",
    "A$": "AUD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₺": "TRY",
    "₽": "RUB",
    "₴": "UAH",
    "₩": "KRW",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "Fr.": "CHF",
    "SFr.": "CHF",
    "Euro": "EUR",
    "euros": "EUR",
    "$": "USD",
}
CURRENCY_CODES = word_set(
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW MAD "
    "MXN MYR NGN NOK NZD PEN PHP PLN RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR"
)
_SYMBOLS = sorted(_CURRENCY_SYMBOLS, key=len, reverse=True)
_CURRENCY = "|".join([re.escape(symbol) for symbol in _SYMBOLS] + sorted(CURRENCY_CODES) + [r"\bkr\.?"])
_NUMBER = re.compile(rf"(?<![\w.,])(?P<sign>{_SIGN}\s?)?(?P<digits>{_DIGITS})(?P<trail>\s?[-−](?!\w))?(?![\w])")
_AMOUNT = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>{_SIGN}\s?)?(?P<before>(?<![A-Za-z])(?:{_CURRENCY})(?![a-z]))?\s*(?P<sign2>{_SIGN}\s?)?"
    rf"(?<![\d.,])(?P<digits>{_DIGITS})(?P<dash>,[-–—]+)?(?P<trail>\s?[-−](?![\w]))?\s*(?P<after>(?:{_CURRENCY})(?![A-Za-z]))?"
    rf"\s*(?P<side>(?:CR|DR|[SH])\b)?\s*(?P<close>\))?"
)
_PERCENT = re.compile(
    rf"(?<![\w.,])(?P<sign>{_SIGN}\s?)?(?P<digits>\d+(?:[.,]\d+)?)\s?"
    r"(?:%|(?:percent|per cent|Prozent|pour cent|por ciento|per cento|procent)\b)"
)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value, and where in the text it was read."""

    value: T
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: str | None  # ISO 4217
    has_cents: bool


def read_number(digits: str, conventions: Conventions) -> Decimal | None:
    """The number that ``digits`` (digits and separators only) stands for, None where it cannot be told."""
    digits = digits.strip()
    bare = re.sub(rf"[{_SPACES}'’]", "", digits)
    if re.search(rf"[{_SPACES}'’]", digits) and not re.fullmatch(
        rf"\d{{1,3}}(?:[{_SPACES}'’]\d{{3}})+(?:[.,]\d+)?", digits
    ):
        return None
    marks = [character for character in bare if character in ".,"]
    if not marks:
        return Decimal(bare)
    if len(set(marks)) == 2:
        decimal_mark = marks[-1]
        return _joined(bare, decimal_mark) if marks.count(decimal_mark) == 1 else None
    mark = marks[0]
    if len(marks) > 1:
        groups_fit = re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", bare)
        return Decimal(bare.replace(mark, "")) if groups_fit else None
    return _one_mark(bare, mark, conventions)


def _one_mark(bare: str, mark: str, conventions: Conventions) -> Decimal | None:
    """A number with one separator: decimal, unless three digits follow and the document writes decimals otherwise."""
    whole, fraction = bare.split(mark)
    if len(fraction) != 3 or len(whole) > 3 or whole.startswith("0"):
        return Decimal(f"{whole}.{fraction}")
    if conventions.decimal_mark is None:
        return None  # 1.234: a thousand or a fraction, and nothing in the document tells which
    return Decimal(f"{whole}.{fraction}") if conventions.decimal_mark == mark else Decimal(whole + fraction)


def _joined(bare: str, decimal_mark: str) -> Decimal | None:
    whole, fraction = bare.split(decimal_mark)
    if not re.fullmatch(r"\d{1,3}(?:[.,]\d{2,3})*[.,]\d{3}|\d{1,3}", whole):
        return None
    return Decimal(re.sub(r"[.,]", "", whole) + "." + fraction)


def find_money(text: str, conventions: Conventions) -> list[Found[Money]]:
    """The amounts in ``text``: numbers with or without a currency; brackets and trailing signs mean negative."""
    found = []
    for match in _AMOUNT.finditer(text):
        if re.match(r"\d|\s?%", text[match.end("digits") :]):
            continue
        if match.end("digits") < len(text) and (text[match.end("digits")].isalpha() and not match["after"]):
            continue  # 4th, 12x, A4
        if match.start("digits") and text[match.start("digits") - 1].isalpha() and not match["before"]:
            continue
        amount = read_number(match["digits"], conventions)
        if amount is None:
            continue
        if _is_negative(match):
            amount = -amount
        currency = currency_code(match["before"] or match["after"] or "")
        has_cents = bool(re.search(r"[.,]\d{2}$", match["digits"]) or match["dash"])
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        found.append(Found(Money(amount, currency, has_cents), start, match.end()))
    return found


def _is_negative(match: re.Match[str]) -> bool:
    minus = any((match[name] or "").strip() in {"-", "−", "–"} for name in ("sign", "sign2", "trail") if match[name])
    bracketed = bool(match["open"] and match["close"])
    return minus or bracketed or match["side"] in {"DR", "S"}


def find_numbers(text: str, conventions: Conventions) -> list[Found[Decimal]]:
    """The plain numbers in ``text``, with their signs."""
    found = []
    for match in _NUMBER.finditer(text):
        number = read_number(match["digits"], conventions)
        if number is not None:
            minus = (match["sign"] or match["trail"] or "").strip() in {"-", "−", "–"}
            found.append(Found(-number if minus else number, match.start(), match.end()))
    return found


def find_percentages(text: str, conventions: Conventions) -> list[Found[Decimal]]:
    """The percentages in ``text``, as printed: 19 for "19 %"."""
    found = []
    for match in _PERCENT.finditer(text):
        digits = match["digits"].replace(",", ".")
        minus = (match["sign"] or "").strip() in {"-", "−", "–"}
        found.append(Found(-Decimal(digits) if minus else Decimal(digits), match.start(), match.end()))
    return found


def currency_code(text: str) -> str | None:
    """The ISO code of a currency written as a symbol, a code or a word, else None."""
    stripped = text.strip()
    if stripped.upper() in CURRENCY_CODES:
        return stripped.upper()
    for symbol in _SYMBOLS:
        if stripped.lower() == symbol.lower():
            return _CURRENCY_SYMBOLS[symbol]
    return None


def as_json_number(number: Decimal) -> int | float:
    """The number as JSON writes it: whole numbers without a fraction."""
    return int(number) if number == number.to_integral_value() else float(number)
