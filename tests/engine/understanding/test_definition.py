"""Schemas from strangers: references, choices, limits, and patterns that would never end."""

from __future__ import annotations

from typing import Any

import pytest

from docferry.engine.understanding.schema.definition import (
    ArrayNode,
    Leaf,
    ObjectNode,
    SchemaRefused,
    leaves_of,
    read_schema,
)
from docferry.engine.understanding.schema.guards import PatternRefused, fitted, pattern_matches, within_limits


def leaf(**keywords: Any) -> Leaf:
    node = read_schema(keywords)
    assert isinstance(node, Leaf)
    return node


def test_references_within_the_schema_are_followed() -> None:
    node = read_schema(
        {
            "$defs": {"party": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "properties": {"seller": {"$ref": "#/$defs/party"}, "buyer": {"allOf": [{"$ref": "#/$defs/party"}]}},
        }
    )
    assert [each.path for each in leaves_of(node)] == [("seller", "name"), ("buyer", "name")]


def test_a_schema_within_itself_comes_to_an_end() -> None:
    node = read_schema(
        {
            "$ref": "#/$defs/part",
            "$defs": {
                "part": {"type": "object", "properties": {"id": {}, "parts": {"items": {"$ref": "#/$defs/part"}}}}
            },
        }
    )
    assert isinstance(node, ObjectNode)
    parts = node.properties["parts"]
    assert isinstance(parts, ArrayNode)
    assert isinstance(parts.items, Leaf)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([], "not a JSON object"),
        ({"$ref": "https://example.com/schema.json"}, "outside the schema"),
        ({"$ref": "#/$defs/missing"}, "leads nowhere"),
        ({"properties": {"a": 5}}, "expected an object"),
        ({"properties": {f"field{number}": {} for number in range(2_000)}}, "more than"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(schema: Any, message: str) -> None:
    with pytest.raises(SchemaRefused, match=message) as caught:
        read_schema(schema)
    assert "\n" not in str(caught.value)


def test_depth_is_limited() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        schema = {"properties": {"inner": schema}}
    with pytest.raises(SchemaRefused, match="nested deeper"):
        read_schema(schema)


def test_references_that_multiply_are_refused() -> None:
    definitions = {
        f"d{level}": {"properties": {name: {"$ref": f"#/$defs/d{level + 1}"} for name in "abcdefgh"}}
        for level in range(8)
    }
    with pytest.raises(SchemaRefused):
        read_schema({"$ref": "#/$defs/d0", "$defs": {**definitions, "d8": {"type": "string"}}})


def test_alternatives_with_null_and_several_types_are_one_field() -> None:
    assert leaf(anyOf=[{"type": "number"}, {"type": "null"}]).types == ("number",)
    assert leaf(oneOf=[{"type": "number"}, {"type": "string"}]).types == ("number", "string")
    assert leaf(type=["string", "null"]).types == ("string",)


@pytest.mark.parametrize(
    ("keywords", "value", "printed", "expected"),
    [
        ({"type": "number"}, 12.5, "12,50", (True, 12.5)),
        ({"type": "integer"}, 12.5, "12,50", (False, None)),
        ({"type": "string"}, 12.5, "12,50 €", (True, "12,50 €")),
        ({"type": "number"}, "twelve", "twelve", (False, None)),
        ({"type": "number", "minimum": 0}, -1, "-1", (False, None)),
        ({"type": "number", "maximum": 1}, 19, "19 %", (True, 0.19)),
        ({"type": "string", "pattern": r"^RE-\d+$"}, "RE-1", "RE-1", (True, "RE-1")),
        ({"type": "string", "pattern": r"^RE-\d+$"}, "X-1", "X-1", (False, None)),
        ({"type": "string", "maxLength": 3}, "long", "long", (False, None)),
        ({"enum": ["EUR", "USD"]}, "EUR", "€", (True, "EUR")),
        ({"enum": ["paid", "open"]}, "Paid", "Paid", (True, "paid")),
        ({"enum": ["paid", "open"]}, "It is open still", "It is open still", (True, "open")),
        ({"enum": ["paid", "open"]}, "paid or open", "paid or open", (False, None)),
        ({"const": "invoice"}, "receipt", "receipt", (False, None)),
        ({}, True, "yes", (True, True)),
    ],
)
def test_a_value_must_keep_to_the_schema(
    keywords: dict[str, Any], value: Any, printed: str, expected: tuple[bool, Any]
) -> None:
    assert fitted(leaf(**keywords), value, printed) == expected


def test_a_pattern_without_end_is_stopped() -> None:
    with pytest.raises(PatternRefused, match="too long"):
        pattern_matches(r"^(a|a)*(a|a)*(a|a)*$", "a" * 4_000 + "b")
    with pytest.raises(PatternRefused, match="not a regular expression"):
        pattern_matches("(", "a")


def test_limits_of_another_type_do_not_concern_a_value() -> None:
    assert within_limits({"minimum": 5, "pattern": "^x$"}, True)
    assert within_limits({"minLength": 5}, 1)
    assert not within_limits({"multipleOf": 0.05}, 0.12)
    assert within_limits({"multipleOf": 0.05}, 0.15)
