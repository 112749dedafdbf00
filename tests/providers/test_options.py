# ruff: noqa: E501 - a table is read by its lines: one case, one line
"""Options: what is wrong with them, said with the nearest known name, and how they are spelled on the wire."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.models import Json
from docferry.providers.options import (
    ENDPOINTS,
    FORMATS,
    check_chain,
    check_options,
    wire_options,
)

SCHEMA = {"type": "object", "properties": {"rent_due": {"type": "number"}}, "additional-info": None}
SPLIT = {"split_config": {"split_input": [{"name": "Terms"}]}}
NN = {"output_format": "markdown"}


@pytest.mark.parametrize(
    ("dialect", "endpoint", "options"),
    [
        ("pulse", "extract", {}),
        ("pulse", "extract", {"pages": "1-2, 5", "model": "pulse-ultra-2", "extraction_config_id": "x"}),
        ("pulse", "extract", {"pages": 3}),
        ("pulse", "extract", {"pages": "{pages}", "model": "{model}", "storage": {"folder-name": "{stem}"}}),
        ("pulse", "extract", {"figureProcessing": {"description": True}, "figure_description": False}),
        ("pulse", "extract", {"extensions": {"chunking": {"chunk_types": ["page"], "chunkSize": 100}}}),
        ("pulse", "extract", {"schema": SCHEMA, "structured_output": {"schema": SCHEMA}, "chunking": "page, header"}),
        ("pulse", "extract", {"schema": '{"type": "object"}', "thinking": None}),
        ("pulse", "split", SPLIT),
        ("pulse", "split", {"splitConfigId": "x"}),
        ("pulse", "schema", {"schema_config": {"input_schema": SCHEMA, "effort": True}}),
        ("pulse", "schema", {"schema_config": {"excel_template": "UEsDBA=="}}),
        ("pulse", "schema", {"schema_config_id": "x"}),
        ("pulse", "schema", {"split_schema_config": {"any_topic-name": {"schema": SCHEMA, "schema_prompt": "p"}}}),
        ("pulse", "tables", {}),
        ("pulse", "tables", {"tables_config": {"merge": True, "table_format": "json", "charts_to_tables": True}}),
        ("nanonets", "extract", {"output_format": ["markdown", "json"], "json_options": "hierarchy_output"}),
        ("nanonets", "extract", {"output_format": "markdown, json", "json_options": ["a", "b"]}),
        ("nanonets", "extract", {"output_format": "json", "json_options": SCHEMA, "prompt_mode": "replace"}),
        ("nanonets", "extract", {"output_format": "json", "json_options": '["a"]'}),
        ("nanonets", "extract", {"output_format": "csv", "csv_options": "table", "custom_instructions": "x" * 8000}),
        ("nanonets", "extract", {"output_format": "{formats}", "json_options": "{word}"}),
        ("nanonets", "extract", NN | {"custom_instructions": "{name}" + "x" * 8000}),
        ("nanonets", "extract", NN | {"include_metadata": ["bounding_boxes", "confidence_score"]}),
        ("nanonets", "classify", {"categories": [{"name": "a"}, {"name": "b", "description": "c"}]}),
    ],
)
def test_good_options(dialect: str, endpoint: str, options: dict[str, Json]) -> None:
    assert check_options(dialect, endpoint, options) == []
    wire_options(dialect, endpoint, options)


@pytest.mark.parametrize(
    ("dialect", "endpoint", "options", "path", "found", "wanted"),
    [
        ("pulse", "extract", {"retunHtml": True}, ("retunHtml",), "unknown option", "did you mean returnHtml"),
        ("pulse", "extract", {"page": "1"}, ("page",), "unknown option", "did you mean pages"),
        ("pulse", "extract", {"zzz": 1}, ("zzz",), "unknown option zzz", "one of model"),
        ("pulse", "extract", {"model": "pulse-ultra"}, ("model",), '"pulse-ultra"', "did you mean pulse-ultra-2"),
        ("pulse", "extract", {"pages": "0-3"}, ("pages",), '"0-3"', "from 1"),
        ("pulse", "extract", {"pages": "5-3"}, ("pages",), '"5-3"', "low to high"),
        ("pulse", "extract", {"pages": "one"}, ("pages",), '"one"', "1-2,5"),
        ("pulse", "extract", {"pages": True}, ("pages",), "true", "1-2,5"),
        ("pulse", "extract", {"returnHtml": "yes"}, ("returnHtml",), '"yes"', "true or false"),
        ("pulse", "extract", {"return_html": True, "returnHtml": True}, ("returnHtml",), "return_html and", "once"),
        ("pulse", "extract", {"storage": []}, ("storage",), "[]", "an object with enabled"),
        ("pulse", "extract", {"file": "x"}, ("file",), "file", "by itself"),
        ("pulse", "extract", {"file_url": "x"}, ("file_url",), "file_url", "by itself"),
        ("pulse", "extract", {"async": True}, ("async",), "async", "mode: async"),
        ("pulse", "extract", {"schema": 3}, ("schema",), "3", "a JSON Schema"),
        ("pulse", "extract", {"chunking": "pages"}, ("chunking", 0), '"pages"', "did you mean page"),
        ("pulse", "extract", {"extensions": {"chunking": {"chunkSize": 99}}}, ("extensions", "chunking", "chunkSize"), "99", "100 to 10000"),
        ("pulse", "extract", {"extensions": {"chunking": {"chunkTypes": ["pages"]}}}, ("extensions", "chunking", "chunkTypes", 0), '"pages"', "page"),
        ("pulse", "extract", {"extensions": {"altOutput": {}}}, ("extensions", "altOutput"), "unknown option", "altOutputs"),
        ("pulse", "split", {}, (), "none of them", "split_config, split_config_id"),
        ("pulse", "split", SPLIT | {"split_config_id": "x"}, (), "split_config and split_config_id", "exactly one"),
        ("pulse", "split", {"split_config": {}}, ("split_config",), "no split_input", "needs"),
        ("pulse", "split", {"split_config": {"split_input": []}}, ("split_config", "split_input"), "0 entries", "1 to"),
        ("pulse", "split", {"split_config": {"split_input": [{"name": "A"}, {"name": "A"}]}}, ("split_config", "split_input"), "'A' twice", "differ"),
        ("pulse", "split", SPLIT | {"extraction_id": "x"}, ("extraction_id",), "extraction_id", "by itself"),
        ("pulse", "schema", {}, (), "none of them", "schema_config"),
        ("pulse", "schema", {"schema_config": {}}, ("schema_config",), "none of them", "input_schema, excel_template"),
        ("pulse", "schema", {"schema_config": {"input_schema": {}, "schema": {}}}, ("schema_config", "schema"), "unknown option schema", "input_schema"),
        ("pulse", "schema", {"split_schema_config": {}}, ("split_schema_config",), "{}", "each topic"),
        ("pulse", "tables", {"tables_config": {"table_format": "csv"}}, ("tables_config", "table_format"), '"csv"', "html, json"),
        ("pulse", "form", {}, (), "form", "one of extract"),
        ("nanonets", "extract", {}, (), "no output_format", "needs"),
        ("nanonets", "extract", {"output_format": "markdwn"}, ("output_format", 0), '"markdwn"', "did you mean markdown"),
        ("nanonets", "extract", {"output_format": []}, ("output_format",), "0 entries", "1 to"),
        ("nanonets", "extract", NN | {"custom_instructions": "x" * 8001}, ("custom_instructions",), "8001 characters", "at most 8000"),
        ("nanonets", "extract", NN | {"prompt_mode": "prepend"}, ("prompt_mode",), '"prepend"', "append, replace"),
        ("nanonets", "extract", NN | {"include_metadata": "boxes"}, ("include_metadata", 0), '"boxes"', "bounding_boxes"),
        ("nanonets", "extract", NN | {"json_options": ["a"]}, ("json_options",), "without json", "no effect"),
        ("nanonets", "extract", NN | {"csv_options": "table"}, ("csv_options",), "without csv", "no effect"),
        ("nanonets", "extract", {"output_format": "json", "json_options": "hierarchy"}, ("json_options",), '"hierarchy"', "hierarchy_output"),
        ("nanonets", "extract", {"output_format": "json", "json_options": '["a"'}, ("json_options",), '"[', "JSON that is complete"),
        ("nanonets", "extract", {"output_format": "json", "json_options": "[1]"}, ("json_options",), '"[1]"', "field names"),
        ("nanonets", "extract", {"output_format": "json", "json_options": []}, ("json_options",), "0 entries", "1 to"),
        ("nanonets", "extract", {"output_format": "json", "json_options": 5}, ("json_options",), "5", "list of field names"),
        ("nanonets", "extract", NN | {"file_base64": "x"}, ("file_base64",), "file_base64", "send_file_as"),
        ("nanonets", "extract", NN | {"outputFormat": "x"}, ("outputFormat",), "unknown option", "did you mean output_format"),
        ("nanonets", "classify", {}, (), "no categories", "needs"),
        ("nanonets", "classify", {"categories": [{"name": str(n)} for n in range(51)]}, ("categories",), "51 entries", "1 to 50"),
        ("nanonets", "classify", {"categories": [{"description": "x"}]}, ("categories", 0), "no name", "needs"),
    ],
)  # fmt: skip
def test_each_problem_has_its_place_and_remedy(
    dialect: str, endpoint: str, options: dict[str, Json], path: tuple[Any, ...], found: str, wanted: str
) -> None:
    [problem] = check_options(dialect, endpoint, options)
    assert problem.path == path
    assert found in problem.found
    assert wanted in problem.wanted


def test_extra_allow_lets_unknown_names_and_words_through_but_not_wrong_types() -> None:
    options = {"brandNew": {"a_b": 1}, "model": "pulse-3", "extensions": {"newThing": True}}
    assert check_options("pulse", "extract", options, extra_allowed=True) == []
    assert wire_options("pulse", "extract", options) == options
    assert len(check_options("pulse", "extract", {"pages": "x"}, extra_allowed=True)) == 1
    assert len(check_options("pulse", "extract", {"file": "x"}, extra_allowed=True)) == 1


def test_user_data_keeps_its_spelling() -> None:
    options = {
        "split-schema-config": {"rent_and-More": {"schema": SCHEMA, "schemaPrompt": "p"}},
    }
    wire = wire_options("pulse", "schema", options)
    assert wire == {"split_schema_config": {"rent_and-More": {"schema": SCHEMA, "schema_prompt": "p"}}}


def test_null_and_empty_text_are_left_out() -> None:
    options = {"pages": None, "customPrompt": "", "storage": {"folder_name": None, "enabled": False}}
    assert wire_options("pulse", "extract", options) == {"storage": {"enabled": False}}


NAMES = ("pages", "return_html", "returnHtml", "RETURN-HTML", "extensions", "chunk_types", "chunking", "x", "name", "output_format", "json_options", "split_config", "split_input", "schema_config", "input_schema", "categories")  # fmt: skip
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.sampled_from([(dialect, endpoint) for dialect, calls in ENDPOINTS.items() for endpoint in calls]),
    st.dictionaries(st.sampled_from(NAMES), ANY_JSON, max_size=4),
    st.booleans(),
)
def test_any_options_are_judged_and_good_ones_can_be_sent(
    call: tuple[str, str], options: dict[str, Json], extra: bool
) -> None:
    dialect, endpoint = call
    if not check_options(dialect, endpoint, options, extra):
        wire_options(dialect, endpoint, options)


def test_steps_in_an_order_that_cannot_work() -> None:
    def found(*steps: tuple[str, dict[str, Json]]) -> list[tuple[tuple[str | int, ...], str]]:
        return [(problem.path, problem.found) for problem in check_chain("pulse", steps)]

    extract: tuple[str, dict[str, Json]] = ("extract", {})
    split: tuple[str, dict[str, Json]] = ("split", {"split_config": {"split_input": [{"name": "Terms"}]}})
    topics: dict[str, Json] = {"split_schema_config": {"Term": {"schema": SCHEMA}}}
    assert found(extract, split, ("schema", {"schema_config_id": "x"}), ("tables", {})) == []
    assert found(split) == [((0,), "split without extract before it")]
    assert found(extract, extract) == [((1,), "a second extract")]
    assert found(extract, ("schema", topics)) == [((1,), "split_schema_config without split before it")]
    assert found(extract, split, ("schema", topics)) == [((2, "split_schema_config", "Term"), "topic Term")]
    assert found(extract, ("split", {"split_config_id": "x"}), ("schema", topics)) == []
    assert found(("extract", {"storage": {"enabled": False}}), split) == [((0, "storage", "enabled"), "false")]
    assert check_chain("nanonets", [("classify", {}), ("extract", {})]) == []


def test_formats_and_endpoints_are_named_for_both_dialects() -> None:
    assert ENDPOINTS == {"pulse": ("extract", "split", "schema", "tables"), "nanonets": ("extract", "classify")}
    assert set(FORMATS) == {"pulse", "nanonets"}


EVERY_EXTRACT_OPTION: dict[str, Json] = {
    "model": "pulse-ultra-2",
    "extractionConfigId": "c-1",
    "pages": "1-2,5",
    "figureProcessing": {"description": True, "showImages": True},
    "extensions": {
        "footnoteReferences": True,
        "chunking": {"chunkTypes": ["semantic", "header", "page", "recursive"], "chunkSize": 200},
        "altOutputs": {"wlbb": True, "returnHtml": True, "returnXml": True},
    },
    "spreadsheet": {
        "includeHiddenRows": True,
        "includeHiddenCols": True,
        "includeHiddenSheets": True,
        "useRawValues": True,
        "onlyDataRows": True,
        "onlyDataCols": True,
    },
    "storage": {"enabled": True, "folderName": "a", "folderId": "b"},
    "structuredOutput": {"schema": {"type": "object"}, "schemaPrompt": "p", "effort": True},
    "schema": {"type": "object"},
    "schemaPrompt": "p",
    "customPrompt": "p",
    "chunking": "page",
    "chunkSize": 200,
    "extractFigure": True,
    "figureDescription": True,
    "showImages": True,
    "returnHtml": True,
    "thinking": True,
}


def snake_case(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    return {re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), name): snake_case(v) for name, v in value.items()}


def test_every_documented_option_of_pulse_extract_in_both_spellings_goes_out_in_camel_case() -> None:
    for written in (EVERY_EXTRACT_OPTION, snake_case(EVERY_EXTRACT_OPTION)):
        assert check_options("pulse", "extract", written) == []
        assert wire_options("pulse", "extract", written) == EVERY_EXTRACT_OPTION
