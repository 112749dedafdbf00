"""The normal form of labels, and what the vocabulary makes of them."""

from __future__ import annotations

import pytest

from docferry.engine.understanding import labels
from docferry.engine.understanding.schema.definition import Leaf
from docferry.engine.understanding.schema.fields import wanted
from docferry.engine.understanding.vocabulary import vocabulary


@pytest.mark.parametrize(
    "group",
    [
        ("Rechnungsnummer", "Rechnungs-Nr.:", "RECHNUNGSNR", "Rechnungs Nr"),
        ("Invoice No.", "invoice number", "INVOICE #", "Invoice №"),
        ("N° de facture", "Facture n°", "Numéro de facture"),
        ("Date d'échéance", "date d’echeance"),
    ],
)
def test_spellings_of_one_label_have_one_key(group: tuple[str, ...]) -> None:
    assert len({labels.key(text) for text in group}) == 1


def test_the_names_of_properties_are_words_in_any_case() -> None:
    names = ("invoiceNumber", "invoice_number", "invoice-number", "InvoiceNumber")
    assert {labels.words_of_name(name) for name in names} == {"invoice number"}


@pytest.mark.parametrize(
    ("label", "concept"),
    [
        ("Rechnungs-Nr.:", "invoice_number"),
        ("Fällig am", "due_date"),
        ("zzgl. 19 % MwSt.", "tax_total"),
        ("Total TTC", "grand_total"),
        ("Base imponible", "net_total"),
        ("Te betalen", "amount_due"),
        ("Data fattura", "invoice_date"),
        ("Total (EUR)", "grand_total"),
        ("Invoice Number / Rechnungsnummer", "invoice_number"),
        ("Neuer Kontostand vom 31.03.2025", "closing_balance"),
        ("Geaamtbetrag", "grand_total"),  # as a recogniser misreads it
    ],
)
def test_printed_labels_have_their_meaning(label: str, concept: str) -> None:
    assert concept in [meaning.concept for meaning in vocabulary().meanings_of_label(label)]


def test_a_label_says_whose_it_is() -> None:
    assert vocabulary().meanings_of_label("Ihre USt-IdNr.")[0].role == "buyer"
    assert vocabulary().meanings_of_label("Our VAT number")[0].role == "seller"
    assert vocabulary().roles_of_label("Facturé à :") == ("buyer",)


def test_values_are_no_labels() -> None:
    words = vocabulary()
    assert not any(words.is_label(text) for text in ("Net 30", "Karl Weber", "12.03.2025", "", "Date 14/08/2025 Time"))


@pytest.mark.parametrize(
    ("path", "types", "concept", "role"),
    [
        (("vendor_name",), ("string",), "name", "seller"),
        (("customer", "vatNumber"), ("string",), "vat_id", "buyer"),
        (("customer_number",), ("string",), "customer_number", None),
        (("customer", "number"), ("string",), "customer_number", None),
        (("total",), ("number",), "grand_total", None),
        (("invoice", "date"), ("string",), "invoice_date", None),
        (("billing_address",), ("string",), "address", "buyer"),
        (("vat",), ("string",), "vat_id", None),
        (("vat",), ("number",), "tax_total", None),
    ],
)
def test_schema_fields_have_their_meaning(
    path: tuple[str, ...], types: tuple[str, ...], concept: str, role: str | None
) -> None:
    field = wanted(Leaf(path, types), vocabulary())
    assert concept in [meaning.concept for meaning in field.meanings]
    assert field.role == role


def test_a_general_name_is_told_by_its_description() -> None:
    leaf = Leaf(("date",), ("string",), description="The due date of the payment", format="date")
    assert wanted(leaf, vocabulary()).meanings[0].concept == "due_date"


def test_every_concept_has_labels_and_known_relatives() -> None:
    words = vocabulary()
    for concept in words.concepts.values():
        assert concept.phrases, concept.name
        assert set(concept.also) <= set(words.concepts), concept.name
