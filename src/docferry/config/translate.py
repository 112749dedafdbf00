"""Pydantic's errors as located problems in the configuration's own words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rapidfuzz import fuzz, process

from docferry.config.problems import Path, Problem, dotted, found, shown_text
from docferry.config.yamlsource import Source

_NEAR_ENOUGH = 65
_PLAIN_WANTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text (quote what YAML reads as something else)",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (name: value)",
    "model_type": "a mapping (name: value)",
    "model_attributes_type": "a mapping (name: value)",
    "path_type": "a path",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}
_YAML_11_TRUTH = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def problems_of(error: ValidationError, source: Source, model: type[BaseModel]) -> list[Problem]:
    """Every problem in ``error``, at its place in ``source``."""
    schema = _schema_of(model)
    details = error.errors(include_url=False)
    return [_problem(detail, source, schema) for detail in details if not _merely_emptied(detail)]


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _merely_emptied(detail: ErrorDetails) -> bool:
    """True for a list that seems too short only because its items are wrong, which is said of each of them."""
    return detail["type"] == "too_short" and bool(detail["input"])


def nearest(name: str, known: list[str]) -> str:
    """The known name that ``name`` was probably meant to be, or nothing."""
    hit = process.extractOne(name, known, scorer=fuzz.ratio, processor=str.lower, score_cutoff=_NEAR_ENOUGH)
    return hit[0] if hit else ""


def did_you_mean(name: str, known: list[str]) -> str:
    """The hint that names the nearest known name, or nothing."""
    near = nearest(name, known)
    return f"did you mean {near}?" if near else ""


def _problem(detail: ErrorDetails, source: Source, schema: dict[str, Any]) -> Problem:
    path = _written_path(detail["loc"])
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        return _unknown_key(source, path, schema)
    if kind == "missing":
        wanted = _description(schema, path)
        return source.problem(path, f"{path[-1]} is missing", wanted=wanted)
    if kind == "docferry":
        message = context.get("message") or f"found {found(value)}"
        hint = context.get("hint") or _hint(value, context["wanted"])
        secret = message in ("a literal key", "credentials in a URL")
        return source.problem(path, message, show=not secret, wanted=context["wanted"], hint=hint)
    if kind == "literal_error":
        known = _choices(schema, path)
        wanted = f"one of {', '.join(known)}" if len(known) > 1 else str(context.get("expected", "")).strip("'")
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        return source.problem(path, f"found {found(value)}", wanted=wanted, hint=hint or _hint(value, wanted))
    wanted = _wanted(kind, context, detail["msg"])
    if kind in ("model_type", "model_attributes_type") and (keys := _properties(schema, path)):
        wanted = f"a mapping (name: value) of {', '.join(sorted(keys))}"
    return source.problem(path, f"found {found(value)}", wanted=wanted, hint=_hint(value, wanted))


def _written_path(loc: Path) -> Path:
    """``loc`` without what pydantic adds where there are alternatives: the tag of an alert's kind."""
    return (*loc[:3], *loc[4:]) if loc[:2] == ("alerts", "urls") else loc


def _unknown_key(source: Source, path: Path, schema: dict[str, Any]) -> Problem:
    name = str(path[-1])
    known = sorted(_properties(schema, path[:-1]))
    return source.problem(
        path,
        f"unknown key {shown_text(name, 60)}",
        at_key=True,
        wanted=f"one of {', '.join(known)}" if known else "",
        hint=_belongs_elsewhere(name, known, schema, path) or did_you_mean(name, known),
    )


def _belongs_elsewhere(name: str, known: list[str], schema: dict[str, Any], path: Path) -> str:
    """The hint for a key that is right, but stands a level too high or too low; nothing for any other."""
    below = [key for key in known if name in _properties(schema, (*path[:-1], key))]
    if below:
        return f"it belongs below {below[0]}: is it indented far enough?"
    above = next((depth for depth in range(len(path) - 2, 0, -1) if name in _properties(schema, path[:depth])), None)
    return f"it belongs to {dotted(path[:above])}: is it indented too far?" if above is not None else ""


def _wanted(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return f"{words} {context[key]}"
    if kind in ("too_short", "string_too_short"):
        return "at least one"
    return _PLAIN_WANTED.get(kind, message)


def _hint(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        return ""
    if wanted == "true or false" and value.lower() in _YAML_11_TRUTH:
        return f"only true and false are truth values in YAML 1.2: write {_YAML_11_TRUTH[value.lower()]}"
    if wanted == "true or false" and value.lower() in ("true", "false"):
        return "without the quotes"
    if "number" in wanted and value.lstrip("+-").isdecimal():
        return (
            "a leading zero means octal to some YAML readers: leave it out"
            if value.startswith("0")
            else "without the quotes"
        )
    return ""


def _description(schema: dict[str, Any], path: Path) -> str:
    properties = _properties(schema, path[:-1])
    return str(properties.get(str(path[-1]), {}).get("description", ""))


def _choices(schema: dict[str, Any], path: Path) -> list[str]:
    choices: list[str] = []
    for node in _nodes(schema, path):
        choices += [str(choice) for choice in node.get("enum", [])] + ([str(node["const"])] if "const" in node else [])
    return choices


def _properties(schema: dict[str, Any], path: Path) -> dict[str, Any]:
    """What may stand in the mapping at ``path``: name to its schema."""
    properties: dict[str, Any] = {}
    for node in _nodes(schema, path):
        properties |= node.get("properties", {})
    return properties


def _nodes(schema: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """The schemas that apply at ``path``; more than one where there are alternatives."""
    nodes = _alternatives(schema, schema)
    for part in path:
        below: list[dict[str, Any]] = []
        for node in nodes:
            inner = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
            inner = inner if inner is not None else node.get("additionalProperties")
            below += _alternatives(inner, schema) if isinstance(inner, dict) else []
        # A single mapping may stand where a list of them is wanted, and the other way round.
        nodes = below or (nodes if isinstance(part, int) else [])
    return nodes


def _alternatives(node: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in node:
        return _alternatives(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    branches = [branch for name in ("anyOf", "oneOf", "allOf") for branch in node.get(name, [])]
    if not branches:
        return [node]
    return [found_node for branch in branches for found_node in _alternatives(branch, schema)]
