"""The JSON Schema comes from the models that read the configuration, and says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from config.test_config_values import DESIGN
from config.work import VALID
from docferry.cli.schema import command
from docferry.config.jsonschema import config_schema, rules_schema
from docferry.config.starting import starting_text
from docferry.config.yamlsource import parse, read_source

ROOT = Path(__file__).parents[2]
SAMPLES = [ROOT / "config" / "docferry.yaml", *sorted((ROOT / "config" / "gallery").glob("*.yaml"))]
VALIDATOR = Draft202012Validator(config_schema())


def _faults(text: str) -> list[str]:
    data = parse(text.encode(), "x.yaml").data
    return [error.json_path for error in VALIDATOR.iter_errors(data)]


def test_defaults_are_shown_as_they_would_be_written() -> None:
    properties = {
        f"{name}.{key}": node
        for name, model in config_schema()["$defs"].items()
        for key, node in model.get("properties", {}).items()
    }
    wanted = {
        "InboxConfig.settle": "2 s",
        "InboxConfig.alert_after": "30 min",
        "ProviderConfig.job_timeout": "2 h",
        "ProviderConfig.concurrency": 8,
        "ProviderConfig.max_answer": "500 MB",
        "LimitsConfig.memory": "1 GB",
        "LimitsConfig.pages": 5000,
    }
    assert {name: properties[name]["default"] for name in wanted} == wanted
    for name, node in properties.items():
        if "default" in node:
            assert Draft202012Validator(node).is_valid(node["default"]), name


def test_the_schemas_are_sound() -> None:
    Draft202012Validator.check_schema(config_schema())
    Draft202012Validator.check_schema(rules_schema())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_every_sample_meets_the_schema(sample: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read_source(sample, sample.name).data)] == []


def test_the_designs_example_and_short_forms_meet_it() -> None:
    assert _faults(DESIGN) == []
    assert _faults(VALID.replace("failed: ./failed", "failed: ./failed\n    sidecar: required")) == []
    assert _faults(VALID.replace("failed: ./failed", "failed: ./failed\n    sidecar: [options.pages]")) == []
    assert (
        _faults(VALID + "    fallback: nano\n    steps: [extract]\n    when: {pages: 5, size: ['< 5 MB', 0]}\n") == []
    )
    assert _faults(VALID + "alerts: {urls: [{env: A}, 'json://x'], command: [notify, me]}\n") == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("state:", "stat:", "$"),
        ("settle: 2s", "settle: 2", "$.inboxes[0].settle"),
        ("watch: auto", "watch: sometimes", "$.inboxes[0].watch"),
        ("key: {env: PULSE_API_KEY}", "key: sk-12345", "$.providers.pulse.key"),
        ("key: {env: PULSE_API_KEY}", "key: {env: A, file: B}", "$.providers.pulse.key"),
        ("dialect: pulse, engine", "name: x, dialect: pulse, engine", "$.providers.local"),
        ('pages: ">= 50"', "pages: -5", "$.rules[0].when.pages"),
        ("- extract: {output", "- extrakt: {output", "$.rules[1].steps"),
        ("recursive: true", "recursive: no", "$.inboxes[0].recursive"),
    ],
)
def test_what_is_wrong_does_not(old: str, new: str, path: str) -> None:
    assert old in DESIGN

    assert any(fault.startswith(path) for fault in _faults(DESIGN.replace(old, new)))


def _properties(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield from ((name, inner) for name, inner in node.get("properties", {}).items() if isinstance(inner, dict))
        for value in node.values():
            yield from _properties(value)
    elif isinstance(node, list):
        for value in node:
            yield from _properties(value)


def test_every_setting_is_described_and_many_have_examples() -> None:
    properties = list(_properties(config_schema()))

    undescribed = {name for name, node in properties if not node.get("description") and "$ref" not in node}
    assert undescribed == set()
    assert json.dumps(config_schema()).count('"examples"') > 30


def test_the_command_prints_it() -> None:
    result = CliRunner().invoke(command, [])

    assert result.exit_code == 0
    assert json.loads(result.output) == config_schema()
    assert json.loads(CliRunner().invoke(command, ["--rules"]).output) == rules_schema()


def test_the_starting_configuration_is_the_sample() -> None:
    assert (ROOT / "config" / "docferry.yaml").read_text() == starting_text()
