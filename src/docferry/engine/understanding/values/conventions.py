"""How a document writes its numbers and dates: learned from the document itself, never assumed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from docferry.engine.understanding.wordlists import word_set

# Frequent short words that hardly occur in the other languages. Enough to tell languages apart, not to know them.
_FUNCTION_WORDS: dict[str, frozenset[str]] = {
    "en": word_set("the and of to for is with this from your by are invoice date total"),
    "de": word_set("der die und das mit für von zu auf bitte wir ihre nicht dem rechnung datum betrag"),
    "fr": word_set("le les et des du pour est une avec par sur votre au facture montant"),
    "es": word_set("el los y por con una para del las su factura fecha importe número"),
    "it": word_set("il di e per con una del della sono gli fattura importo numero data scadenza"),
    "nl": word_set("het een van en voor met wij op uw niet aan factuur bedrag datum betaling"),
    "pt": word_set("o os e da do para com uma não fatura valor número data"),
    "pl": word_set("i w na z do nie się jest faktura kwota data sprzedawca nabywca"),
}
_DAY_FIRST_LANGUAGES = frozenset({"de", "fr", "es", "it", "nl", "pt", "pl"})
_AMOUNT_WITH_CENTS = re.compile(r"(?<![\d.,])\d{1,3}(?:[.,'’\s\u00a0\u202f]?\d{3})*([.,])\d{2}(?![\d.,]*\d)")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:([.,])\d{3}){2,}(?![\d.,]*\d)")
_NUMERIC_DATE = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?![\d./-]*\d)")
_AMERICAN_ADDRESS = re.compile(r"\b[A-Z]{2},? \d{5}(?:-\d{4})?\b")
_AMERICAN_MONEY = re.compile(r"(?<![A-Z])(?:US)?\$\s?\d|\bUSD\b")
_OTHER_DOLLARS = re.compile(r"\b(?:AUD|NZD|SGD|HKD)\b|(?:A|NZ|S|HK)\$")
_EUROPEAN_MONEY = re.compile(r"[€£]|\b(?:EUR|GBP|CHF|PLN|SEK|DKK|NOK|CZK)\b")


@dataclass(frozen=True, slots=True)
class Conventions:
    """What is known of a document's notations; None where the document does not tell."""

    decimal_mark: str | None = None  # "." or ","
    day_first: bool | None = None  # of dates such as 03/04/2025
    language: str | None = None  # two letters


def conventions_of(text: str) -> Conventions:
    """The notations that ``text``, a whole document, gives evidence for."""
    language = language_of(text)
    return Conventions(_decimal_mark(text, language), _day_first(text, language), language)


def language_of(text: str) -> str | None:
    """The language with clearly the most function words in ``text``, else None."""
    counts = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    scores = sorted(
        ((sum(counts[word] for word in words), code) for code, words in _FUNCTION_WORDS.items()), reverse=True
    )
    (best, code), (second, _) = scores[0], scores[1]
    return code if best >= 2 and best > second * 1.2 else None


def _decimal_mark(text: str, language: str | None) -> str | None:
    marks = Counter(match.group(1) for match in _AMOUNT_WITH_CENTS.finditer(text))
    for match in _GROUPED.finditer(text):
        marks["," if match.group(1) == "." else "."] += 1
    # Dates such as 01.02.24 look like amounts with cents: the pattern does not take them, since more digits follow.
    if marks["."] != marks[","]:
        winner, loser = (".", ",") if marks["."] > marks[","] else (",", ".")
        if marks[winner] >= 3 * marks[loser]:
            return winner
    if sum(marks.values()) == 0 and language in _DAY_FIRST_LANGUAGES:
        return ","
    return None


def _day_first(text: str, language: str | None) -> bool | None:
    day_first = month_first = 0
    for match in _NUMERIC_DATE.finditer(text):
        first, mark, second = int(match.group(1)), match.group(2), int(match.group(3))
        if mark == ".":
            continue  # always day first
        day_first += 12 < first <= 31 and second <= 12
        month_first += 12 < second <= 31 and first <= 12
    if day_first != month_first:
        return day_first > month_first
    if language in _DAY_FIRST_LANGUAGES:
        return True
    american = bool(_AMERICAN_ADDRESS.search(text)) + bool(_AMERICAN_MONEY.search(text))
    european = bool(_EUROPEAN_MONEY.search(text)) + bool(_OTHER_DOLLARS.search(text))
    if american and not european:
        return False
    if european and not american:
        return True
    return None
