"""Answers a JSON Schema, or a list of field names, from a document: deterministic, with evidence or with null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docferry.engine.extraction.model import Document
from docferry.engine.understanding import labels
from docferry.engine.understanding.answers import Json, SchemaAnswer
from docferry.engine.understanding.llm.citing import Finder
from docferry.engine.understanding.llm.errors import LanguageModelError
from docferry.engine.understanding.llm.fields import Checker, Chosen, Rows, ask_for_values
from docferry.engine.understanding.llm.merging import merged, merged_parts
from docferry.engine.understanding.llm.model import LanguageModel
from docferry.engine.understanding.schema.choice import NOTHING, Choice
from docferry.engine.understanding.schema.definition import (
    ArrayNode,
    Leaf,
    Node,
    ObjectNode,
    arrays_of,
    leaves_of,
    read_schema,
)
from docferry.engine.understanding.schema.evidence import Evidence, gather
from docferry.engine.understanding.schema.fields import Wanted, wanted
from docferry.engine.understanding.schema.guards import PatternRefused
from docferry.engine.understanding.schema.items import choose_list, choose_rows
from docferry.engine.understanding.schema.scalars import choose_scalars
from docferry.engine.understanding.vocabulary import vocabulary

_ITEM_LISTS = frozenset(
    {"lineitems", "items", "invoiceitems", "products", "positions", "transactions", "invoicelines", "lines"}
)
_MAX_REMARKS = 100


def extract_schema(
    document: Document,
    schema: Mapping[str, Any],
    *,
    prompt: str | None = None,
    pages: Sequence[int] | None = None,
    llm: LanguageModel | None = None,
) -> SchemaAnswer:
    """The values that ``schema`` asks for, from ``pages`` (all by default).

    Raises ``SchemaRefused`` for a schema that cannot be used. A model that fails is reported in the warnings, and
    the answer is then what can be read without one.
    """
    root = read_schema(schema)
    read = _read(document, root, pages)
    warnings = list(read.warnings)
    if llm is not None:
        read, remarks = _with_model(read, root, schema, prompt, llm)
        warnings += remarks
    elif prompt:
        warnings.append("the schema prompt was not used: it takes a language model, and none is configured")
    return _answer(root, read, warnings)


def extract_fields(document: Document, names: Sequence[str], llm: LanguageModel | None = None) -> SchemaAnswer:
    """A value for each of the names, as kind and notation suggest: amounts as numbers, dates in ISO form."""
    properties: dict[str, Node] = {name: _named(name) for name in dict.fromkeys(names)}
    root = ObjectNode((), properties)
    read = _read(document, root, None)
    warnings = list(read.warnings)
    if llm is not None:
        schema = {"type": "object", "properties": {name: {} for name in properties}}
        read, remarks = _with_model(read, root, schema, None, llm)
        warnings += remarks
    return _answer(root, read, warnings)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was chosen for each field, and for the rows of each array."""

    evidence: Evidence
    chosen: Chosen
    rows: Rows
    warnings: tuple[str, ...]


def _named(name: str) -> Node:
    if labels.key(labels.words_of_name(name)) not in _ITEM_LISTS:
        return Leaf((name,))
    columns = ("description", "quantity", "unit_price", "amount")
    inner = (name, "[]")
    items = ObjectNode(inner, {column: Leaf((*inner, column)) for column in columns})
    return ArrayNode((name,), items, Leaf((name,)))


def _read(document: Document, root: Node, pages: Sequence[int] | None) -> _Read:
    """The values that the document's own labels, tables and parties give evidence for."""
    words = vocabulary()
    fields = [wanted(leaf, words) for leaf in leaves_of(root)]
    arrays = list(arrays_of(root))
    columns = {array.path: [wanted(leaf, words, in_table=True) for leaf in leaves_of(array.items)] for array in arrays}
    evidence = gather(document, pages, fields, [columns[array.path] for array in arrays if _is_of_objects(array)])
    chosen, warnings = choose_scalars(fields, evidence)
    rows: Rows = {}
    for array in arrays:
        try:
            rows[array.path] = _array_rows(array, columns[array.path], evidence)
        except PatternRefused as refused:
            rows[array.path] = []
            warnings.append(f"{'.'.join(array.path)}: {refused}; left empty")
    return _Read(evidence, chosen, rows, tuple(warnings))


def _with_model(
    read: _Read, root: Node, schema: Mapping[str, Any], prompt: str | None, llm: LanguageModel
) -> tuple[_Read, list[str]]:
    """What was read by rule, joined with what the model reads and the document confirms."""
    evidence = read.evidence
    try:
        answers, warnings = ask_for_values(evidence.lines, schema, prompt, llm)
    except LanguageModelError as error:
        return read, [f"{error}; the values were read without it"]
    checker = Checker(Finder(evidence.document, evidence.lines, evidence.conventions))
    by_model, rows_by_model = merged_parts([checker.check(root, answer) for answer in answers])
    chosen, remarks = merged(read.chosen, by_model)
    rows = {path: rows_by_model.get(path) or ruled for path, ruled in read.rows.items()}
    return _Read(evidence, chosen, rows, ()), [*warnings, *checker.warnings[:_MAX_REMARKS], *remarks]


def _answer(root: Node, read: _Read, warnings: Sequence[str]) -> SchemaAnswer:
    values, citations, scores = _built(root, read.chosen, read.rows)
    return SchemaAnswer(values, citations, scores, tuple(dict.fromkeys(warnings)))


def _is_of_objects(array: ArrayNode) -> bool:
    return isinstance(array.items, ObjectNode)


def _array_rows(array: ArrayNode, columns: Sequence[Wanted], evidence: Evidence) -> list[dict[tuple[str, ...], Choice]]:
    if isinstance(array.items, Leaf):
        words = evidence.vocabulary
        listed = choose_list(_item_of_list(array, columns[0]), wanted(array.leaf, words), evidence)
        return [{array.items.path: choice} for choice in listed]
    paths = [column.leaf.path for column in columns]
    return [dict(zip(paths, row, strict=True)) for row in choose_rows(columns, array, evidence)]


def _item_of_list(array: ArrayNode, item: Wanted) -> Wanted:
    """The item of a list bears no name of its own: "emails" says what its items are."""
    assert isinstance(array.items, Leaf)
    singular = labels.words_of_name(array.leaf.name).removesuffix("s")
    named = Leaf(
        path=(*array.path[:-1], singular),
        types=array.items.types,
        format=array.items.format,
        enum=array.items.enum,
        limits=array.items.limits,
    )
    return wanted(named, vocabulary())


def _built(
    node: Node,
    chosen: Mapping[tuple[str, ...], Choice],
    rows: Mapping[tuple[str, ...], Sequence[Mapping[tuple[str, ...], Choice]]],
) -> tuple[Json, Json, Json]:
    """Values, citations and scores in the shape of ``node``."""
    if isinstance(node, Leaf):
        choice = chosen.get(node.path, NOTHING)
        cited = [citation.as_json() for citation in choice.citations] if choice.value is not None else []
        return choice.value, cited, round(choice.score * 100) if choice.value is not None else 0
    if isinstance(node, ObjectNode):
        built = {name: _built(child, chosen, rows) for name, child in node.properties.items()}
        return (
            {name: each[0] for name, each in built.items()},
            {name: each[1] for name, each in built.items()},
            {name: each[2] for name, each in built.items()},
        )
    items = [_built(node.items, row, {}) for row in rows.get(node.path, ())]
    return [each[0] for each in items], [each[1] for each in items], [each[2] for each in items]
