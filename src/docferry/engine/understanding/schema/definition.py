"""A JSON Schema as a tree of what is wanted: read once, within limits, since schemas come from strangers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docferry.engine.understanding.answers import Json

MAX_DEPTH = 12
MAX_NODES = 1_000
_MAX_TEXT = 1_000
_MAX_ALIASES = 20
_ALIAS_KEYWORDS = ("x-labels", "x-aliases")
_SCALAR_TYPES = ("number", "integer", "boolean", "string")


class SchemaRefused(ValueError):
    """The schema cannot be used. The message is one line: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that is wanted. ``types`` are the JSON types it may have; none means any."""

    path: tuple[str, ...]
    types: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    examples: tuple[Json, ...] = ()
    aliases: tuple[str, ...] = ()
    format: str | None = None
    enum: tuple[Json, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)  # pattern, minimum, maxLength ...
    titles_above: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path[-1] if self.path else ""

    @property
    def where(self) -> str:
        """The path as a person writes it, for warnings."""
        return ".".join(self.path) or "(the whole answer)"


@dataclass(frozen=True, slots=True)
class ObjectNode:
    path: tuple[str, ...]
    properties: Mapping[str, Node]
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class ArrayNode:
    """An array; ``leaf`` bears its own name, title and description (those of the array, not of its items)."""

    path: tuple[str, ...]
    items: Node
    leaf: Leaf
    max_items: int | None = None


Node = Leaf | ObjectNode | ArrayNode


def read_schema(schema: Mapping[str, Any]) -> Node:
    """The tree that ``schema`` asks for. Raises ``SchemaRefused`` for one that is malformed, too deep or too large."""
    if not isinstance(schema, Mapping):
        raise SchemaRefused("the schema is not a JSON object; give a JSON Schema such as {'type': 'object', ...}")
    return _Reader(schema).node(schema, (), (), ())


def leaves_of(node: Node) -> Iterator[Leaf]:
    """The scalar values directly wanted: those of nested objects too, not those inside arrays."""
    if isinstance(node, Leaf):
        yield node
    elif isinstance(node, ObjectNode):
        for child in node.properties.values():
            yield from leaves_of(child)


def arrays_of(node: Node) -> Iterator[ArrayNode]:
    """The arrays directly wanted, not those inside other arrays."""
    if isinstance(node, ArrayNode):
        yield node
    elif isinstance(node, ObjectNode):
        for child in node.properties.values():
            yield from arrays_of(child)


class _Reader:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def node(self, schema: Any, path: tuple[str, ...], references: tuple[str, ...], titles: tuple[str, ...]) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise SchemaRefused(f"the schema has more than {MAX_NODES} parts; ask for fewer fields at a time")
        if len(path) > MAX_DEPTH:
            raise SchemaRefused(
                f"the schema is nested deeper than {MAX_DEPTH} levels at {'.'.join(path[:4])}...; flatten it"
            )
        if schema is True or schema is None:
            return Leaf(path, titles_above=titles)
        if not isinstance(schema, Mapping):
            raise SchemaRefused(
                f"schema at {'.'.join(path) or 'its root'}: expected an object, found {type(schema).__name__}"
            )
        merged, references = self._merged(schema, path, references)
        if merged is None:  # a schema within itself: its inner copy has no end, so it is left null
            return Leaf(path, titles_above=titles)
        return self._typed(merged, path, references, titles)

    def _typed(
        self, schema: Mapping[str, Any], path: tuple[str, ...], references: tuple[str, ...], titles: tuple[str, ...]
    ) -> Node:
        types = _types(schema)
        below = (*titles, str(schema["title"])[:_MAX_TEXT]) if isinstance(schema.get("title"), str) else titles
        properties = schema.get("properties")
        if isinstance(properties, Mapping) or "object" in types:
            children = {
                str(name): self.node(child, (*path, str(name)), references, below)
                for name, child in (properties if isinstance(properties, Mapping) else {}).items()
            }
            return ObjectNode(path, children, _text(schema, "title"), _text(schema, "description"))
        if "array" in types or "items" in schema:
            items = schema.get("items", True)
            inner = self.node(items if not isinstance(items, list) else True, (*path, "[]"), references, below)
            limit = schema.get("maxItems")
            return ArrayNode(path, inner, _leaf(schema, path, (), titles), limit if isinstance(limit, int) else None)
        return _leaf(schema, path, types, titles)

    def _merged(
        self, schema: Mapping[str, Any], path: tuple[str, ...], references: tuple[str, ...]
    ) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
        """The schema with its reference followed, its ``allOf`` joined and the first real one of its choices taken."""
        merged: dict[str, Any] = dict(schema)
        for _ in range(MAX_DEPTH):
            if "$ref" in merged:
                reference = str(merged.pop("$ref"))
                if reference in references:
                    return None, references
                references = (*references, reference)
                merged = {**self._followed(reference, path), **merged}
            elif "allOf" in merged:
                merged = _joined(merged, merged.pop("allOf"))
            elif "anyOf" in merged or "oneOf" in merged:
                choices = merged.pop("anyOf", None) or merged.pop("oneOf", None)
                merged.pop("oneOf", None)
                merged = {**_first_choice(choices), **merged}
            else:
                return merged, references
        raise SchemaRefused(f"schema at {'.'.join(path) or 'its root'}: too many references in a row; simplify it")

    def _followed(self, reference: str, path: tuple[str, ...]) -> dict[str, Any]:
        where = ".".join(path) or "its root"
        if not reference.startswith("#"):
            raise SchemaRefused(f"schema at {where}: $ref leads outside the schema; put the definition under $defs")
        target: Any = self._root
        for step in reference[1:].split("/"):
            if not step:
                continue
            step = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or step not in target:
                raise SchemaRefused(f"schema at {where}: $ref '{reference[:80]}' leads nowhere; define it under $defs")
            target = target[step]
        return dict(target) if isinstance(target, Mapping) else {}


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    stated = schema.get("type")
    types = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    return tuple(str(each) for each in types if each != "null")


def _joined(schema: dict[str, Any], parts: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    joined: dict[str, Any] = {}
    for part in [*(parts if isinstance(parts, list) else []), schema]:
        if isinstance(part, Mapping):
            inner = part.get("properties")
            properties.update(inner if isinstance(inner, Mapping) else {})
            joined.update(part)
    if properties:
        joined["properties"] = properties
    return joined


def _first_choice(choices: Any) -> dict[str, Any]:
    """The first alternative that is not plain null, with the scalar types of the others beside its own."""
    real = [
        choice
        for choice in (choices if isinstance(choices, list) else [])
        if isinstance(choice, Mapping) and choice.get("type") != "null"
    ]
    if not real:
        return {}
    first = dict(real[0])
    types = list(_types(first))
    if types and all(each in _SCALAR_TYPES for each in types):
        types += [each for choice in real[1:] for each in _types(choice) if each in _SCALAR_TYPES]
        first["type"] = types
    return first


_NUMBER_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_LIMIT_KEYWORDS = ("pattern", "minLength", "maxLength", *_NUMBER_LIMITS)


def _leaf(schema: Mapping[str, Any], path: tuple[str, ...], types: tuple[str, ...], titles: tuple[str, ...]) -> Leaf:
    enum: Sequence[Any] = schema["enum"] if isinstance(schema.get("enum"), list) else ()
    if "const" in schema:
        enum = [schema["const"]]
    examples = schema.get("examples", schema.get("example"))
    listed = examples if isinstance(examples, list) else [] if examples is None else [examples]
    aliases = [alias for keyword in _ALIAS_KEYWORDS for alias in _strings(schema.get(keyword))]
    stated_format = schema.get("format")
    return Leaf(
        path=path,
        types=types,
        title=_text(schema, "title"),
        description=_text(schema, "description"),
        examples=tuple(listed[:_MAX_ALIASES]),
        aliases=tuple(aliases[:_MAX_ALIASES]),
        format=stated_format if isinstance(stated_format, str) else None,
        enum=tuple(value for value in enum[:MAX_NODES] if value is not None),
        limits={keyword: schema[keyword] for keyword in _LIMIT_KEYWORDS if keyword in schema},
        titles_above=titles,
    )


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each[:100] for each in values if isinstance(each, str) and each.strip()]


def _text(schema: Mapping[str, Any], keyword: str) -> str:
    value = schema.get(keyword)
    return value[:_MAX_TEXT].strip() if isinstance(value, str) else ""
