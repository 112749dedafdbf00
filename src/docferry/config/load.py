"""Finds, reads and checks a configuration: either frozen values, or every problem at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from docferry.config.checks import problems_in
from docferry.config.models import Config, ConfigFile, RulesFile
from docferry.config.problems import Problem
from docferry.config.rules import RuleConfig, RuleTest
from docferry.config.translate import problems_of
from docferry.config.written import Written
from docferry.config.yamlsource import Source, read_source
from docferry.errors import ConfigError, UsageError

NAME = "docferry.yaml"
SYSTEM_PATH = Path("/etc/docferry/docferry.yaml")

_Model = TypeVar("_Model", bound=BaseModel)


def find_config(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """The configuration to use: the one named, else the folder's, the user's or the system's, whichever comes first."""
    if explicit is not None:
        if explicit.is_dir():
            return explicit / NAME
        return explicit
    candidates = [Path(NAME), _user_folder(environ, "XDG_CONFIG_HOME", ".config") / NAME, SYSTEM_PATH]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = ", ".join(str(candidate) for candidate in candidates)
    raise UsageError(
        f"no configuration found; looked for {looked}", hint="docferry init writes one; or name it with -c FILE"
    )


def rules_files(path: Path) -> list[Path]:
    """The files in rules.d beside the configuration, in name order; hidden files and editors' leftovers left out."""
    folder = path.parent / "rules.d"
    return sorted(entry for entry in folder.glob("*.yaml") if not entry.name.startswith("."))


def load(path: Path, *, environ: Mapping[str, str]) -> Config:
    """The configuration at ``path``. ConfigError holds every problem that can be known without a document."""
    path = path.absolute()
    problems: list[Problem] = []
    main = _read(path, path.name, ConfigFile, problems)
    parts = [_read(extra, f"rules.d/{extra.name}", RulesFile, problems) for extra in rules_files(path)]
    written = _join(main, parts)
    if written is not None:
        problems += problems_in(written)
    if problems or written is None:
        ordered = sorted(
            dict.fromkeys(problems), key=lambda problem: (problem.file != path.name, problem.file, problem.line)
        )
        raise ConfigError([str(problem) for problem in ordered])
    return _resolve(path, written, environ)


def _read(path: Path, shown_as: str, model: type[_Model], problems: list[Problem]) -> tuple[Source, _Model | None]:
    source = read_source(path, shown_as)
    problems += source.problems
    if source.data is None and source.problems:
        return source, None
    try:
        return source, model.model_validate(source.data, by_alias=True, by_name=False, context={"base": path.parent})
    except ValidationError as error:
        problems += problems_of(error, source, model)
        return source, None


def _join(main: tuple[Source, ConfigFile | None], parts: list[tuple[Source, RulesFile | None]]) -> Written | None:
    """The rules of rules.d come first, in file order, so that the main file's last rule stays the last."""
    source, file = main
    if file is None:
        return None
    rules: list[tuple[RuleConfig, Source, int]] = []
    tests: list[tuple[RuleTest, Source, int]] = []
    for part_source, part in [*parts, (source, file)]:
        if part is not None:
            rules += [(rule, part_source, index) for index, rule in enumerate(part.rules)]
            tests += [(test, part_source, index) for index, test in enumerate(part.tests)]
    return Written(source, file, tuple(rules), tuple(tests))


def _resolve(path: Path, written: Written, environ: Mapping[str, str]) -> Config:
    file = written.file
    return Config(
        path=path,
        base=path.parent,
        state=file.state or _state_folder(environ),
        inboxes=file.inboxes,
        providers=file.providers,
        rules=tuple(rule for rule, _, _ in written.rules),
        defaults=file.defaults,
        tests=tuple(test for test, _, _ in written.tests),
        engine=file.engine,
        log=file.log,
        keep_history_s=file.keep_history_s,
        shutdown_grace_s=file.shutdown_grace_s,
        control=file.control,
        metrics=file.metrics,
        alerts=file.alerts,
        rules_hash=_hash(written),
        sources=(path, *rules_files(path)),
        origins={rule.name: source.where(("rules", index)) for rule, source, index in written.rules},
    )


def _hash(written: Written) -> str:
    """Tells one set of rules from another: the first 16 hexadecimal digits over rules and defaults as they mean."""
    rules = [rule.model_dump(mode="json", exclude={"description"}) for rule, _, _ in written.rules]
    defaults = written.file.defaults.model_dump(mode="json")
    text = json.dumps([rules, defaults], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _state_folder(environ: Mapping[str, str]) -> Path:
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else _user_folder(environ, "XDG_STATE_HOME", ".local/state")


def _user_folder(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    given = Path(environ.get(variable, ""))
    home = Path(environ.get("HOME") or "/")
    return (given if given.is_absolute() else home / below_home) / "docferry"
