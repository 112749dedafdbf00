"""YAML text to plain data with the place of every key and value, and every trap of YAML as a problem.

PyYAML's safe loader composes the node graph; the data is built here, because positions must survive,
because YAML 1.1's surprises (``no`` is false, ``010`` is 8, ``12:30`` is 750, dates) must not, and because
aliases that expand without end must not be followed. Numbers, true, false and null are read as YAML 1.2 says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from docferry.config.problems import Path, Problem, found, masked, shown_text

SIZE_LIMIT_BYTES = 2_000_000
DEPTH_LIMIT = 60
VALUE_LIMIT = 100_000

_CORE = "tag:yaml.org,2002:"
_MERGE = _CORE + "merge"
_PLAIN = "plain"  # text without quotes or tag: what it is, is for us to say
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})|0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_KEY_BEFORE_LINE = re.compile(
    r"[\w.-]*(?:key|token|password|passwd|secret|credentials?)[\"']?\s*:\s*[|>]?[-+0-9]*\s*", re.IGNORECASE
)


class OldNumber(str):
    """``0640`` and the like: octal in YAML 1.1, decimal in 1.2. Kept as text; refused where a number is wanted."""


class _Composer(yaml.composer.Composer):
    """Composes nodes, and refuses what nests too deeply before Python's own stack does."""

    depth = 0
    peek_event: Callable[[], Any]  # the parser's, whichever it is

    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        event = self.peek_event()
        node: ScalarNode = super().compose_scalar_node(anchor)
        if event.tag is None and event.implicit[0] and node.tag != _MERGE:
            node.tag = _PLAIN
        return node

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEPTH_LIMIT} levels deep", problem_mark=mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Loader(_Composer, yaml.SafeLoader):
    """In Python throughout: for text from strangers, and for messages that name what is wrong."""

    def __init__(self, text: str) -> None:
        yaml.SafeLoader.__init__(self, text)


