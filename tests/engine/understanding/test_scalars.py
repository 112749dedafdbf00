"""Values beside their labels: where labels stand, whose they are, and when nothing is answered."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from docferry.engine.extraction.model import Block, BlockKind, Document, Page
from docferry.engine.understanding import SchemaRefused, extract_fields, extract_schema
from understanding.builders import column, grid, native, page_of, pairs, placed, schema_of, with_table

INVOICE = schema_of(invoice_number="string", invoice_date="date", due_date="date", total="number")


def values(document: Document, **properties: Any) -> Any:
    return extract_schema(document, schema_of(**properties)).values


def test_values_stand_at_the_right_of_their_labels() -> None:
    document = pairs(("Rechnungsnummer", "RE-77"), ("Datum:", "3. Mai 2025"), ("Gesamtbetrag", "1.190,00 €"))
    answer = extract_schema(document, INVOICE)
    assert answer.values == {
        "invoice_number": "RE-77",
        "invoice_date": "2025-05-03",
        "due_date": None,
        "total": 1190,
    }


def test_citations_and_scores_mirror_the_values() -> None:
    answer = extract_schema(pairs(("Invoice number", "A-1")), INVOICE)
    (citation,) = answer.citations["invoice_number"]
    assert citation["page"] == 1
    assert citation["id"] == "txt-1-1"
    assert 0.4 < citation["box"]["left"] < citation["box"]["right"] < 0.5
    assert answer.citations["due_date"] == []
    assert answer.scores["due_date"] == 0
    assert answer.scores["invoice_number"] >= 95
    assert set(answer.citations) == set(answer.scores) == set(answer.values)


@pytest.mark.parametrize(
    "document",
    [
        placed((50, 60, "Invoice No: INV-9 Date: 2 June 2025")),
        placed((50, 60, "Invoice No. INV-9"), (50, 80, "dated 2 June 2025")),
        placed(*grid([("Invoice No", "Date", "Customer"), ("INV-9", "02 Jun 2025", "C-1")], (50, 200, 350), 60)),
        placed(*column(50, 60, "INVOICE NUMBER", "INV-9"), *column(250, 60, "INVOICE DATE", "June 2, 2025")),
        native("Invoice number: INV-9\nInvoice date: 2025-06-02"),
        with_table([("Invoice number", "INV-9"), ("Invoice date", "02.06.2025")]),
        with_table([("Invoice number", "Invoice date", "Customer"), ("INV-9", "02.06.2025", "Mill")]),
    ],
    ids=["inline", "prefix", "header row", "label above", "text", "two-column table", "one-row table"],
)
def test_labels_may_stand_anywhere_near(document: Document) -> None:
    answer = extract_schema(document, INVOICE)
    assert (answer.values["invoice_number"], answer.values["invoice_date"]) == ("INV-9", "2025-06-02")


def test_form_fields_answer_for_their_names() -> None:
    block = Block("frm-1", BlockKind.FORM_FIELD, "Jane Doe", 1, label="Patient name")
    document = Document("application/pdf", (Page(1, 595, 842, (block,)),))
    assert values(document, patient_name="string") == {"patient_name": "Jane Doe"}


def test_nothing_is_answered_without_evidence() -> None:
    document = native("A letter about the weather of last year.\nIt was warm, 25 degrees on 3 May 2024.")
    answer = extract_schema(document, INVOICE)
    assert set(answer.values.values()) == {None}
    assert set(answer.scores.values()) == {0}


def test_values_that_contradict_each_other_are_not_chosen_between() -> None:
    document = pairs(("Invoice number", "A-1"), ("Invoice number", "A-2"))
    answer = extract_schema(document, INVOICE)
    assert answer.values["invoice_number"] is None
    assert "several values" in answer.warnings[0]


def test_the_sum_that_adds_up_settles_which_total_is_right() -> None:
    document = pairs(("Total", "500.00"), ("Subtotal", "100.00"), ("VAT 20%", "20.00"), ("Total", "120.00"))
    assert values(document, total="number", vat_rate="number") == {"total": 120, "vat_rate": 20}


def test_an_ambiguous_date_is_left_null_and_said() -> None:
    answer = extract_schema(pairs(("Invoice date", "03/04/2025")), INVOICE)
    assert answer.values["invoice_date"] is None
    assert any("day and month" in warning for warning in answer.warnings)


def test_a_label_of_another_meaning_is_not_taken() -> None:
    document = pairs(("Delivery date", "5 May 2025"), ("Subtotal", "80.00"), ("Order number", "O-5"))
    assert set(values(document, invoice_date="date", total="number", invoice_number="string").values()) == {None}


def test_strings_are_given_as_printed_and_typed_values_as_their_type() -> None:
    document = pairs(("Total", "1.190,00 €"), ("Invoice date", "3. Mai 2025"))
    assert values(document, total="string", invoice_date="string") == {
        "total": "1.190,00 €",
        "invoice_date": "3. Mai 2025",
    }
    assert extract_fields(document, ["total", "invoice_date"]).values == {"total": 1190, "invoice_date": "2025-05-03"}


def test_each_party_has_its_own_name_address_and_vat_id() -> None:
    document = placed(
        *column(50, 60, "Supplier", "Mill & Sons Ltd", "1 High Street", "Leeds LS1 4DY", "VAT No: GB123456789"),
        *column(330, 60, "Bill to", "Harbour GmbH", "Hafenstr. 12", "24103 Kiel", "VAT No: DE136695976"),
    )
    party = schema_of(name="string", address="string", vat_id="string", city="string", postal_code="string")
    assert values(document, supplier=party, customer=party) == {
        "supplier": {
            "name": "Mill & Sons Ltd",
            "address": "1 High Street, Leeds LS1 4DY",
            "vat_id": "GB123456789",
            "city": "Leeds",
            "postal_code": "LS1 4DY",
        },
        "customer": {
            "name": "Harbour GmbH",
            "address": "Hafenstr. 12, 24103 Kiel",
            "vat_id": "DE136695976",
            "city": "Kiel",
            "postal_code": "24103",
        },
    }


def test_the_one_company_named_is_not_taken_for_the_sender_if_it_may_be_the_addressee() -> None:
    document = placed(*column(50, 120, "Harbour GmbH", "Hafenstr. 12", "24103 Kiel"), (50, 60, "Invoice"))
    assert values(document, vendor_name="string") == {"vendor_name": None}


def test_window_address_and_letterhead_tell_sender_from_addressee() -> None:
    document = placed(
        (50, 120, "Nord Elektro GmbH · Hafenstr. 12 · 24103 Kiel"),
        *column(50, 140, "Stadtwerke AG", "Am Kraftwerk 1", "48143 Münster"),
        (50, 790, "Nord Elektro GmbH"),
        (250, 790, "info@nord-elektro.de"),
    )
    answer = extract_schema(document, schema_of(vendor_name="string", customer_name="string", vendor_city="string"))
    assert answer.values == {
        "vendor_name": "Nord Elektro GmbH",
        "customer_name": "Stadtwerke AG",
        "vendor_city": "Kiel",
    }
    assert answer.scores["vendor_name"] < 80  # no label says so


def test_an_iban_alone_of_its_kind_needs_no_label_and_two_are_not_chosen_between() -> None:
    one = native("Please pay to DE89 3704 0044 0532 0130 00 soon.")
    two = native("Please pay to DE89 3704 0044 0532 0130 00\nor to FR7630006000011234567890189")
    assert values(one, iban="string") == {"iban": "DE89370400440532013000"}
    assert values(two, iban="string") == {"iban": None}


def test_a_period_has_a_start_and_an_end() -> None:
    document = pairs(("Statement period", "01.03.2025 - 31.03.2025"))
    assert values(document, period_start="date", period_end="date") == {
        "period_start": "2025-03-01",
        "period_end": "2025-03-31",
    }


def test_the_currency_is_that_of_all_amounts_or_none() -> None:
    assert values(pairs(("Total", "12,00 €"), ("Tax", "2,00 €")), currency="string") == {"currency": "EUR"}
    assert values(pairs(("Total", "12,00 €"), ("Tax", "$2.00")), currency="string") == {"currency": None}


def test_choices_flags_and_boxes_to_tick() -> None:
    document = native("Payment status: Paid in full\nReverse charge: nein\n☑ Newsletter\n☐ Advertising\nInvoice")
    schema = schema_of(
        payment_status={"enum": ["paid", "open"]},
        reverse_charge="boolean",
        newsletter="boolean",
        advertising="boolean",
        document_type={"enum": ["invoice", "receipt"]},
    )
    assert extract_schema(document, schema).values == {
        "payment_status": "paid",
        "reverse_charge": False,
        "newsletter": True,
        "advertising": False,
        "document_type": "invoice",
    }


def test_labels_that_mean_the_same_in_another_language_are_found() -> None:
    document = pairs(("Blutdruck:", "135/85 mmHg"), ("Körpergewicht:", "82 kg"), ("Zimmer:", "12"))
    answer = extract_schema(document, schema_of(blood_pressure="string", body_weight="string", allergies="string"))
    assert answer.values == {"blood_pressure": "135/85 mmHg", "body_weight": "82 kg", "allergies": None}
    assert answer.scores["blood_pressure"] < 80


def test_aliases_titles_and_descriptions_of_the_schema_are_labels_too() -> None:
    document = pairs(("Chargennummer XB", "L-55"), ("Prüfer", "Ines Roth"), ("Messwert", "12,5"))
    schema = schema_of(
        lot={"type": "string", "x-labels": ["Chargennummer XB"]},
        inspector={"type": "string", "title": "Prüfer"},
        reading={"type": "number", "description": "Messwert"},
    )
    assert extract_schema(document, schema).values == {"lot": "L-55", "inspector": "Ines Roth", "reading": 12.5}


def test_a_wrapped_paragraph_is_one_value() -> None:
    lines = [
        "Governing law: this agreement is governed by the laws of",
        "England and Wales and the parties submit to the courts",
        "of London.",
    ]
    page = page_of(column(50, 60, *lines, step=12))
    whole = Block("txt-9", BlockKind.TEXT, " ".join(lines), 1, page.blocks[0].box)
    assert whole.box is not None
    tall = Block("txt-9", BlockKind.TEXT, " ".join(lines), 1, type(whole.box)(0.08, 0.07, 0.56, 0.13))
    document = Document("application/pdf", (Page(1, 595, 842, (tall,), page.words),))
    (value,) = values(document, governing_law="string").values()
    assert value.endswith("England and Wales and the parties submit to the courts of London.")


def test_only_the_wanted_pages_are_read() -> None:
    first = page_of([(50, 60, "Invoice number: A-1")], number=1)
    second = page_of([(50, 60, "Invoice number: A-2")], number=2)
    document = Document("application/pdf", (first, second))
    assert extract_schema(document, INVOICE, pages=[2]).values["invoice_number"] == "A-2"
    assert extract_schema(document, INVOICE).values["invoice_number"] is None


def test_badly_recognised_text_scores_less() -> None:
    sure = extract_schema(placed((50, 60, "Invoice number: A-1"), confidence=0.99), INVOICE)
    unsure = extract_schema(placed((50, 60, "Invoice number: A-1"), confidence=0.6), INVOICE)
    assert unsure.scores["invoice_number"] < sure.scores["invoice_number"] - 20


def test_a_prompt_without_a_model_is_said_to_be_unused() -> None:
    answer = extract_schema(native("Total: 5.00"), INVOICE, prompt="take the largest")
    assert any("language model" in warning for warning in answer.warnings)


def test_a_pattern_that_never_ends_costs_its_field_only() -> None:
    schema = schema_of(invoice_number={"type": "string", "pattern": r"^(\d|\d\d)+(\d|\d\d)+$"}, total="number")
    document = native(f"Invoice number: {'1' * 90}b\nTotal: 5.00")
    answer = extract_schema(document, schema)
    assert answer.values == {"invoice_number": None, "total": 5}
    assert "invoice_number" in answer.warnings[0]


def test_empty_documents_and_schemas_have_empty_answers() -> None:
    assert extract_schema(Document("x", ()), INVOICE).values == dict.fromkeys(INVOICE["properties"])  # type: ignore[call-overload]
    assert extract_schema(native("Total: 5"), {"type": "object"}).values == {}
    assert extract_fields(native("Total: 5"), []).values == {}
    with pytest.raises(SchemaRefused):
        extract_schema(native("x"), {"$ref": "#/none"})


def test_what_is_answered_keeps_to_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "invoice_number": {"type": ["string", "null"], "minLength": 2},
            "total": {"type": ["number", "null"], "minimum": 0},
            "currency": {"enum": ["EUR", "USD", None]},
            "paid": {"type": ["boolean", "null"]},
        },
        "required": ["invoice_number", "total", "currency", "paid"],
    }
    document = pairs(("Invoice number", "7"), ("Total", "-5,00 €"), ("Paid", "yes"))
    answer = extract_schema(document, schema)
    jsonschema.validate(answer.values, schema)
    assert answer.values == {"invoice_number": None, "total": None, "currency": "EUR", "paid": True}
