"""Reads JSON that a stranger sent: complete, unambiguous and not deeper than we can walk, or a named fault."""

from __future__ import annotations

import json
import math

from docferry.models import Json

MAX_DEPTH = 200


class AnswerFault(ValueError):
    """``passing``: asking again may give a good answer, as when a transfer was cut or a proxy spoke."""

    def __init__(self, code: str, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.code = code
        self.passing = passing


def read_json(data: bytes | bytearray) -> Json:
    """Decodes ``data``. AnswerFault with the code empty, html, not_json, cut, too_deep, duplicate_keys, not_finite."""
    start = bytes(data[:512]).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise AnswerFault("empty", "an empty answer", passing=True)
    if looks_like_html(start):
        raise AnswerFault("html", "an HTML page instead of JSON", passing=True)
    value = _decoded(data)
    if _is_too_deep(value):
        raise AnswerFault("too_deep", f"JSON nested deeper than {MAX_DEPTH} levels", passing=False)
    return value


def _decoded(data: bytes | bytearray) -> Json:
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise AnswerFault("not_json", "text that is not UTF-8", passing=True) from error
    except json.JSONDecodeError as error:
        raise _syntax_fault(error) from error
    except AnswerFault:
        raise
    except ValueError as error:  # Python refuses to convert numbers of more than 4300 digits
        raise AnswerFault("number_too_long", "JSON with a number of thousands of digits", passing=False) from error
    except RecursionError as error:
        raise AnswerFault("too_deep", "JSON nested too deeply", passing=False) from error


def read_object(data: bytes | bytearray) -> dict[str, Json]:
    """Decodes ``data``, which must be a JSON object; AnswerFault ``wrong_shape`` otherwise."""
    value = read_json(data)
    if not isinstance(value, dict):
        raise AnswerFault("wrong_shape", f"JSON that is {kind_of(value)}, not an object", passing=False)
    return value


def looks_like_html(start: bytes) -> bool:
    return start[:64].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml"))


def _is_too_deep(value: Json) -> bool:
    """Level by level, so that nothing here recurses. (The decoder's own limit is near a thousand.)"""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
    return bool(level)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise AnswerFault("duplicate_keys", f"JSON that has the key {twice[:60]!r} twice", passing=False)
    return value


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise AnswerFault("not_finite", f"JSON with a number that is too large ({text[:20]})", passing=False)
    return value


def _no_constant(name: str) -> Json:
    raise AnswerFault("not_finite", f"JSON with {name}, which JSON does not have", passing=False)


def _syntax_fault(error: json.JSONDecodeError) -> AnswerFault:
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        return AnswerFault("cut", "JSON that ends in the middle", passing=True)
    return AnswerFault("not_json", f"text that is not JSON (at character {error.pos})", passing=True)


def kind_of(value: Json) -> str:
    """In words, for a message."""
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
