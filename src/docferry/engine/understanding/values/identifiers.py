"""Identifiers that prove themselves by checksum or form: IBAN, BIC, VAT ids, e-mail, web and phone."""

from __future__ import annotations

import re

from docferry.engine.understanding.values.numbers import Found

# Lengths from the SWIFT IBAN registry.
_IBAN_LENGTHS = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BR": 29,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NL": 18,
    "NO": 15,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "SA": 24,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
}
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2})\s?(\d{2})(?=[\sA-Z0-9])")
_BIC = re.compile(r"(?<![A-Za-z0-9])[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}(?![\w-])")
_WEB = re.compile(r"(?<![\w@.-])(?:https?://[^\s<>\"]{3,200}|www\.[\w-]+(?:\.[\w-]+)+(?:/[^\s<>\"]*)?)", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?\(?\d(?:[\s\u00a0()/.–-]{0,3}\d){5,14}(?![\w])")
# The national forms behind the country's letters: the Commission's VIES page, Swiss and British practice.
_VAT_FORMS = (
    r"ATU\d{8}|BE[01]\d{9}|BG\d{9,10}|CY\d{8}[A-Z]|CZ\d{8,10}|DE\d{9}|DK\d{8}|EE\d{9}|EL\d{9}|ES[A-Z0-9]\d{7}[A-Z0-9]|"
    r"FI\d{8}|FR[A-Z0-9]{2}\d{9}|GB(?:\d{9}|\d{12}|(?:GD|HA)\d{3})|HR\d{11}|HU\d{8}|IE\d[A-Z0-9+*]\d{5}[A-Z]{1,2}|IT\d{11}|"
    r"LT(?:\d{9}|\d{12})|LU\d{8}|LV\d{11}|MT\d{8}|NL[A-Z0-9]{9}B\d{2}|PL\d{10}|PT\d{9}|RO\d{2,10}|SE\d{12}|SI\d{8}|SK\d{10}|"
    r"XI\d{9}|CHE\d{9}(?:MWST|TVA|IVA)?|NO\d{9}(?:MVA)?"
)
_VAT_START = re.compile(
    r"(?<![A-Za-z0-9])(?:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI|CHE|NO)"
)
_VAT_LETTERS = 16  # more than the longest has
_VAT_ID = re.compile(_VAT_FORMS)
_VAT_SEPARATORS = " \u00a0.-"


def find_ibans(text: str) -> list[Found[str]]:
    """The IBANs in ``text`` whose length and checksum are right, without blanks."""
    found = []
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match[1])
        if length is None:
            continue
        compact, end = _take(text, match.start(), length)
        if len(compact) == length and iban_is_valid(compact) and not (end < len(text) and text[end].isalnum()):
            found.append(Found(compact, match.start(), end))
    return found


def _take(text: str, start: int, length: int) -> tuple[str, int]:
    """The next ``length`` capital letters and digits from ``start``, over single blanks, and where they end."""
    compact: list[str] = []
    position = start
    while position < len(text) and len(compact) < length:
        character = text[position]
        if character.isascii() and (character.isdigit() or character.isupper()):
            compact.append(character)
        elif character not in " \u00a0-" or (position > start and text[position - 1] in " \u00a0-"):
            break
        position += 1
    return "".join(compact), position


def iban_is_valid(compact: str) -> bool:
    """Whether the ISO 7064 checksum of an IBAN without blanks is right."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}", compact):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def find_bics(text: str) -> list[Found[str]]:
    """What has the form of a BIC. Plain capital words have it too, so only a label makes one of it."""
    return [Found(match.group(), match.start(), match.end()) for match in _BIC.finditer(text)]


def find_vat_ids(text: str) -> list[Found[str]]:
    """The VAT ids in ``text`` in a form of their country, without blanks, dots and dashes."""
    found = []
    for match in _VAT_START.finditer(text):
        taken = _letters_from(text, match.start())
        for count in range(len(taken), 7, -1):  # the longest first: what follows may be letters of the next word
            end = taken[count - 1][1] + 1
            compact = "".join(letter for letter, _ in taken[:count])
            is_cut = end < len(text) and text[end].isalnum()
            if not is_cut and _VAT_ID.fullmatch(compact):
                found.append(Found(compact, match.start(), end))
                break
    return found


def _letters_from(text: str, start: int) -> list[tuple[str, int]]:
    """The next capital letters and digits with their places, over single separators."""
    taken: list[tuple[str, int]] = []
    for place in range(start, len(text)):
        character = text[place]
        if character.isascii() and (character.isdigit() or character.isupper() or character in "+*"):
            taken.append((character, place))
        elif character not in _VAT_SEPARATORS or (place > start and text[place - 1] in _VAT_SEPARATORS):
            break
        if len(taken) == _VAT_LETTERS:
            break
    return taken


def find_emails(text: str) -> list[Found[str]]:
    """The e-mail addresses in ``text``."""
    return [Found(match.group(), match.start(), match.end()) for match in _EMAIL.finditer(text)]


def find_web_addresses(text: str) -> list[Found[str]]:
    """The web addresses in ``text`` that show themselves by ``http`` or ``www``."""
    return [Found(match.group().rstrip(".,;)"), match.start(), match.end()) for match in _WEB.finditer(text)]


def find_phones(text: str) -> list[Found[str]]:
    """What has the form of a phone number, as printed. Many other numbers have it: it needs a label beside it."""
    return [Found(match.group().strip(), match.start(), match.end()) for match in _PHONE.finditer(text)]
