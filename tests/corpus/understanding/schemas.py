"""The JSON Schema by which invoices are read for the figures."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_DATE = {"type": "string", "format": "date"}

INVOICE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoice_number": _TEXT,
        "invoice_date": _DATE,
        "due_date": _DATE,
        "purchase_order": {"type": ["string", "null"]},
        "currency": _TEXT,
        "seller": {
            "type": "object",
            "properties": {"name": _TEXT, "vat_id": _TEXT, "iban": _TEXT, "email": _TEXT, "address": _TEXT},
        },
        "customer": {
            "type": "object",
            "properties": {"name": _TEXT, "number": _TEXT, "address": _TEXT, "vat_id": _TEXT},
        },
        "subtotal": _NUMBER,
        "tax_amount": _NUMBER,
        "tax_rate": _NUMBER,
        "total": _NUMBER,
        "payment_terms": _TEXT,
        "line_items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "description": _TEXT,
                    "quantity": _NUMBER,
                    "unit_price": _NUMBER,
                    "amount": _NUMBER,
                },
            },
        },
    },
}
