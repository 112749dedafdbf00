"""JSON from strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docferry.providers.answer_json import MAX_DEPTH, AnswerFault, read_json, read_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=40)
@given(VALUES, st.booleans())
def test_good_json_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read_json(text.encode("utf-8", "surrogatepass") if ascii_only else text.encode("utf-8", "replace")) == (
        value if ascii_only else json.loads(text.encode("utf-8", "replace"))
    )


FAULTS: list[tuple[bytes, str, bool]] = [
    (b"", "empty", True),
    (b" \r\n\t", "empty", True),
    (b"<!DOCTYPE html><p>hello", "html", True),
    (b"\xef\xbb\xbf<html>", "html", True),
    (b"<?xml version='1.0'?>", "html", True),
    (b'{"a": 1', "cut", True),
    (b'{"a": "tex', "cut", True),
    (b'{"a":', "cut", True),
    (b"upstream timed out", "not_json", True),
    (b'{"a": 1} and more', "not_json", True),
    (b"{'a': 1}", "not_json", True),
    (b'{"a": "\xff\xfe"}', "not_json", True),
    (b'{"a": 1, "a": 2}', "duplicate_keys", False),
    (b'{"x": {"a": 1, "b": 2, "a": 1}}', "duplicate_keys", False),
    (b'{"a": NaN}', "not_finite", False),
    (b'{"a": -Infinity}', "not_finite", False),
    (b'{"a": 1e999}', "not_finite", False),
    (b'{"a": ' + b"1" * 5000 + b"}", "number_too_long", False),
    (b"[" * 100_000, "too_deep", False),
    (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too_deep", False),
    (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "too_deep", False),
    (b"[]", "wrong_shape", False),
    (b'"text"', "wrong_shape", False),
    (b"null", "wrong_shape", False),
    (b"17", "wrong_shape", False),
]


@pytest.mark.parametrize(("data", "code", "passing"), FAULTS)
def test_each_fault_has_its_name(data: bytes, code: str, passing: bool) -> None:
    with pytest.raises(AnswerFault) as caught:
        read_object(data)
    assert (caught.value.code, caught.value.passing) == (code, passing)


def test_brackets_in_strings_are_not_nesting() -> None:
    value = {"a": "[" * 5000 + '\\"' + "{" * 5000}
    assert read_object(json.dumps(value).encode()) == value


def test_the_deepest_that_is_allowed() -> None:
    read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_a_byte_order_mark_and_lone_surrogates_are_taken() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": "\\ud800"}') == {"a": "\ud800"}
    assert read_object(bytearray(b'{"a": 1}')) == {"a": 1}


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_named_fault(data: bytes) -> None:
    try:
        read_json(data)
    except AnswerFault as error:
        fault: AnswerFault | None = error
    else:
        fault = None
    assert fault is None or (fault.code and str(fault))
