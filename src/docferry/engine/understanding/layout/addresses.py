"""The parts of a postal address: name, street, postal code, city, country."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docferry.engine.understanding import labels
from docferry.engine.understanding.layout.parties import AMERICAN_LINE, postal_match
from docferry.engine.understanding.wordlists import phrase_set

_STREET = re.compile(
    r"(?:\b\d{1,4}\s?[a-zA-Z]?(?:[-/]\d{1,4})?,?\s+[^\W\d]{3,}|[^\W\d]{3,}\.?,?\s+(?:n[°º.]?\s?)?\d{1,5}\s?[a-zA-Z]?\b)"
)
_COUNTRIES = frozenset(
    labels.key(name)
    for name in phrase_set(
        "Germany, Deutschland, Allemagne, Alemania, Germania, Duitsland, France, Frankreich, Francia, "
        "Frankrijk, Italy, Italien, Italie, Italia, Spain, Spanien, Espagne, España, Spagna, Spanje, "
        "Netherlands, The Netherlands, Niederlande, Pays-Bas, Países Bajos, Paesi Bassi, Nederland, Belgium, "
        "Belgien, Belgique, Bélgica, Belgio, België, Austria, Österreich, Autriche, Oostenrijk, Switzerland, "
        "Schweiz, Suisse, Suiza, Svizzera, Zwitserland, United Kingdom, UK, Great Britain, England, Scotland, "
        "Wales, Großbritannien, Royaume-Uni, Reino Unido, Regno Unito, Verenigd Koninkrijk, United States, "
        "USA, United States of America, Ireland, Irland, Irlande, Irlanda, Ierland, Poland, Polen, Pologne, "
        "Polska, Polonia, Portugal, Portogallo, Denmark, Dänemark, Danmark, Sweden, Schweden, Sverige, "
        "Norway, Norwegen, Norge, Finland, Finnland, Luxembourg, Luxemburg, Czech Republic, Czechia, "
        "Tschechien, Hungary, Ungarn, Romania, Canada, Kanada, Australia, Japan, China, India, Mexico, "
        "México, Brazil, Brasil, Turkey, Türkei, Greece"
    )
)


@dataclass(frozen=True, slots=True)
class Address:
    """The parts that were found, each with the place of its line among the given ones."""

    street: tuple[str, int] | None = None
    postal_code: tuple[str, int] | None = None
    city: tuple[str, int] | None = None
    country: tuple[str, int] | None = None
    lines: tuple[int, ...] = ()  # all that belong to the address, without the name


def read_address(texts: Sequence[str], *, has_name: bool = True) -> Address:
    """The parts of the address in the lines of a party's block, whose first line is the name if it has one."""
    if not has_name:
        return _without_name(texts)
    postal = next(((at, match) for at, text in enumerate(texts) if (match := postal_match(text))), None)
    country = next(
        ((text.strip(" ."), at) for at, text in enumerate(texts) if at and labels.key(text) in _COUNTRIES), None
    )
    if postal is None:
        street = next(((text.strip(" ,"), at) for at, text in enumerate(texts) if at and _STREET.search(text)), None)
        return Address(street=street, country=country, lines=tuple(range(1, len(texts))))
    at, match = postal
    groups = match.groupdict()
    city = (groups["city"].strip(" ,"), at) if groups.get("city") else _city_above(texts, at)
    street = _street(texts, at, match)
    if country is None:
        country = _country_on_the_line(texts[at], match, at)
    first = 1 if len(texts) > 1 else 0
    return Address(street, (groups["code"], at), city, country, tuple(range(first, len(texts))))


def _without_name(texts: Sequence[str]) -> Address:
    shifted = read_address(["-", *texts])

    def back(part: tuple[str, int] | None) -> tuple[str, int] | None:
        return None if part is None else (part[0], part[1] - 1)

    return Address(
        back(shifted.street),
        back(shifted.postal_code),
        back(shifted.city),
        back(shifted.country),
        tuple(line - 1 for line in shifted.lines),
    )


def _city_above(texts: Sequence[str], at: int) -> tuple[str, int] | None:
    """British addresses print the city on the line above the code."""
    if at >= 2 and not any(map(str.isdigit, texts[at - 1])):
        return texts[at - 1].strip(" ,"), at - 1
    return None


def _street(texts: Sequence[str], at: int, match: re.Match[str]) -> tuple[str, int] | None:
    before = texts[at][: match.start()].strip(" ,")
    if at == 0 or _STREET.search(before):
        return (before, at) if _STREET.search(before) else None
    for number in range(at - 1, 0, -1):
        if _STREET.search(texts[number]):
            return texts[number].strip(" ,"), number
    return None


def _country_on_the_line(text: str, match: re.Match[str], at: int) -> tuple[str, int] | None:
    rest = text[match.end() :].strip(" ,.")
    is_american = match.re is AMERICAN_LINE
    return (rest, at) if rest and not is_american and labels.key(rest) in _COUNTRIES else None
