"""Refusals in FastAPI's shape, with the types of the older pydantic that clients of the service know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docferry.engine.errors import Refusal

Json = dict[str, Any]


def problem(field: str, message: str, kind: str = "value_error", *, part: str = "body") -> Json:
    return {"loc": [part, field], "msg": message, "type": kind}


def invalid(problems: Iterable[Json]) -> Refusal:
    """A 422 that names each field."""
    found = list(problems)
    message = "; ".join(f"{entry['loc'][-1]}: {entry['msg']}" for entry in found)
    return Refusal("REQ_422", message, status=422, details=found)


def bad_request(message: str) -> Refusal:
    return Refusal("REQ_003", message, status=400)


def error_body(refusal: Refusal) -> Json:
    """``detail`` is a list for a 422, a sentence for everything else."""
    return {"detail": refusal.details if refusal.status == 422 else refusal.message}
