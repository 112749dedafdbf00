"""The kinds of values that are read from documents."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    TEXT = "text"
    NAME = "name"
    ADDRESS = "address"
    IDENTIFIER = "identifier"
    AMOUNT = "amount"
    NUMBER = "number"
    INTEGER = "integer"
    PERCENT = "percent"
    CURRENCY = "currency"
    DATE = "date"
    DATE_TIME = "date_time"
    TIME = "time"
    BOOLEAN = "boolean"
    IBAN = "iban"
    BIC = "bic"
    VAT_ID = "vat_id"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"


NUMERIC_KINDS = frozenset({Kind.AMOUNT, Kind.NUMBER, Kind.INTEGER, Kind.PERCENT})
SELF_EVIDENT_KINDS = frozenset({Kind.IBAN, Kind.EMAIL, Kind.VAT_ID, Kind.URL})
