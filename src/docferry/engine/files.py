"""Durable files: written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pydantic_core

INPUT = "input"  # how the names of a job's documents begin; they go when the job has ended


def write_durably(path: Path, data: bytes) -> None:
    """``path`` holds ``data`` after a power loss, or what it held before; never a part."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> int:
    """Write ``value`` durably as JSON; its size in bytes."""
    data = to_json(value)
    write_durably(path, data)
    return len(data)


def to_json(value: Any) -> bytes:
    """Compact JSON in UTF-8, quickly: results have tens of thousands of boxes. NaN and infinity become null."""
    try:
        return pydantic_core.to_json(value, inf_nan_mode="null")
    except pydantic_core.PydanticSerializationError:  # half of a surrogate pair, out of a damaged document
        plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return pydantic_core.to_json(pydantic_core.from_json(plain), inf_nan_mode="null")


def settle(source: Path, target: Path) -> None:
    """Move ``source`` to ``target`` on the same filesystem, durably."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    source.rename(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
