"""Request bodies and answers for the OpenAPI page: routes read bodies themselves, so they also describe them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]

BINARY: Json = {"type": "string", "format": "binary"}


def schema_of(model: type[BaseModel]) -> Json:
    """The model's JSON Schema in one piece."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    resolved = _resolve(schema, definitions)
    assert isinstance(resolved, dict)
    return resolved


def json_body(model: type[BaseModel]) -> Json:
    """``openapi_extra`` of a route that takes JSON."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(model)}}}}


def form_body(
    schema: Json, *, files: Mapping[str, Json], required: tuple[str, ...] = (), json_too: bool = False
) -> Json:
    """``openapi_extra`` of a route that takes a form of these fields and files; JSON as well if ``json_too``."""
    form = schema | {"properties": {**schema.get("properties", {}), **files}}
    form["required"] = sorted({*schema.get("required", ()), *required})
    content: Json = {"multipart/form-data": {"schema": form}}
    if json_too:
        content["application/json"] = {"schema": schema}
    return {"requestBody": {"required": True, "content": content}}


def page(description: Mapping[str, Any]) -> str:
    """The OpenAPI description as a page that needs nothing from elsewhere: every call with what it does."""
    info = description["info"]
    calls = [
        f"<dt><code>{method.upper()} {html.escape(path)}</code></dt><dd>{html.escape(call.get('description', ''))}</dd>"
        for path, methods in description["paths"].items()
        for method, call in methods.items()
    ]
    title = html.escape(f"{info['title']} {info['version']}")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>\n'
        f"<h1>{title}</h1>\n<p>{html.escape(info['description'])} In full, for machines: "
        f'<a href="openapi.json">openapi.json</a>.</p>\n<dl>\n' + "\n".join(calls) + "\n</dl>\n</body></html>\n"
    )


def _resolve(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _resolve(definitions[value["$ref"].rsplit("/", 1)[-1]], definitions)
    return {name: _resolve(item, definitions) for name, item in value.items()}
