"""Every documented option of both APIs: what it takes, how it is spelled on the wire, what is wrong with it.

Pulse takes ``/extract`` in camelCase and everything else in snake_case; the YAML may use either spelling
anywhere, except inside what is the user's own: JSON Schemas, topic names and metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from docferry.models import Json
from docferry.providers.base import OptionProblem
from docferry.providers.option_kinds import (
    Anything,
    Fields,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Pages,
    Path,
    Text,
    Whole,
    Word,
    has_template,
    nearest,
    shown,
)

CHUNK_TYPES = ("semantic", "header", "page", "recursive")
OUTPUT_FORMATS = ("markdown", "html", "json", "csv")
JSON_WORDS = ("hierarchy_output", "table-of-contents")
METADATA = ("bounding_boxes", "confidence_score")
CUSTOM_INSTRUCTIONS_LIMIT = 8000
CATEGORIES_LIMIT = 50

_BY_ITSELF = "nothing here: docferry sends this by itself"
_FLOWS = "nothing here: this id comes from the earlier step by itself"
_SCHEMA = Anything((dict,), "a JSON Schema, written as YAML")
_SCHEMA_OR_TEXT = Anything((dict, str), "a JSON Schema, written as YAML or as JSON text")


def _loose(fields: Mapping[str, Kind], **more: Json) -> Fields:
    return Fields(fields, loose_names=True, **more)


@dataclass(frozen=True, slots=True)
class JsonOptions:
    """Nanonets' ``json_options``: a word, a list of field names, a JSON Schema, or the JSON text of these two."""

    def problems(self, value: Json, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        if isinstance(value, str):
            yield from self._text_problems(value, path, extra_allowed)
        elif isinstance(value, list | tuple):
            yield from ListOf(Text(), at_least=1).problems(value, path, extra_allowed)
        elif not isinstance(value, Mapping) or not value:
            wanted = f"{' or '.join(JSON_WORDS)}, a list of field names, or a JSON Schema"
            yield OptionProblem(path, shown(value), wanted)

    def _text_problems(self, value: str, path: Path, extra_allowed: bool) -> Iterator[OptionProblem]:
        text = value.strip()
        if has_template(text):
            return
        if not text.startswith(("[", "{")):
            if text not in JSON_WORDS and not extra_allowed:
                hint = nearest(text, JSON_WORDS)
                yield OptionProblem(path, shown(value), f"{' or '.join(JSON_WORDS)}, a list, or a JSON Schema{hint}")
            return
        try:
            decoded = json.loads(text)
        except ValueError:
            yield OptionProblem(path, shown(value), "JSON that is complete; better: a list or a schema as YAML")
            return
        if isinstance(decoded, list) and not all(isinstance(name, str) for name in decoded):
            yield OptionProblem(path, shown(value), "a list of field names")

    def wire(self, value: Json) -> Json:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_PULSE_EXTRACT = _loose(
    # Scalars first, objects last: this is the order in which the vendor's own client sends them.
    {
        "model": Word(("default", "pulse-ultra-2")),
        "extractionConfigId": Text(),
        "pages": Pages(),
        "schemaPrompt": Text(),
        "customPrompt": Text(),
        "chunking": ListOf(Word(CHUNK_TYPES), comma=True),
        "chunkSize": Whole(100, 10_000),
        "extractFigure": Flag(),
        "figureDescription": Flag(),
        "showImages": Flag(),
        "returnHtml": Flag(),
        "thinking": Flag(),
        "figureProcessing": _loose({"description": Flag(), "showImages": Flag()}),
        "extensions": _loose(
            {
                "footnoteReferences": Flag(),
                "chunking": _loose({"chunkTypes": ListOf(Word(CHUNK_TYPES)), "chunkSize": Whole(100, 10_000)}),
                "altOutputs": _loose({"wlbb": Flag(), "returnHtml": Flag(), "returnXml": Flag()}),
            }
        ),
        "spreadsheet": _loose(
            {
                "includeHiddenRows": Flag(),
                "includeHiddenCols": Flag(),
                "includeHiddenSheets": Flag(),
                "useRawValues": Flag(),
                "onlyDataRows": Flag(),
                "onlyDataCols": Flag(),
            }
        ),
        "storage": _loose({"enabled": Flag(), "folderName": Text(), "folderId": Text()}),
        "structuredOutput": _loose({"schema": _SCHEMA, "schemaPrompt": Text(), "effort": Flag()}),
        "schema": _SCHEMA_OR_TEXT,
    },
    reserved={"file": _BY_ITSELF, "fileurl": _BY_ITSELF, "async": "`mode: async` or `mode: sync` in the rule"},
)

_RESERVED_STEP = {
    "extractionid": _FLOWS,
    "extractionids": _FLOWS,
    "splitid": _FLOWS,
    "async": "`mode: async` or `mode: sync` in the rule",
}

_PULSE_SPLIT = _loose(
    {
        "split_config": _loose(
            {
                "split_input": ListOf(
                    _loose({"name": Text(), "description": Text()}, required=("name",)), at_least=1, unique_by="name"
                )
            },
            required=("split_input",),
        ),
        "split_config_id": Text(),
    },
    one_of=(("split_config", "split_config_id"),),
    reserved=_RESERVED_STEP,
)

_PULSE_SCHEMA = _loose(
    {
        "schema_config": _loose(
            {"input_schema": _SCHEMA, "schema_prompt": Text(), "effort": Flag(), "excel_template": Text()},
            one_of=(("input_schema", "excel_template"),),
        ),
        "schema_config_id": Text(),
        "split_schema_config": MapOf(
            _loose(
                {"schema": _SCHEMA, "schema_prompt": Text(), "effort": Flag(), "schema_config_id": Text()},
                one_of=(("schema", "schema_config_id"),),
            )
        ),
    },
    one_of=(("schema_config", "schema_config_id", "split_schema_config"),),
    reserved=_RESERVED_STEP,
)

_PULSE_TABLES = _loose(
    {"tables_config": _loose({"merge": Flag(), "table_format": Word(("html", "json")), "charts_to_tables": Flag()})},
    reserved=_RESERVED_STEP,
)

_NANONETS_EXTRACT = Fields(
    {
        "output_format": ListOf(Word(OUTPUT_FORMATS), comma=True, at_least=1),
        "csv_options": Text(),
        "custom_instructions": Text(limit=CUSTOM_INSTRUCTIONS_LIMIT),
        "include_metadata": ListOf(Word(METADATA), comma=True),
        "json_options": JsonOptions(),
        "prompt_mode": Word(("append", "replace")),
    },
    required=("output_format",),
    reserved={"file": _BY_ITSELF, "file_url": _BY_ITSELF, "file_base64": "`send_file_as: base64` at the provider"},
)

_NANONETS_CLASSIFY = Fields(
    {
        "categories": ListOf(
            Fields({"name": Text(), "description": Text()}, required=("name",)),
            at_least=1,
            at_most=CATEGORIES_LIMIT,
            unique_by="name",
        )
    },
    required=("categories",),
    reserved={"file": _BY_ITSELF, "files": _BY_ITSELF},
)

OPTIONS: Mapping[str, Mapping[str, Fields]] = {
    "pulse": {
        "extract": _PULSE_EXTRACT,
        "split": _PULSE_SPLIT,
        "schema": _PULSE_SCHEMA,
        "tables": _PULSE_TABLES,
    },
    "nanonets": {"extract": _NANONETS_EXTRACT, "classify": _NANONETS_CLASSIFY},
}

ENDPOINTS: Mapping[str, tuple[str, ...]] = {dialect: tuple(calls) for dialect, calls in OPTIONS.items()}

FORMATS: Mapping[str, tuple[str, ...]] = {
    "pulse": ("markdown", "html", "json", "csv", "chunks", "split", "schema", "tables", "images", "raw"),
    "nanonets": ("markdown", "html", "json", "csv", "metadata", "classify", "raw"),
}


def check_options(
    dialect: str, endpoint: str, options: Mapping[str, Json], extra_allowed: bool = False
) -> list[OptionProblem]:
    """Everything that is wrong with one step's options. ``extra_allowed`` lets unknown names and words through."""
    known = OPTIONS[dialect]
    if endpoint not in known:
        return [OptionProblem((), endpoint, "one of " + ", ".join(known) + nearest(endpoint, known))]
    problems = list(known[endpoint].problems(options, (), extra_allowed))
    if dialect == "nanonets" and endpoint == "extract" and not problems:
        problems += _nanonets_problems(options)
    return problems


def _nanonets_problems(options: Mapping[str, Json]) -> Iterator[OptionProblem]:
    formats = _NANONETS_EXTRACT.wire(options).get("output_format", "")
    if has_template(formats):
        return
    words = {word.strip() for word in formats.split(",")}
    for option, needed in (("json_options", "json"), ("csv_options", "csv")):
        if options.get(option) and needed not in words:
            yield OptionProblem(
                (option,), f"{option} without {needed}", f"{needed} in output_format, else it has no effect"
            )


def check_chain(dialect: str, steps: Sequence[tuple[str, Mapping[str, Json]]]) -> list[OptionProblem]:
    """What is wrong with the order of a rule's steps. Paths begin with the step's index."""
    return list(_chain_problems(dialect, steps))


def _chain_problems(dialect: str, steps: Sequence[tuple[str, Mapping[str, Json]]]) -> Iterator[OptionProblem]:
    topics: set[str] | None = None
    extracted = False
    for index, (endpoint, options) in enumerate(steps):
        if dialect == "pulse" and endpoint in ("split", "schema", "tables"):
            if not extracted:
                yield OptionProblem((index,), f"{endpoint} without extract before it", "extract as an earlier step")
            yield from _topic_problems(index, endpoint, options, topics)
        if endpoint == "extract":
            if extracted:
                yield OptionProblem((index,), "a second extract", "one extract in a rule")
            extracted = True
            yield from _storage_problems(dialect, index, options, len(steps))
        if endpoint == "split":
            topics = _split_topics(options)


def _topic_problems(
    index: int, endpoint: str, options: Mapping[str, Json], topics: set[str] | None
) -> Iterator[OptionProblem]:
    wanted = _PULSE_SCHEMA.wire(options).get("split_schema_config") if endpoint == "schema" else None
    if not isinstance(wanted, dict):
        return
    if topics is None:
        yield OptionProblem((index,), "split_schema_config without split before it", "split as an earlier step")
        return
    for topic in wanted:
        if topics and topic not in topics:
            known = ", ".join(sorted(topics)) + nearest(topic, topics)
            yield OptionProblem(
                (index, "split_schema_config", topic), f"topic {topic}", f"a topic of the split: {known}"
            )


def _split_topics(options: Mapping[str, Json]) -> set[str]:
    """Names of the topics; empty when a saved configuration holds them."""
    config = _PULSE_SPLIT.wire(options).get("split_config") or {}
    return {str(topic["name"]) for topic in config.get("split_input", [])}


def _storage_problems(dialect: str, index: int, options: Mapping[str, Json], steps: int) -> Iterator[OptionProblem]:
    if dialect != "pulse" or index == steps - 1:
        return
    storage = _PULSE_EXTRACT.wire(options).get("storage")
    if isinstance(storage, dict) and storage.get("enabled") is False:
        wanted = "storage on: later steps work on the stored extraction"
        yield OptionProblem((index, "storage", "enabled"), "false", wanted)


def wire_options(dialect: str, endpoint: str, options: Mapping[str, Json]) -> dict[str, Json]:
    """Options as the provider spells them, in the order of sending; null and empty text left out."""
    spelled = OPTIONS[dialect][endpoint].wire(options)
    return {name: value for name, value in spelled.items() if value != ""}
