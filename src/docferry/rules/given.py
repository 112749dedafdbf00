"""Facts that a person gives, in rule tests and on the command line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import PurePosixPath

from docferry.config import units
from docferry.config.rules import FACT_NAMES
from docferry.config.translate import did_you_mean
from docferry.errors import UsageError
from docferry.models import Json


def given_facts(values: Mapping[str, Json]) -> dict[str, Json]:
    """``values`` as facts: ``size: 20 MB`` in bytes, ``path`` with the name in it. UsageError says what is wrong."""
    facts: dict[str, Json] = {}
    for name, value in values.items():
        if name not in FACT_NAMES:
            hint = did_you_mean(name, list(FACT_NAMES)) or f"known are {', '.join(FACT_NAMES)}"
            raise UsageError(f"there is no fact {name}", hint=hint)
        try:
            facts[name] = _READ.get(name, _text)(value)
        except (ValueError, OverflowError) as error:
            raise UsageError(f"the fact {name} is wrong: {value!r}", hint=f"wanted: {error}") from error
    if "name" in facts and "path" not in facts:
        facts["path"] = facts["name"]
    if "path" in facts:
        path = PurePosixPath(facts["path"])
        facts |= {"path": str(path), "name": path.name, "stem": path.stem, "extension": path.suffix[1:]}
    return facts


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def _count(value: Json) -> int:
    if isinstance(value, bool) or not str(value).isdecimal():
        raise ValueError("a whole number")
    return int(value)


def _truth(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError("true or false")


def _size(value: Json) -> int:
    return int(value) if isinstance(value, str) and value.isdecimal() else units.size_bytes(value)


def _moment(value: Json) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).astimezone().timestamp()
    except ValueError as error:
        raise ValueError("a date such as 2026-01-31 or 2026-01-31T12:00") from error


_READ: Mapping[str, Callable[[Json], Json]] = {
    "size": _size,
    "pages": _count,
    "encrypted": _truth,
    "modified": _moment,
    "now": _moment,
}
