"""One file of the configuration, read; where parts of it are wrong, the rest is there all the same.

So that every problem is found at once: a misspelt key in one rule must not hide a wrong option in the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from docferry.config.models import ConfigFile, InboxConfig, ProviderConfig, RulesFile
from docferry.config.problems import Problem
from docferry.config.rules import Defaults, RuleConfig, RuleTest
from docferry.config.translate import problems_of
from docferry.config.yamlsource import Source, read_source

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Part:
    """One file. ``file`` is None when nothing of it could be read, and not ``whole`` when something was wrong.

    Rules and tests keep the places at which they are written, also when some before them are wrong. ``maimed`` are
    what is left of wrong rules without the keys that are wrong, which stand beside them.
    """

    source: Source
    file: ConfigFile | RulesFile | None
    inboxes: tuple[tuple[int, InboxConfig], ...]
    rules: tuple[tuple[int, RuleConfig], ...]
    tests: tuple[tuple[int, RuleTest], ...]
    problems: tuple[Problem, ...]
    maimed: tuple[tuple[int, RuleConfig, frozenset[str]], ...] = ()

    @property
    def whole(self) -> bool:
        return not self.problems

    def names(self, key: str) -> tuple[str, ...]:
        """The names of inboxes or providers as they are written, right or wrong."""
        written = self.source.data.get(key) if isinstance(self.source.data, dict) else None
        if isinstance(written, dict):
            return tuple(written)
        entries = written if isinstance(written, list) else []
        return tuple(str(entry["name"]) for entry in entries if isinstance(entry, dict) and entry.get("name"))


def read_part(path: Path, shown_as: str, model: type[ConfigFile] | type[RulesFile]) -> Part:
    """Reads one file. Nothing is raised: what is wrong is in the part's problems."""
    source = read_source(path, shown_as)
    if source.data is None and source.problems:
        return Part(source, None, (), (), (), tuple(source.problems))
    try:
        file: ConfigFile | RulesFile = _validated(model, source.data, path.parent)
    except ValidationError as error:
        problems = (*source.problems, *problems_of(error, source, model))
        return _salvaged(source, model, path.parent, problems)
    inboxes = tuple(enumerate(file.inboxes)) if isinstance(file, ConfigFile) else ()
    rules, tests = tuple(enumerate(file.rules)), tuple(enumerate(file.tests))
    return Part(source, file, inboxes, rules, tests, tuple(source.problems))


def _validated(model: type[_Model], data: Any, base: Path) -> _Model:
    """``data`` as the model, by the names that YAML uses."""
    return model.model_validate(data, by_alias=True, by_name=False, context={"base": base})


def _salvaged(
    source: Source, model: type[ConfigFile] | type[RulesFile], base: Path, problems: tuple[Problem, ...]
) -> Part:
    """What of the file is right, piece by piece."""
    data = source.data if isinstance(source.data, dict) else {}
    rules = _right_ones(RuleConfig, data.get("rules"), base)
    tests = _right_ones(RuleTest, data.get("tests"), base)
    inboxes = _right_ones(InboxConfig, data.get("inboxes"), base)
    values: dict[str, Any] = {}
    if model is ConfigFile:
        providers = data.get("providers")
        named = providers if isinstance(providers, dict) else {}
        entries = [{"name": name, **entry} if isinstance(entry, dict) else entry for name, entry in named.items()]
        values = {
            "inboxes": tuple(inbox for _, inbox in inboxes),
            "providers": {provider.name: provider for _, provider in _right_ones(ProviderConfig, entries, base)},
            "defaults": next((one for _, one in _right_ones(Defaults, [data.get("defaults")], base)), Defaults()),
        }
    maimed = tuple(_maimed_ones(data.get("rules"), base))
    return Part(source, model.model_construct(None, **values), inboxes, rules, tests, problems, maimed)


def _right_ones(model: type[_Model], entries: Any, base: Path) -> tuple[tuple[int, _Model], ...]:
    """The entries that are right, each with its place in the list."""
    right: list[tuple[int, _Model]] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            right.append((index, _validated(model, entry, base)))
        except ValidationError:
            continue  # reported with the whole file
    return tuple(right)


def _maimed_ones(entries: Any, base: Path) -> Iterator[tuple[int, RuleConfig, frozenset[str]]]:
    """Of each wrong rule what can be read without its wrong keys: what is wrong in the rest is known all the same."""
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, dict):
            continue
        try:
            _validated(RuleConfig, entry, base)
        except ValidationError as error:
            rest, dropped = _without(entry, [problem["loc"] for problem in error.errors(include_url=False)])
            try:
                yield index, _validated(RuleConfig, {"name": "nameless", **rest}, base), dropped
            except ValidationError:
                continue


def _without(entry: dict[str, Any], wrong: list[tuple[int | str, ...]]) -> tuple[dict[str, Any], frozenset[str]]:
    """``entry`` without its wrong keys; of a mapping in it only the key that is wrong is left out."""
    rest = {key: dict(value) if isinstance(value, dict) else value for key, value in entry.items()}
    for key, *inner in wrong:
        within = rest.get(str(key))
        if inner and isinstance(within, dict):
            within.pop(inner[0], None)
        else:
            rest.pop(str(key), None)
    return rest, frozenset(str(key) for key, *_ in wrong)
