"""Keys: where they come from, and a value that hides itself. A key is read as late as possible and never stored."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema

from docferry.config.values import base_of, wanted
from docferry.errors import ConfigError

_KEY_LIMIT_BYTES = 16 * 1024
WANTED_KEY = "{env: NAME}, {file: PATH} or {credential: NAME}"


class Secret:
    """A key that shows itself only when asked by ``reveal``: not in repr, str, format, JSON or a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(Secret)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a secret is never serialised")


class KeySource(BaseModel):
    """Where a key is found. The YAML form is ``{env: NAME}``, ``{file: PATH}`` or ``{credential: NAME}``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["env", "file", "credential"]
    name: str

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            raise wanted(WANTED_KEY, "a key is never written into the configuration itself", message="a literal key")
        if isinstance(value, KeySource) or info.context is None:  # made by code, not read from YAML
            return value
        if not isinstance(value, dict) or len(value) != 1 or not set(value) <= {"env", "file", "credential"}:
            raise wanted(WANTED_KEY)
        ((kind, name),) = value.items()
        if not isinstance(name, str) or not name or "\0" in name:
            raise wanted(WANTED_KEY)
        if kind == "credential" and "/" in name:
            raise wanted("the credential's plain name, without a folder")
        return {"kind": kind, "name": str(base_of(info) / Path(name).expanduser()) if kind == "file" else name}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = {
            "env": "Name of an environment variable",
            "file": "Path of a file that others cannot read",
            "credential": "Name of a systemd credential",
        }
        text = {"type": "string", "minLength": 1}
        return {
            "type": "object",
            "description": "Where a key is found; the key itself is never written here",
            "properties": {name: {**text, "description": words} for name, words in described.items()},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }

    def read(self, environ: Mapping[str, str], credentials_directory: Path | None) -> Secret:
        """Returns the key. ConfigError says which source has none, or that others may read it."""
        text = self._text(environ, credentials_directory).strip()
        if not text:
            raise ConfigError([f"the key from {self} is empty"])
        if not text.isprintable() or not text.isascii():
            raise ConfigError([f"the key from {self} holds characters that no HTTP header may carry"])
        return Secret(text)

    def _text(self, environ: Mapping[str, str], credentials_directory: Path | None) -> str:
        if self.kind == "env":
            if self.name not in environ:
                raise ConfigError([f"the environment variable {self.name}, from which a key is wanted, is not set"])
            return environ[self.name]
        if self.kind == "file":
            return _read_key_file(Path(self.name))
        if credentials_directory is None:
            remedy = f"add LoadCredential={self.name}:/path to the systemd unit, or use {{file: PATH}}"
            raise ConfigError([f"the key from {self} is only there under systemd: {remedy}"])
        return _read_key_file(credentials_directory / self.name)

    def __str__(self) -> str:
        return {"env": "environment variable ", "file": "file ", "credential": "credential "}[self.kind] + self.name


def readable_by_others(path: Path) -> bool:
    """True when the file at ``path`` exists and grants anything to users outside its owner and group."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IRWXO)


def _read_key_file(path: Path) -> str:
    if readable_by_others(path):
        raise ConfigError([f"the key file {path} can be read by others: chmod o= {path}"])
    try:
        with path.open("rb") as file:
            content = file.read(_KEY_LIMIT_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"the key file {path} cannot be read: {error.strerror}"]) from error
    if len(content) > _KEY_LIMIT_BYTES:
        raise ConfigError([f"the key file {path} is too large to be a key"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"the key file {path} is not text"]) from error
