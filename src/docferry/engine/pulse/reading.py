"""From what came over the wire to option models: names matched leniently, mistakes told the documented way.

Clients write ``fileUrl``, ``file_url`` and ``file-url`` and mean one thing, at the top level and inside option objects,
but never inside what is the user's own: JSON Schemas, topic names, metadata. ``null`` means absent everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError

from docferry.engine.errors import Refusal
from docferry.engine.pulse.options import Options

Model = TypeVar("Model", bound=Options)

CODE_OF_FIELD: Mapping[str, str] = {"chunkSize": "REQ_005", "pages": "REQ_006"}


def read_options(model: type[Model], values: Mapping[str, Any]) -> Model:
    """``values`` as ``model``; what is wrong with them as a Refusal."""
    try:
        return model.model_validate(as_declared(model, values))
    except ValidationError as error:
        raise _refusal(error) from error


def read_json_object(data: bytes) -> dict[str, Any]:
    """The JSON object in a body; anything else is a Refusal."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal("REQ_002", "the body is not valid JSON") from error
    if not isinstance(values, dict):
        raise Refusal("REQ_002", "the body must be a JSON object")
    return values


def as_declared(model: type[Options], values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` under the names ``model`` declares, nested option objects too; absent values are left out."""
    declared = {plain(field.alias or name): (name, field) for name, field in model.model_fields.items()}
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        known = declared.get(plain(key))
        if known is None:
            continue
        name, field = known
        read = _nested(field.annotation, value)
        if read is not None:
            renamed[field.alias or name] = read
    return renamed


def plain(name: str) -> str:
    """A field's name as it is compared: without ``_`` and ``-``, in lower case."""
    return name.replace("_", "").replace("-", "").lower()


def _nested(annotation: Any, value: Any) -> Any:
    model = _options_in(annotation)
    if model is None or value is None:
        return value
    if isinstance(value, str):  # an object that came as the text of a form field
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value  # the model says what it wanted
    shape = _shape(annotation)
    if shape is tuple and isinstance(value, list):
        return [as_declared(model, item) if isinstance(item, Mapping) else item for item in value]
    if shape is dict and isinstance(value, Mapping):  # the keys are the user's topics
        return {key: as_declared(model, item) if isinstance(item, Mapping) else item for key, item in value.items()}
    return as_declared(model, value) if isinstance(value, Mapping) else value


def _options_in(annotation: Any) -> type[Options] | None:
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return annotation
    found = (_options_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _shape(annotation: Any) -> Any:
    """``tuple`` or ``dict`` for a collection of option objects, also when it is optional."""
    origin = get_origin(annotation)
    if origin in {tuple, dict}:
        return origin
    shapes = (_shape(part) for part in get_args(annotation))
    return next((shape for shape in shapes if shape is not None), None)


def _refusal(error: ValidationError) -> Refusal:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return Refusal("REQ_004", f"{where}: missing")
    field = next((part for part in reversed(first["loc"]) if isinstance(part, str)), "")
    code = CODE_OF_FIELD.get(field, "REQ_003")
    details = {"problems": [{"field": ".".join(map(str, entry["loc"])), "message": entry["msg"]} for entry in problems]}
    return Refusal(code, f"{where}: {first['msg']}", details=details)
