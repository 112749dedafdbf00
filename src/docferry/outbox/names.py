"""Names of results: any bytes a filesystem allows become a name that is safe wherever the outbox is looked at.

Pure. A name that is safe already stays as it is; one that must be altered gets eight digits of its hash, so that
different originals keep different results. Templates' output names pass through the same function.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath

NAME_MAX_BYTES = 255  # Linux's limit for one component, on every common filesystem
SUFFIX_ROOM_BYTES = 48  # kept free for "~1234567" and the longest suffix, such as ".schema.1234.receipt.json"

_EXTENSION_MAX_BYTES = 16
_DIGEST_CHARACTERS = 8

# Marks that turn the reading direction: "fdp.exe" could be shown as "exe.pdf".
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, undecodable, line and paragraph separators

# Windows keeps these for devices, whatever extension follows: Microsoft, "Naming Files, Paths, and Namespaces".
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)")


def safe_path(relative: str) -> str:
    """A relative path without ``..``, under which results can be written anywhere and shared to any system.

    The last component leaves room for a number and our suffixes. ``safe_path(safe_path(x)) == safe_path(x)``.
    """
    components = [component for component in relative.split("/") if component not in ("", ".")] or ["document"]
    folders = [_safe_component(component, NAME_MAX_BYTES) for component in components[:-1]]
    return "/".join([*folders, _safe_component(components[-1], NAME_MAX_BYTES - SUFFIX_ROOM_BYTES)])


def output_key(outbox: str, base: str) -> str:
    """Equal for results that some share would take for the same: their names differ only in case or normalisation."""
    return f"{outbox}\0{unicodedata.normalize('NFC', unicodedata.normalize('NFD', base).casefold())}"


def numbered(base: str, number: int) -> str:
    """The name of the ``number``-th results of one base: ``invoice.pdf``, then ``invoice.pdf~2``."""
    return base if number == 1 else f"{base}~{number}"


def numbered_file(name: str, number: int) -> str:
    """The name of the ``number``-th original of one name; the extension stays: ``invoice~2.pdf``."""
    if number == 1:
        return name
    path = PurePosixPath(name)
    mark = f"~{number}"
    return _cut(path.stem, NAME_MAX_BYTES - len(mark) - _length(path.suffix)) + mark + path.suffix


def with_suffix(name: str, suffix: str) -> str:
    """``name`` with ``suffix`` appended; a name too long for it is cut, with its hash to tell it apart."""
    if _length(name) + len(suffix) <= NAME_MAX_BYTES:
        return name + suffix
    mark = "-" + _digest(name)
    return _cut(name, NAME_MAX_BYTES - len(mark) - len(suffix)) + mark + suffix


def first_free(is_taken: Callable[[int], bool]) -> int:
    """A number from 1 up that is not taken, in few questions: the lowest, unless there are gaps."""
    taken, free = 0, 1
    while is_taken(free):
        taken, free = free, free * 2
    while free - taken > 1:
        middle = (taken + free) // 2
        if is_taken(middle):
            taken = middle
        else:
            free = middle
    return free


def _safe_component(name: str, limit_bytes: int) -> str:
    cleaned = "".join("_" if _is_unsafe(character) else character for character in name)
    cleaned = cleaned.rstrip(" .")  # Windows drops these, and two names become one
    if not cleaned or cleaned.startswith("-") or cleaned.casefold().startswith(".docferry") or _DEVICE.match(cleaned):
        cleaned = "_" + cleaned
    if cleaned == name and _length(name) <= limit_bytes:
        return name
    path = PurePosixPath(cleaned)
    stem, extension = path.stem, path.suffix
    if _length(extension) > _EXTENSION_MAX_BYTES:
        stem, extension = cleaned, ""
    mark = "-" + _digest(name)
    return _cut(stem, limit_bytes - len(mark) - _length(extension)) + mark + extension


def _is_unsafe(character: str) -> bool:
    return character in _DIRECTION_MARKS or unicodedata.category(character) in _UNSAFE_CATEGORIES


def _digest(name: str) -> str:
    # "surrogatepass" takes what the filesystem's own encoding cannot: lone surrogates out of a YAML template.
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]


def _length(text: str) -> int:
    return len(_encoded(text))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _cut(text: str, limit_bytes: int) -> str:
    """At most so many bytes of ``text``, whole characters only."""
    encoded = _encoded(text)
    while len(encoded) > limit_bytes:
        text = text[: -max(1, (len(encoded) - limit_bytes) // 4)]
        encoded = _encoded(text)
    return text
