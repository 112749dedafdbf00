"""The kinds of value a configuration holds, as pydantic types: each knows what it wants and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import regex
from pydantic import AfterValidator, BeforeValidator, StrictStr, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from docferry.config import units
from docferry.config.problems import found
from docferry.config.units import Comparison, Rate
from docferry.config.yamlsource import OldNumber

UNIT = "x-unit"  # in a JSON Schema: what a number in code is written as in YAML; not shown

_REGEX_LIMIT = 4000
_NAME = re.compile(r"\w[\w .@+-]{0,62}\w|\w")
_EXTENSION = re.compile(r"\.?[A-Za-z0-9]{1,5}")
_TYPE = re.compile(r"(?:\*|[a-z0-9][\w.+-]*)/(?:\*|[a-z0-9][\w.+*-]*)", re.IGNORECASE | re.ASCII)


class Unfit(ValueError):
    """A value that is not ``wanted``, with a hint for what was probably meant."""

    def __init__(self, wanted: str, hint: str = "") -> None:
        super().__init__(wanted)
        self.hint = hint


def wanted(what: str, hint: str = "", message: str = "") -> PydanticCustomError:
    """The error that a validator raises: ``what`` is wanted; ``message`` stands in for "found …"."""
    return PydanticCustomError("docferry", "wanted {wanted}", {"wanted": what, "hint": hint, "message": message})


def base_of(info: ValidationInfo) -> Path:
    """The folder from which relative paths start."""
    base = (info.context or {}).get("base", Path())
    assert isinstance(base, Path)
    return base


def _read(convert: Callable[[object], Any], *, numbers: bool = False) -> BeforeValidator:
    """Validates by ``convert``. ``numbers``: code may give the bare number, YAML (which has a context) may not."""

    def read(value: object, info: ValidationInfo) -> Any:
        if numbers and info.context is None and isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if isinstance(value, Rate | Comparison):
            return value
        try:
            return convert(value)
        except (ValueError, OverflowError) as error:
            raise wanted(str(error), hint=_hint_of(error)) from error

    return BeforeValidator(read)


def _hint_of(error: Exception) -> str:
    return error.hint if isinstance(error, Unfit) else ""


def _several(convert: Callable[[object], Any]) -> BeforeValidator:
    """One value or a list of them, as a tuple."""

    def read(value: object) -> Any:
        items = value if isinstance(value, list | tuple) else [value]
        if not items:
            raise wanted("at least one value")
        return tuple(item if isinstance(item, Comparison) else one(item) for item in items)

    def one(item: object) -> Any:
        """Which of several items is wrong is said."""
        try:
            return convert(item)
        except (ValueError, OverflowError) as error:
            raise wanted(str(error), hint=_hint_of(error), message=f"found {found(item)}") from error

    return BeforeValidator(read)


def _compared(compare: Callable[[object], Comparison]) -> Callable[[object], Comparison]:
    """``compare``, but for numbers that mean one thing in YAML 1.1 and another in 1.2."""

    def convert(value: object) -> Comparison:
        if isinstance(value, OldNumber):
            raise Unfit("a number", "a leading zero means octal to some YAML readers: leave it out")
        return compare(value)

    return convert


def _text(what: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if isinstance(value, dict) and list(value.values()) == [None]:
            raise Unfit(what, f'quote what starts with a brace: "{{{found(next(iter(value)))[1:-1]}}}"')
        if not isinstance(value, str) or not value or "\0" in value:
            raise Unfit(what, "quote what YAML reads as something else" if value else "")
        return value

    return convert


def _path(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise wanted("a path")
    try:
        return base_of(info) / Path(value).expanduser()
    except RuntimeError as error:
        raise wanted("a path", hint="the home folder of that user is not known") from error


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a name of letters, digits, spaces and . _ - + @, at most 64 characters")
    return value


def _regex(value: object) -> str:
    text = _text("a regular expression")(value)
    if len(text) > _REGEX_LIMIT:
        raise ValueError(f"a regular expression of at most {_REGEX_LIMIT} characters")
    try:
        regex.compile(text)
    except regex.error as error:
        hint = "globs such as *.pdf are for name: and path:" if text.startswith("*") else ""
        raise Unfit(f"a regular expression that compiles: {error}", hint) from error
    except (RecursionError, OverflowError, MemoryError) as error:
        raise ValueError("a simpler regular expression: this one is nested too deeply") from error
    return text


def _type(value: object) -> str:
    text = _text("a media type")(value)
    if not _TYPE.fullmatch(text):
        hint = "extension: looks at the name's ending" if _EXTENSION.fullmatch(text) else ""
        raise Unfit("a media type such as application/pdf or image/*", hint)
    return text.lower()


def _extension(value: object) -> str:
    text = _text("an extension")(value)
    if not text.lstrip(".") or any(character in text for character in "/*?["):
        hint = "globs are for name: and path:" if "*" in text else ""
        raise Unfit("an extension such as pdf or tar.gz", hint)
    return text.lstrip(".").lower()


def _above_zero(value: float) -> float:
    if value <= 0:
        raise wanted("a time above zero")
    return value


def _listen(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"(?:unix:)?/[^\0]+", value):
        return value
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", value, re.ASCII) if isinstance(value, str) else None
    if match is None or not 0 <= int(match[2]) <= 65535:
        raise ValueError("HOST:PORT or a socket, such as 127.0.0.1:9464 or unix:/run/docferry/metrics.sock")
    return match[0]


def _mode(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"(?:0o?)?[0-7]{3}", value):
        return int(value.removeprefix("0o"), 8)
    raise ValueError('a file mode in octal digits, such as "0640"')


def _schema(kind: str, examples: list[Any]) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, "examples": examples})


def _one_or_more(item: dict[str, Any], examples: list[Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}], "examples": examples})


_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_SIZE: dict[str, Any] = {"anyOf": [_TEXT, {"const": 0}]}
_COUNT: dict[str, Any] = {"type": ["string", "integer"], "minLength": 1, "minimum": 0}

Duration = Annotated[
    float,
    _read(units.seconds, numbers=True),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]+\s*$"}, {"const": 0}],
            "examples": ["2s", "1.5 s", "10 min", "7 days"],
            UNIT: "time",
        }
    ),
]
Period = Annotated[Duration, AfterValidator(_above_zero)]  # a time in which something is waited for
Size = Annotated[
    int,
    _read(units.size_bytes, numbers=True),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]*\s*$"},
                {"type": "integer", "minimum": 0},
            ],
            "examples": ["500 kB", "20 MB", "1 GiB"],
            UNIT: "size",
        }
    ),
]
RateLimit = Annotated[Rate, _read(units.rate), _schema("string", ["60/min", "5/s"])]
FilePath = Annotated[Path, BeforeValidator(_path), _schema("string", ["./inbox", "/srv/scans"])]
Name = Annotated[str, _read(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64})]
Text = Annotated[StrictStr, _read(_text("a text")), WithJsonSchema(_TEXT)]
Listen = Annotated[str, _read(_listen), _schema("string", ["127.0.0.1:9464"])]
FileMode = Annotated[int, _read(_mode, numbers=True), _schema("string", ["0640", "0o664"])]

Names = Annotated[tuple[str, ...], _several(_name), _one_or_more(_TEXT, ["scans", ["scans", "mail"]])]
Globs = Annotated[
    tuple[str, ...], _several(_text("a glob")), _one_or_more(_TEXT, ["contracts/**", ["*.pdf", "*receipt*"]])
]
Patterns = Annotated[
    tuple[str, ...], _several(_regex), _one_or_more(_TEXT | {"format": "regex"}, [r"^(?P<customer>[^/]+)/"])
]
Types = Annotated[tuple[str, ...], _several(_type), _one_or_more(_TEXT, ["application/pdf", ["image/*", "text/html"]])]
Extensions = Annotated[tuple[str, ...], _several(_extension), _one_or_more(_TEXT, ["pdf", ["jpg", "jpeg", "png"]])]
Texts = Annotated[tuple[str, ...], _several(_text("a text")), _one_or_more(_TEXT, [])]
Counts = Annotated[
    tuple[Comparison, ...],
    _several(_compared(units.compare_count)),
    _one_or_more(_COUNT, [1, ">= 50", "10 .. 50", ["1", "> 100"]]),
]
Sizes = Annotated[
    tuple[Comparison, ...], _several(_compared(units.compare_size)), _one_or_more(_SIZE, ["< 20 MB", "1 MB .. 20 MB"])
]
Moments = Annotated[
    tuple[Comparison, ...], _several(units.compare_moment), _one_or_more(_TEXT, [">= 2026-01-31", "newer than 2 h"])
]
