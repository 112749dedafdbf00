"""The base of every configuration model: frozen, and strict about its keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class FrozenModel(BaseModel):
    """Unknown keys are refused. Code may use the field's own name; YAML (read by alias only) may not."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class ShortFormed(FrozenModel):
    """A model that may also be written shorter, as ``short_forms`` (JSON Schemas) say."""

    @classmethod
    def short_forms(cls) -> list[dict[str, Any]]:
        raise NotImplementedError

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        long_form = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [*cls.short_forms(), long_form]}
