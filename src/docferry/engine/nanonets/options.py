"""The form shared by async, sync, stream and batch extraction, read into one frozen value.

Empty text means "not given". Words that nobody knows are ignored, as the service does; a wrong structure is a 422.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from docferry.engine.nanonets.refusals import Json, bad_request, invalid, problem

FORMATS = ("markdown", "html", "json", "csv")
METADATA = ("bounding_boxes", "confidence_score")
INSTRUCTIONS_LENGTH = 8000
MOST_CATEGORIES = 50
TRUE_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


class JsonKind(StrEnum):
    """What ``result.json.content`` is to be."""

    FREE = "free"
    HIERARCHY = "hierarchy_output"
    CONTENTS = "table-of-contents"
    FIELDS = "fields"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True)
class ExtractForm:
    output_format: str  # as it was sent
    formats: tuple[str, ...]
    json_kind: JsonKind
    json_value: Any  # the names of FIELDS, the schema of SCHEMA
    metadata: tuple[str, ...]
    instructions: str | None
    replaces_prompt: bool
    streams_pieces: bool

    def stored(self) -> Json:
        """What a worker needs of it."""
        return {
            "output_format": self.output_format,
            "formats": list(self.formats),
            "json_kind": self.json_kind,
            "json_value": self.json_value,
            "metadata": list(self.metadata),
            "instructions": self.instructions,
            "prompt_mode": "replace" if self.replaces_prompt else "append",
        }


def given_fields(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The fields that say something; of repeated ones the last."""
    return {name: value for name, value in fields if value.strip()}


def read_extract_form(fields: Mapping[str, str]) -> ExtractForm:
    """All 422 problems of a form are told at once; an unknown format is a 400."""
    problems = list(_problems(fields))
    kind, value, json_problem = read_json_options(fields.get("json_options", ""))
    problems += [json_problem] if json_problem else []
    if problems:
        raise invalid(problems)
    formats = tuple(dict.fromkeys(part.strip() for part in fields["output_format"].split(",") if part.strip()))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise bad_request(f"output_format: {unknown[0][:40]!r} is unknown; offered are {', '.join(FORMATS)}")
    wanted = {part.strip() for part in fields.get("include_metadata", "").split(",")}
    return ExtractForm(
        output_format=fields["output_format"],
        formats=formats,
        json_kind=kind,
        json_value=value,
        metadata=tuple(name for name in METADATA if name in wanted),
        instructions=fields.get("custom_instructions"),
        replaces_prompt=fields.get("prompt_mode") == "replace",
        streams_pieces=TRUE_WORDS[fields.get("enable_streaming", "true").strip().lower()],
    )


def _problems(fields: Mapping[str, str]) -> Iterable[Json]:
    if not fields.get("output_format", "").strip(", "):
        yield problem("output_format", "field required", "value_error.missing")
    if len(fields.get("custom_instructions", "")) > INSTRUCTIONS_LENGTH:
        message = f"ensure this value has at most {INSTRUCTIONS_LENGTH} characters"
        yield problem("custom_instructions", message, "value_error.any_str.max_length")
    if fields.get("prompt_mode", "append") not in {"append", "replace"}:
        yield problem("prompt_mode", "value is not one of append, replace", "type_error.enum")
    if fields.get("enable_streaming", "true").strip().lower() not in TRUE_WORDS:
        yield problem("enable_streaming", "value could not be parsed to a boolean", "type_error.bool")


def read_json_options(text: str) -> tuple[JsonKind, Any, Json | None]:
    """The kind, its value, and what is wrong with it: a word, a list of field names or a JSON Schema."""
    text = text.strip()
    if not text.startswith(("[", "{")):
        known = {JsonKind.HIERARCHY, JsonKind.CONTENTS}
        return (JsonKind(text), None, None) if text in known else (JsonKind.FREE, None, None)
    wanted = "an array of field names" if text.startswith("[") else "a JSON Schema object"
    wrong = problem("json_options", f"cannot be read, wanted {wanted}", "value_error.json")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return JsonKind.FREE, None, wrong
    if isinstance(value, dict):
        return JsonKind.SCHEMA, value, None
    if all(isinstance(name, str) for name in value):
        return JsonKind.FIELDS, value, None
    return JsonKind.FREE, None, wrong


def read_categories(text: str | None) -> list[Json]:
    """The categories of a classification: objects with ``name`` and perhaps ``description``."""
    if not text:
        raise invalid([problem("categories", "field required", "value_error.missing")])
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not values or not all(map(_is_category, values)):
        message = "wanted a JSON array of objects with name and, if you like, description"
        raise invalid([problem("categories", message, "value_error.json")])
    if len(values) > MOST_CATEGORIES:
        raise invalid([problem("categories", f"ensure this value has at most {MOST_CATEGORIES} items")])
    return [{"name": value["name"], "description": value.get("description")} for value in values]


def _is_category(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"].strip():
        return False
    return isinstance(value.get("description"), str | None)
