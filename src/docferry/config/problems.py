"""One thing wrong with a configuration, and how it is shown: place, path, line with a caret, found, wanted.

Lines are shown as they stand in the file, except for what follows a key-like name: a literal key that
must be refused must not reach a terminal or a log by being refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Path = tuple[str | int, ...]

_SECRET_NAME = re.compile(
    r"((?:^|[\s{,\"'])[\w.-]*(?:key|token|password|passwd|secret|credentials?)[\"']?\s*:\s*)(?!\s*\{)(\S.*)$",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(://)[^/@\s]+@")
_LINE_LIMIT = 160
_FOUND_LIMIT = 60
_TEXT_LIMIT = 600


@dataclass(frozen=True, slots=True)
class Problem:
    """``line`` and ``column`` count from 1; 0 means that the place is not known beyond the file."""

    file: str
    line: int
    column: int
    path: Path
    message: str
    wanted: str = ""
    hint: str = ""
    source_line: str = ""
    width: int = 1

    def __str__(self) -> str:
        return "\n".join([self.headline, *self._excerpt(), *self._advice()])

    @property
    def headline(self) -> str:
        """The problem as one line, for logs and for ``status``."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        where = f" {dotted(self.path)}:" if self.path else ""
        return f"{place}:{where} {shown_text(self.message, _TEXT_LIMIT)}"

    def _excerpt(self) -> list[str]:
        shown = masked(self.source_line)
        if not self.line or not shown.strip():
            return []
        start = self.column - 1
        offset = 0 if start < _LINE_LIMIT - 20 else start - 40
        shown = "".join(character if character.isprintable() else " " for character in shown)
        width = max(1, min(self.width, len(shown) - start, _LINE_LIMIT - (start - offset)))
        number = f"{self.line:>6} | "
        return [number + shown[offset : offset + _LINE_LIMIT], " " * (len(number) + start - offset) + "^" * width]

    def _advice(self) -> list[str]:
        named = (("wanted", self.wanted), ("hint", self.hint))
        return [f"       {name}: {shown_text(text, _TEXT_LIMIT)}" for name, text in named if text]


def dotted(path: Path) -> str:
    """``("rules", 2, "when")`` as ``rules[2].when``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return shown_text(text, 200)


def found(value: object) -> str:
    """``value`` as the message names it: YAML's words, short, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        return f'"{shown_text(value, _FOUND_LIMIT)}"'
    return shown_text(str(value), _FOUND_LIMIT)


def shown_text(text: str, limit: int) -> str:
    """``text`` on one line, printable, at most ``limit`` characters."""
    plain = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[: limit + 1]
    )
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def masked(line: str) -> str:
    """``line`` without what may be a key: literal values of key-like names, and user information in URLs."""
    return _USER_INFO.sub(r"\1***@", _SECRET_NAME.sub(r"\1***", line))
