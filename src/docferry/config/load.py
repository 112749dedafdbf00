"""Finds, reads and checks a configuration: either frozen values, or every problem at once."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from docferry.config.checks import problems_in
from docferry.config.folders import user_folder, user_state
from docferry.config.models import Config, ConfigFile, RulesFile
from docferry.config.parts import Part, read_part
from docferry.config.problems import Problem
from docferry.config.written import Written
from docferry.config.yamlsource import read_source
from docferry.errors import ConfigError, UsageError

NAME = "docferry.yaml"
SYSTEM_PATH = Path("/etc/docferry/docferry.yaml")


def find_config(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """The configuration to use: the one named, else the folder's, the user's or the system's, whichever comes first."""
    if explicit is not None:
        if explicit.is_dir():
            return explicit / NAME
        return explicit
    candidates = [Path(NAME), user_folder(environ, "XDG_CONFIG_HOME", ".config") / NAME, SYSTEM_PATH]
    for candidate in candidates:
        if os.access(candidate, os.R_OK) and candidate.is_file():  # access: another user's home is no error
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
    main = read_part(path, path.name, ConfigFile)
    parts = [read_part(extra, f"rules.d/{extra.name}", RulesFile) for extra in rules_files(path)]
    problems = [problem for part in (main, *parts) for problem in part.problems]
    written = _join(main, parts) if main.file is not None else None
    if written is not None:
        problems += problems_in(written)
    if problems or written is None:
        ordered = sorted(dict.fromkeys(problems), key=lambda problem: _order(problem, path.name))
        raise ConfigError([str(problem) for problem in ordered])
    return _resolve(path, written, environ)


_STATE_LINE = re.compile(r"""^state:[ \t]+["']?([\w./~][^\s"'#]*)""", re.MULTILINE)


def state_folder(path: Path, *, environ: Mapping[str, str]) -> Path:
    """Where the ledger is, also when something else in the configuration is wrong: a running daemon is found there."""
    data = read_source(path.absolute(), path.name).data
    # No YAML at all, in the middle of an edit: the line alone may still be readable.
    state = data.get("state") if isinstance(data, dict) else _state_line(path)
    if isinstance(state, str) and state and "\0" not in state:
        return path.absolute().parent / Path(os.path.expanduser(state))  # noqa: PTH111 (an unknown user is no error)
    return user_state(environ)


def _state_line(path: Path) -> str | None:
    try:
        line = _STATE_LINE.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return line.group(1) if line else None


def _order(problem: Problem, main: str) -> tuple[bool, str, int, int]:
    return (problem.file != main, problem.file, problem.line, problem.column)


def _join(main: Part, parts: list[Part]) -> Written:
    """The rules of rules.d come first, in file order, so that the main file's last rule stays the last."""
    assert isinstance(main.file, ConfigFile)
    every = [*parts, main]
    return Written(
        source=main.source,
        file=main.file,
        inboxes=main.inboxes,
        rules=tuple((rule, part.source, index) for part in every for index, rule in part.rules),
        tests=tuple((test, part.source, index) for part in every for index, test in part.tests),
        inbox_names=main.names("inboxes"),
        provider_names=main.names("providers"),
        maimed=tuple((rule, part.source, index, wrong) for part in every for index, rule, wrong in part.maimed),
        whole=all(part.whole for part in every),
    )


def _resolve(path: Path, written: Written, environ: Mapping[str, str]) -> Config:
    file = written.file
    return Config(
        path=path,
        base=path.parent,
        state=file.state or user_state(environ),
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
        test_origins=tuple(source.where(("tests", index)) for _, source, index in written.tests),
    )


def _hash(written: Written) -> str:
    """Tells one set of rules from another: the first 16 hexadecimal digits over rules and defaults as they mean."""
    rules = [rule.model_dump(mode="json", exclude={"description"}) for rule, _, _ in written.rules]
    defaults = written.file.defaults.model_dump(mode="json")
    text = json.dumps([rules, defaults], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