_FastLoader: type[Any] = _Loader
if yaml.__with_libyaml__:

    class _LibyamlLoader(_Composer, yaml.CSafeLoader):
        """libyaml finds the events, ten times as fast; nodes are composed as above."""

        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            yaml.composer.Composer.__init__(self)

    _FastLoader = _LibyamlLoader


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: lines and columns count from 1."""

    line: int
    column: int
    width: int = 1


@dataclass
class Source:
    """One YAML file: its data, where everything in it stands, and what is wrong with it as YAML."""

    file: str
    lines: list[str] = field(default_factory=list)
    data: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str, *, at_key: bool = False, show: bool = True, **more: str) -> Problem:
        """A problem at ``path`` of this file, or at the nearest place above it that was written."""
        places = self.keys if at_key and path in self.keys else self.values
        nearest = path
        while nearest not in places and nearest:
            nearest = nearest[:-1]
        place = places.get(nearest, Place(1, 1))
        return self.at(place, path, message, show=show, **more)

    def at(self, place: Place, path: Path, message: str, *, show: bool = True, **more: str) -> Problem:
        line = self._line(place.line) if show else ""
        return Problem(self.file, place.line, place.column, path, message, source_line=line, width=place.width, **more)

    def _line(self, number: int) -> str:
        """The line as it may be shown. A value that goes on below a key-like name is not."""
        if not 0 < number <= len(self.lines):
            return ""
        above = next((line for line in reversed(self.lines[: number - 1]) if line.strip()), "")
        if _KEY_BEFORE_LINE.fullmatch(above.strip().removeprefix("- ")):
            return ""
        return masked(self.lines[number - 1])

    def where(self, path: Path) -> str:
        """``file:line`` of ``path``, for people."""
        place = self.values.get(path)
        return f"{self.file}:{place.line}" if place else self.file


def read_source(path: FilePath, shown_as: str) -> Source:
    """Reads the YAML file at ``path``. Whatever is wrong is in ``problems``; nothing is raised."""
    source = Source(shown_as)
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "docferry init writes one to start from" if isinstance(error, FileNotFoundError) else ""
        source.problems.append(Problem(shown_as, 0, 0, (), f"cannot be read: {reason}", hint=hint))
        return source
    return parse(content, shown_as, trusted=True)


def parse(content: bytes, shown_as: str, *, trusted: bool = False) -> Source:
    """The YAML document in ``content``, with its problems. Only ``trusted`` text is given to a parser written in C."""
    source = Source(shown_as)
    if len(content) > SIZE_LIMIT_BYTES:
        message = f"larger than {SIZE_LIMIT_BYTES // 1_000_000} MB, which no configuration is"
        source.problems.append(Problem(shown_as, 0, 0, (), message, hint="is this the right file?"))
        return source
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        hint = "is this the right file?" if b"\0\0" in content or content.startswith(b"%PDF") else "save it as UTF-8"
        source.problems.append(Problem(shown_as, line, column, (), "not UTF-8 text", hint=hint))
        return source
    source.lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)
    node = (_compose_fast(text) if trusted else None) or _compose(source, text)
    if node is not None:
        source.data = _Builder(source).build(node, ())
    elif not source.problems:
        wanted, hint = "inboxes, providers and rules", "docferry init writes one to start from"
        source.problems.append(Problem(shown_as, 1, 1, (), "empty", wanted=wanted, hint=hint))
    return source


def _compose_fast(text: str) -> Node | None:
    """The node graph, or None when something is wrong with the text: what it is, the other loader says better."""
    loader = _FastLoader(text)
    try:
        node: Node | None = loader.get_single_node()
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    finally:
        loader.dispose()
    return node


def _compose(source: Source, text: str) -> Node | None:
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        source.problems.append(_syntax_problem(source, error))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        source.problems.append(
            source.at(Place(line, column), (), f"a character that YAML does not allow: {_code(error.character)}")
        )
    except (RecursionError, ValueError) as error:
        source.problems.append(Problem(source.file, 1, 1, (), f"cannot be read as YAML: {shown_text(str(error), 100)}"))
    finally:
        if loader is not None:
            loader.dispose()
    return None


def _code(character: object) -> str:
    return (
        f"U+{ord(character):04X}"
        if isinstance(character, str)
        else f"U+{character:04X}"
        if isinstance(character, int)
        else "?"
    )


def _syntax_problem(source: Source, error: yaml.MarkedYAMLError) -> Problem:
    message = ", ".join(part for part in (error.context, error.problem) if part) or "not YAML"
    never_closed = _never_closed(error)
    mark = error.context_mark if never_closed else error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    line = source.lines[place.line - 1] if place.line <= len(source.lines) else ""
    if "\t" in line[: max(place.column, len(line) - len(line.lstrip()))]:
        return source.at(place, (), "a tab character", hint="YAML is indented with spaces, never with tabs")
    if "expected a single document" in message:
        hint = "one file holds one document; remove the line ---"
        return source.at(place, (), "not YAML: a second YAML document", hint=hint)
    if never_closed:
        return source.at(place, (), f"not YAML: {never_closed} that is never closed")
    return source.at(place, (), f"not YAML: {message}", hint=_syntax_hint(message, line))


_OPENED = {
    "while scanning a quoted scalar": "a quote",
    "while parsing a flow sequence": "a [",
    "while parsing a flow mapping": "a {",
}
_HINTS = (
    ("mapping values are not allowed", "quote a text that holds a colon and a blank, or check this line's indentation"),
    ("undefined alias", "quote a text that starts with one of * & ! % @ ` | >"),
    ("cannot start any token", "quote a text that starts with one of * & ! % @ ` | >"),
    ("scanning an a", "quote a text that starts with one of * & ! % @ ` | >"),
    ("scanning a tag", "quote a text that starts with one of * & ! % @ ` | >"),
    ("expected ',' or ", "a comma, a closing bracket or a pair of quotes is missing here"),
    ("unknown escape character", "in double quotes a backslash begins an escape: put patterns into single quotes"),
    ("scanning a simple key", "a colon and a blank are missing here, or this line's indentation is wrong"),
    ("expected <block end>", "this line's indentation does not fit the lines above it"),
)
_COMPARED = re.compile(r":\s+([<>]=?.*?)\s*$")
_GOES_ON = re.compile(r""":\s+(?:\{[^{}]*\}|\[[^\[\]]*\]|(["']).*?\1)\s*[^\s,}\]#]""")


def _syntax_hint(message: str, line: str) -> str:
    """What to do about a fault that the parser can only name in its own words."""
    if "scanning a block scalar" in message and (compared := _COMPARED.search(line)):
        return f'quote a comparison: "{shown_text(compared[1], 60)}"'
    if "expected <block end>" in message and _GOES_ON.search(line):
        return "put the whole text into quotes: what starts with { [ or a quote ends where that is closed"
    return next((hint for mark, hint in _HINTS if mark in message), "")


def _never_closed(error: yaml.MarkedYAMLError) -> str | None:
    """What was opened lines ago: its place says more than the one where the parser lost hope of its end."""
    opened, lost = error.context_mark, error.problem_mark
    return _OPENED.get(error.context or "") if opened and lost and lost.line > opened.line else None


class _Builder:
    """Builds plain data from nodes, notes places, and reports what must not be."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._count = 0
        self._open: set[int] = set()
        self._overflow = False

    def build(self, node: Node, path: Path) -> Any:
        self._source.values.setdefault(path, _place(node))
        self._count += 1
        if self._count > VALUE_LIMIT:
            if not self._overflow:
                self._overflow = True
                self._report(
                    node, path, f"expands to more than {VALUE_LIMIT} values", "aliases (*name) of aliases multiply"
                )
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._report(
                node, path, "an anchor that contains itself", "remove the alias (*name) inside its own anchor (&name)"
            )
            return None
        self._open.add(id(node))
        try:
            return self._sequence(node, path) if isinstance(node, SequenceNode) else self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _sequence(self, node: SequenceNode, path: Path) -> list[Any]:
        self._check_tag(node, path, "seq")
        return [self.build(item, (*path, index)) for index, item in enumerate(node.value) if not self._overflow]

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        assert isinstance(node, MappingNode)
        self._check_tag(node, path, "map")
        merged: dict[str, Any] = {}
        for value_node in [value for key, value in node.value if key.tag == _MERGE]:
            merged = self._merged(value_node, path) | merged
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = None if key_node.tag == _MERGE or self._overflow else self._key(key_node, path)
            if key is None:
                continue
            if key in data:
                first = self._source.keys[(*path, key)]
                self._report(
                    key_node, (*path, key), f"the key {found(key)} again", f"it stands in line {first.line} already"
                )
                continue
            self._source.keys[(*path, key)] = _place(key_node)
            self._source.values.pop((*path, key), None)
            data[key] = self.build(value_node, (*path, key))
        return merged | data

    def _merged(self, node: Node, path: Path) -> dict[str, Any]:
        """What ``<<: *name`` brings; keys written beside it win."""
        items = node.value if isinstance(node, SequenceNode) else [node]
        result: dict[str, Any] = {}
        for item in items:
            if not isinstance(item, MappingNode):
                self._report(item, path, "<< wants a mapping", "write <<: *name, where &name marks a mapping")
                continue
            built = self.build(item, path)
            result = built | result if isinstance(built, dict) else result
        return result

    def _key(self, node: Node, path: Path) -> str | None:
        if isinstance(node, ScalarNode):
            if node.style is None and node.value == "":
                self._report(node, path, "a key is missing before the colon", "")
                return None
            return self._whole(node, path)
        self._report(
            node, path, "a key that is itself a list or a mapping", "quote it: a text in { } or [ ] is read as YAML"
        )
        return None

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        if node.tag == _PLAIN:
            return _plain(node.value)
        self._check_tag(node, path, "str")
        return self._whole(node, path)

    def _whole(self, node: ScalarNode, path: Path) -> str:
        """The text, with characters that were escaped in two halves put together again."""
        try:
            return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._report(node, path, "half a character (\\ud800 to \\udfff)", "write the whole character instead")
            return ""

    def _check_tag(self, node: Node, path: Path, kind: str) -> None:
        if node.tag not in (_CORE + kind, "!"):
            self._report(
                node,
                path,
                f"the tag {shown_text(node.tag.removeprefix(_CORE), 60)}",
                "tags (!) have no meaning here; remove it",
            )

    def _report(self, node: Node, path: Path, message: str, hint: str) -> None:
        self._source.problems.append(self._source.at(_place(node), path, message, hint=hint))


def _plain(text: str) -> Any:
    """A plain scalar as YAML 1.2's core schema reads it."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _LEADING_ZERO.fullmatch(text):
        return OldNumber(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _place(node: Node) -> Place:
    start, end = node.start_mark, node.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(1, width))


def old_numbers(data: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Every ``0123`` in ``data``: what free options must not hold unquoted."""
    if isinstance(data, OldNumber):
        return [(path, str(data))]
    if isinstance(data, Mapping):
        return [hit for key, value in data.items() for hit in old_numbers(value, (*path, key))]
    if isinstance(data, list):
        return [hit for index, value in enumerate(data) for hit in old_numbers(value, (*path, index))]
    return []
