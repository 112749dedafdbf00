"""Templates filled in. Pure; a value that comes from a file's name can never leave the field it is put into."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from docferry.config import template
from docferry.models import Json
from docferry.rules.conditions import Facts

_COMPONENT_LIMIT = 200


def values_of(facts: Facts, document_id: str, groups: Mapping[str, str]) -> dict[str, str]:
    """What the variables stand for. The rule's groups cannot replace a built-in variable."""
    named = ("name", "stem", "extension", "path", "inbox", "sha256")
    return {**groups, **{name: str(facts.get(name, "")) for name in named}, "id": document_id}


def moment_of(facts: Facts) -> datetime:
    """The moment of routing as local time: what ``{date}`` means."""
    return datetime.fromtimestamp(facts["now"], UTC).astimezone()


def uses(value: Json, variable: str) -> bool:
    """True when some string inside ``value`` uses ``variable``."""
    return any(name == variable for text in template.strings(value) for name, _ in template.variables(text))


def fill_options(options: Json, values: Mapping[str, str], moment: datetime) -> Json:
    """``options`` with every template filled. A text that is JSON stays JSON, whatever is put into it."""
    return _walk(options, lambda text: _fill_text(text, values, moment))


def _walk(value: Json, fill: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, Mapping):
        return {key: _walk(item, fill) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, fill) for item in value]
    return value


def _fill_text(text: str, values: Mapping[str, str], moment: datetime) -> str:
    if text.lstrip().startswith(("{", "[")) and any(True for _ in template.variables(text)):
        try:
            decoded = json.loads(text)
        except ValueError:
            pass  # an ordinary text that begins with a brace
        else:
            return json.dumps(fill_options(decoded, values, moment), ensure_ascii=False)
    return template.fill(text, values, moment, _plain)


def fill_name(name: str, values: Mapping[str, str], moment: datetime) -> str:
    """A path below the outbox. Values are names inside it; only ``{path}`` brings folders of its own."""
    safe = {variable: value if variable == "path" else _one_name(value) for variable, value in values.items()}
    return safe_path(template.fill(name, safe, moment, lambda value: value)) or values["id"]


def safe_path(name: str) -> str:
    """``name`` as a relative path that stays below the folder it is put into; empty if nothing is left of it."""
    return "/".join(part for part in map(_component, name.split("/")) if part)


def _one_name(value: str) -> str:
    return value.replace("/", "_")


def _component(part: str) -> str:
    """One folder or file name: no ``.`` or ``..``, no control characters, not longer than a filesystem allows."""
    part = re.sub(r"[\x00-\x1f\x7f]", "_", part)
    if part in (".", ".."):
        return ""
    while len(part.encode("utf-8", "surrogateescape")) > _COMPONENT_LIMIT:
        part = part[:-1]
    return part


def _plain(value: str) -> str:
    """A value as text that any encoding of a request can carry: on one line, without broken characters."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value)
