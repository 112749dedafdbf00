"""Outputs of large stored answers: the same bytes as of small ones, in memory that does not grow with them."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.models import Json
from docferry.providers import outputs_nanonets, outputs_pulse
from docferry.providers.base import OutputSet, StoredAnswer
from docferry.providers.options import FORMATS
from docferry.providers.outputs import json_bytes
from docferry.providers.rewriting import JsonPart, JsonParts, read_without
from docferry.providers.spill import IN_MEMORY_BYTES

MAKERS = {"pulse": outputs_pulse.outputs, "nanonets": outputs_nanonets.outputs}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
BOXES = {
    "Title": [{"id": "txt-1", "content": "Räume 中文 \U0001f600", "bounding_box": [0.1, 1e-7, 3, 1e22], "note": None}],
    "Text": [],
    "Images": [{"id": "img-1"}],
    "Tables": [{"cells": [[], {}, [[1]], {"a": {}}]}],
}
EXTRACTED = {
    "markdown": "# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "page_count": 2,
    "bounding_boxes": BOXES,
    "extensions": {"chunking": {"page": ["one", "two"], "chunks": {"x": [1]}}, "altOutputs": {"html": "<h1>A</h1>"}},
    "structured_output": {"values": {"Title": {"Text": [1, 2]}}, "metadata": {"a": [1]}},
    "plan_info": {"tier": "growth"},
    "credits_used": 2,
}
OLDER = {"content": "# A", "chunks": {"page": ["one"]}, "html": "<p>", "bounding_boxes": {}, "structured_output": {}}
TABLE = {
    "table_content": {"headers": ["Title", "b"], "rows": [{"Title": ["x", {"Text": [1]}], "b": 2}]},
    "metadata": {},
}
RECORD = {
    "markdown": {"content": "# A", "metadata": {"bounding_boxes": BOXES, "confidence_score": {}}},
    "html": {"content": "<p>", "metadata": {}},
    "csv": {"content": "a,b\n1,2\n", "metadata": None},
}
ANSWERS: dict[str, tuple[str, list[tuple[str, Json]]]] = {
    "pulse": (
        "pulse",
        [
            ("extract", {"job_id": "j", "status": "completed", "result": EXTRACTED}),
            ("split", {"split_output": {"splits": {"A": [1]}}, "credits_used": 2}),
            ("schema", {"schema_output": {"values": {"metadata": {"chunks": [1]}}, "citations": {}}}),
            ("tables", {"job_id": "t", "status": "completed", "result": {"tables_output": {"tables": [TABLE] * 2}}}),
        ],
    ),
    "pulse's values in the call itself": ("pulse", [("extract", EXTRACTED)]),
    "pulse's older spellings": ("pulse", [("extract", OLDER)]),
    "nanonets": ("nanonets", [("extract", {"result": {**RECORD, "json": {"content": {"metadata": {"a": [1]}}}}})]),
    "nanonets with text": ("nanonets", [("extract", {"result": {**RECORD, "json": {"content": '{"a": [1, 2.50]}'}}})]),
    "nanonets, no entries": ("nanonets", [("extract", {"result": {"html": "<p>", "json": [{"metadata": [1]}]}})]),
    "nanonets' classes": ("nanonets", [("classify", {"pages": [{"category": "a", "metadata": {"b": [1]}}]})]),
}  # fmt: skip


def whole(content: bytes | Path | Iterable[bytes]) -> bytes:
    if isinstance(content, Path):
        return content.read_bytes().rstrip(b" ")
    return content if isinstance(content, bytes) else b"".join(content)


def made(folder: Path, dialect: str, answers: Sequence[tuple[str, Json]], padding: str) -> OutputSet:
    stored = []
    for number, (endpoint, value) in enumerate(answers):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(value) + padding)
        stored.append(StoredAnswer(endpoint, path, {}))
    return MAKERS[dialect](stored, FORMATS[dialect])


@pytest.mark.parametrize("which", ANSWERS)
def test_a_large_answer_gives_what_the_same_gives_when_it_is_small(tmp_path: Path, which: str) -> None:
    dialect, answers = ANSWERS[which]
    small = made(tmp_path, dialect, answers, "")
    expected = [(output.suffix, output.format, whole(output.content)) for output in small.outputs]
    large = made(tmp_path, dialect, answers, " " * IN_MEMORY_BYTES)
    assert [(output.suffix, output.format, whole(output.content)) for output in large.outputs] == expected
    assert [whole(output.content) for output in large.outputs] == [content for *_, content in expected], "and again"
    assert large.missing == small.missing


@given(value=VALUES, others=st.dictionaries(TEXTS, VALUES, max_size=3), mark=st.sampled_from(["", "\ufeff"]))
def test_any_value_is_written_as_a_small_one_is(
    value: Json, others: dict[str, Json], mark: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text(mark + json.dumps({**others, "here": {"it is": value, "also": others}}))
    part = JsonPart(file, ("here", "it is"))
    assert b"".join(part) == json_bytes(value)
    left = {"here": {"it is": value, "also": others}}
    assert b"".join(JsonPart(file, (), frozenset(others) - {"here"})) == json_bytes(left)
    assert b"".join(JsonParts({"a": part, "b": part})) == json_bytes({"a": value, "b": value})
    assert read_without(file, frozenset()) == {**others, **left}


def test_the_bulk_is_hollow_but_not_empty(tmp_path: Path) -> None:
    file = tmp_path / "answer"
    file.write_text('{"a": {"b": [1, [2]], "c": {"x": {"y": 1}, "z": 2}, "d": [], "e": {}, "f": 5}, "b": "text"}')
    assert read_without(file, frozenset("bcdef")) == {
        "a": {"b": [None], "c": {"x": None}, "d": [], "e": {}, "f": 5},
        "b": "text",
    }


def test_what_is_wrong_in_the_middle_of_a_long_text_makes_the_answer_missing(tmp_path: Path) -> None:
    """Storing it looks at beginning and end of such a text only."""
    file = tmp_path / "answer"
    file.write_bytes(b'{"markdown": "' + b"x" * IN_MEMORY_BYTES + b"\xff" + b'"}')
    assert outputs_pulse.outputs([StoredAnswer("extract", file, {})], ["markdown"]).missing == (
        "extract: its stored answer cannot be read (text that is not JSON)",
    )


def peak_bytes(file: Path, result: dict[str, Json], dialect: str) -> int:
    file.write_text(json.dumps({"status": "completed", "job_id": "j", "result": result}))
    assert file.stat().st_size > IN_MEMORY_BYTES
    tracemalloc.start()
    try:
        outputs = MAKERS[dialect]([StoredAnswer("extract", file, {})], ["markdown", "json", "metadata"]).outputs
        assert sum(
            len(piece) for output in outputs if not isinstance(output.content, bytes) for piece in output.content
        )
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dialect", MAKERS)
def test_memory_does_not_grow_with_the_boxes(tmp_path: Path, dialect: str) -> None:
    def peak(boxes: int) -> int:
        content: dict[str, Json] = {"Text": [{"content": "x" * 2000, "bounding_box": [0.1, 0.2]}] * boxes}
        pulse: dict[str, Json] = {"markdown": "# A", "bounding_boxes": content}
        nanonets: dict[str, Json] = {"markdown": {"content": "# A", "metadata": content}}
        return peak_bytes(tmp_path / "answer", pulse if dialect == "pulse" else nanonets, dialect)

    assert peak(4000) < 1.2 * peak(2000)
