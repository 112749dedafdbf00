"""Small things both dialects need to write a request down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from docferry.models import Json
from docferry.providers.base import Upload
from docferry.providers.body import Part


def form_text(value: Json) -> str:
    """A value as text in a form: ``true``, ``5``, the text itself, or JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def described(parts: Sequence[Part], value: Mapping[str, Json] | None) -> tuple[tuple[str, Json], ...]:
    """A request's fields for a person; of the document only what it is sent as."""
    if value is not None:
        return tuple(value.items())
    return tuple((part.name, _described(part)) for part in parts)


def _described(part: Part) -> Json:
    if isinstance(part.content, Upload):
        facts = {"filename": part.filename, "content_type": part.content_type, "bytes": part.content.size_bytes}
        facts["encoding"] = "base64" if part.as_base64 else None
        return {name: fact for name, fact in facts.items() if fact is not None}
    return json.loads(part.content) if part.content_type == "application/json" else part.content
