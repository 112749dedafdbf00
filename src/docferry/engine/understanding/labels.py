"""The normal form in which labels of documents and names of schema fields are compared."""

from __future__ import annotations

import functools
import re
import unicodedata

from docferry.engine.understanding.wordlists import word_set

_NUMBER_WORDS = word_set("no nr n num number nummer numero numer nbr numéro")
_ARTICLES = word_set(
    "the of de du des la le les del della dello delle di der die das den dem el los las l d dell het een van do da"
)
_GLUED_NUMBER = re.compile(r"^(.{3,}?)(?:nummer|nr)$")
_PERCENTAGE = re.compile(r"\d+(?:[.,]\d+)?\s?%")
_CURRENCY_NOTE = re.compile(r"(?:\bin\s+)?(?:\b(?:EUR|USD|GBP|CHF|Euro)\b|[€$£])\s*$")
_TRAILING_DATE = re.compile(
    r"\s+(?:(?:vom|zum|am|per|as of|as at|on|at|au|du|le|al|del|a|op|van)\s+)?\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})$"
)
_TRAILING_WORD = re.compile(r"(?<=\S{3})\s+(?:at|@|of|zu|von)\s*$|[\s.·…]{3,}$")
_ABBREVIATION = re.compile(r"\b(?:[^\W\d_]\.){2,}")  # I.V.A., N.I.F.
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def fold(text: str) -> str:
    """``text`` without case and accents: "Échéance" becomes "echeance", "Straße" "strasse"."""
    decomposed = unicodedata.normalize("NFKD", text.replace("№", "no").casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@functools.lru_cache(maxsize=50_000)
def tokens(text: str) -> tuple[str, ...]:
    """The words that count of a label: folded, without articles and numerals, each word for "number" as a last "no"."""
    text = _ABBREVIATION.sub(lambda match: match.group().replace(".", ""), text)
    spelled = re.sub(r"[°º#]", " no ", re.sub(r"\b[nN][°º]", " no ", text.replace("№", " no ")))
    words: list[str] = []
    for word in re.findall(r"[^\W_]+|%", fold(spelled)):
        glued = _GLUED_NUMBER.match(word)
        if word in _NUMBER_WORDS:
            words.append("no")
        elif glued:
            words.extend([glued.group(1), "no"])
        elif not word.isdigit():
            words.append(word)
    meant = [word for word in words if word not in _ARTICLES] or words
    if "no" in meant and meant != ["no"]:
        meant = [word for word in meant if word != "no"] + ["no"]
    return tuple(meant)


def key(text: str) -> str:
    """The form under which equal labels are equal: the words that count, run together."""
    return "".join(tokens(text))


@functools.lru_cache(maxsize=50_000)
def variants(label: str) -> tuple[str, ...]:
    """The readings of a printed label: whole, without its bracketed part, that part, and each side of a slash."""
    bare = _TRAILING_DATE.sub("", _PERCENTAGE.sub(" ", label).strip().rstrip(":：."))
    whole = _CURRENCY_NOTE.sub("", _TRAILING_WORD.sub("", bare).strip()).strip()
    readings = [whole]
    outside = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", whole).strip()
    if outside != whole:
        readings += [_CURRENCY_NOTE.sub("", outside).strip(), *re.findall(r"[(\[]([^)\]]{3,})[)\]]", whole)]
    readings += [part.strip() for part in re.split(r"\s*[/|]\s*|\s+[-–—]\s+", outside) if len(part.strip()) > 2]
    return tuple(dict.fromkeys(reading for reading in readings if reading))


def words_of_name(name: str) -> str:
    """The words of a schema property's name: "invoiceNumber", "invoice_number" and "invoice-number" are the same."""
    spaced = _CAMEL.sub(" ", name)
    return re.sub(r"[\s_.\-/]+", " ", spaced).strip().lower()
