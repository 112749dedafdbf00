"""Any YAML at all gives either a configuration or located errors, never a traceback."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.test_config_values import DESIGN
from config.work import VALID
from docferry.config import Config, load
from docferry.config.jsonschema import config_schema
from docferry.errors import ConfigError

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_HEADLINE = re.compile(r"(docferry\.yaml|rules\.d/a\.yaml)(:\d+:\d+)?: .+")
_TRAPS = {
    "",
    "no",
    "017",
    "*",
    "**",
    "<<",
    "a: b",
    "> 5",
    "{stem}",
    "{date:%Q}",
    "{x}",
    "2s",
    "(a",
    "[",
    "\x00",
    "é\ud7ff",
}
_WORDS = sorted(_TRAPS | set(re.findall(r'"(\w+)":', str(config_schema()).replace("'", '"'))))
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_WORDS) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4),
    max_leaves=12,
)


def _outcome(content: bytes, rules: bytes | None = None) -> Config | list[str]:
    """The configuration, or its problems, each of which must have a place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docferry.yaml"
        path.write_bytes(content)
        if rules is not None:
            (Path(folder) / "rules.d").mkdir()
            (Path(folder) / "rules.d" / "a.yaml").write_bytes(rules)
        try:
            return load(path, environ={})
        except ConfigError as error:
            problems = error.problems
    assert problems
    for problem in problems:
        assert _HEADLINE.fullmatch(problem.splitlines()[0]), problem
        assert all(line.isprintable() for line in problem.split("\n")), problem
    return problems


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@QUICK
def test_any_bytes(content: bytes) -> None:
    assert _outcome(content, rules=content)


@given(_ANYTHING)
@QUICK
def test_any_data(value: Any) -> None:
    assert _outcome(yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in items for place in _places(value, (*path, key)))]


_DESIGN = yaml.safe_load(DESIGN)


@given(st.sampled_from(_places(_DESIGN)[1:]), _ANYTHING)
@QUICK
def test_anything_anywhere_in_a_good_configuration(place: tuple[Any, ...], value: Any) -> None:
    data = yaml.safe_load(DESIGN)
    node = data
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value

    assert _outcome(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))


@given(st.integers(0, len(VALID)), st.integers(0, 12), st.text(max_size=6))
@QUICK
def test_a_slip_of_the_hand_anywhere(start: int, length: int, typed: str) -> None:
    text = VALID[:start] + typed + VALID[start + length :]

    assert _outcome(text.encode("utf-8", "surrogatepass"))
