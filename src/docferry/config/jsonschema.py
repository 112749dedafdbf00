"""The JSON Schema (2020-12) of the configuration, from the same models that read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docferry.config.models import ConfigFile, RulesFile
from docferry.config.units import size_text, time_text
from docferry.config.values import UNIT

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """The schema of the main file."""
    return _completed(ConfigFile.model_json_schema(by_alias=True), "docferry.yaml")


def rules_schema() -> dict[str, Any]:
    """The schema of a file in rules.d."""
    return _completed(RulesFile.model_json_schema(by_alias=True), "a file in docferry's rules.d")


def _completed(schema: dict[str, Any], title: str) -> dict[str, Any]:
    described = {**schema, "title": title}
    described.pop("$defs", None)
    definitions = {name: _tidied(node) for name, node in schema.get("$defs", {}).items()}
    if "ProviderConfig" in definitions:
        del definitions["ProviderConfig"]["properties"]["name"]  # the key in `providers` is the name
    return {"$schema": DIALECT, **_tidied(described), "$defs": definitions}


def _tidied(node: Any) -> Any:
    """``node`` without what only the code needs: generated titles, and defaults in other units than YAML's."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    written = _WRITTEN.get(node.get(UNIT), lambda value: value)
    tidied = {key: _tidied(value) for key, value in node.items() if not _is_noise(key, value)}
    if "default" in tidied:
        tidied["default"] = written(tidied["default"])
    return tidied


_WRITTEN: dict[Any, Callable[[Any], Any]] = {"time": time_text, "size": size_text}


def _is_noise(key: str, value: Any) -> bool:
    if key == "default":
        return not isinstance(value, bool | str | int | float)
    return key == UNIT or (key == "title" and isinstance(value, str))
