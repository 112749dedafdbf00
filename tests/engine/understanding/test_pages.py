"""Pages to topics and categories by what they say, in any language."""

from __future__ import annotations

import pytest

from docferry.engine.extraction.model import Document
from docferry.engine.understanding import Topic, classify_pages, split_pages
from docferry.engine.understanding.pages.texts import MAX_WINDOWS, page_texts
from understanding.builders import pages_of

TOPICS = [
    Topic("rent", "amount of the rent, deposits and payment"),
    Topic("pets", "keeping of animals in the flat"),
    Topic("repairs", "who repairs damage and maintains the building"),
]


def test_pages_go_to_their_topics_across_languages() -> None:
    document = pages_of(
        "Die Miete beträgt monatlich 940 Euro und ist bis zum dritten Werktag zu zahlen.",
        "La caution est de deux mois de loyer, à verser avant l'entrée dans les lieux.",
        "Hunde und Katzen dürfen nur mit Zustimmung des Vermieters gehalten werden.",
        "Damage to windows, heating and roof is repaired by the landlord at his cost.",
    )
    assert split_pages(document, TOPICS) == {"rent": [1, 2], "pets": [3], "repairs": [4]}


def test_every_topic_is_named_and_no_page_is_in_two() -> None:
    document = pages_of(*["Cats and dogs may be kept."] * 5)
    split = split_pages(document, TOPICS)
    assert list(split) == ["rent", "pets", "repairs"]
    assert split["pets"] == [1, 2, 3, 4, 5]
    assert split_pages(document, []) == {}
    assert split_pages(Document("x", ()), TOPICS) == {"rent": [], "pets": [], "repairs": []}


def test_a_blank_page_goes_with_neighbours_that_agree_and_else_to_none() -> None:
    pets, rent = "Cats and dogs may be kept.", "The rent is 900 EUR, the deposit 1800 EUR."
    assert split_pages(pages_of(pets, "", pets, "", rent, ""), TOPICS) == {
        "rent": [5],
        "pets": [1, 2, 3],
        "repairs": [],
    }


def test_running_titles_do_not_decide() -> None:
    texts = [
        "Cats and dogs may be kept.",
        "The rent is 900 EUR.",
        "Damage to the roof is repaired.",
        "The deposit is 50 EUR.",
    ]
    document = pages_of(
        *(f"Lease of a flat with pets and animals, page {place}\n{text}" for place, text in enumerate(texts))
    )
    assert split_pages(document, TOPICS) == {"rent": [2, 4], "pets": [1], "repairs": [3]}


def test_a_long_page_is_cut_into_windows() -> None:
    (page,) = page_texts(pages_of("A sentence about something of no weight. " * 2_000))
    assert len(page.windows) == MAX_WINDOWS


CATEGORIES = [Topic("Invoice"), Topic("Contract", "agreement between parties"), Topic("Resume", "a person's career")]


@pytest.mark.parametrize(
    ("text", "category", "kind"),
    [
        ("# Rechnung\nNr. 12 vom 3. April\nBetrag 12,00 EUR zahlbar sofort", "Invoice", "invoice"),
        ("# Contrat de prestation de services\nEntre les parties il est convenu ce qui suit", "Contract", "contract"),
        (
            "Born in 1980. Studied physics, worked as an engineer and team leader, speaks three languages.",
            "Resume",
            None,
        ),
        ("Roses are red and violets are blue, the bees hum in the garden.", "Other", None),
        ("", "Other", None),
    ],
)
def test_pages_are_classified(text: str, category: str, kind: str | None) -> None:
    (page,) = classify_pages(pages_of(text), CATEGORIES)
    assert (page.page_number, page.category, page.identified_category) == (1, category, kind)
    assert 0 <= page.confidence <= 100
    assert page.reasoning


def test_each_page_is_classified_by_itself() -> None:
    document = pages_of("# Invoice\nTotal 5.00", "# Curriculum vitae\nCareer and education", "# Invoice\nTotal 9.00")
    assert [page.category for page in classify_pages(document, CATEGORIES)] == ["Invoice", "Resume", "Invoice"]


def test_without_categories_every_page_is_something_else() -> None:
    assert [page.category for page in classify_pages(pages_of("# Invoice"), [])] == ["Other"]
