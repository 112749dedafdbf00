"""YAML's traps are caught and explained, and text means what YAML 1.2 says it means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.work import VALID, only_problem, problems, read, with_rules
from docferry.config.yamlsource import SIZE_LIMIT_BYTES, OldNumber, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", OldNumber("017")),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("9" * 400, "9" * 400),
        ("'12'", "12"),
        ('"no"', "no"),
        ("!!str 12", "12"),
        ("=", "="),
    ],
)
def test_plain_text_means_what_yaml_1_2_says(text: str, value: object) -> None:
    source = parse(f"a: {text}".encode(), "x.yaml")

    assert source.problems == []
    assert source.data == {"a": value}
    assert type(source.data["a"]) is type(value)


def test_norway_is_a_country_as_key_and_as_value() -> None:
    source = parse(b"countries: [se, no]\nno: Norway\n", "x.yaml")

    assert source.data == {"countries": ["se", "no"], "no": "Norway"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a: 1\n\tb: 2\n", "x.yaml:2:1: a tab character", "never with tabs"),
        ("a:\n\t- 1\n", "a tab character", "never with tabs"),
        ("a: 1\nb: [1, 2\nc: 3\n", "x.yaml:2:4: not YAML: a [ that is never closed", ""),
        ("a: {b: 1\nc: 3\n", "x.yaml:1:4: not YAML: a { that is never closed", ""),
        ('a: "b\nc: 3\n', "x.yaml:1:4: not YAML: a quote that is never closed", ""),
        ('a: [x, "y" z]\n', "x.yaml:1:12: not YAML", "a pair of quotes is missing here"),
        ("a:\n  - b: 1\n  c: 2\n", "x.yaml:3:3: not YAML", "indentation does not fit the lines above"),
        ("a:\n   b: 1\n  c: 2\n", "x.yaml:3:3: not YAML", "indentation does not fit the lines above"),
        ("pages: >= 50\n", "x.yaml:1:9: not YAML", 'quote a comparison: ">= 50"'),
        ("pages: > 50\n", "x.yaml:1:10: not YAML", 'quote a comparison: "> 50"'),
        ("{pages: >= 50}\n", "x.yaml:1:9: not YAML", "quote a text that starts with"),
        ("name: {stem}/{date}\n", "x.yaml:1:13: not YAML", "put the whole text into quotes"),
        ("name: 'it's'\n", "x.yaml:1:11: not YAML", "put the whole text into quotes"),
        ('regex: "\\d+"\n', "x.yaml:1:10: not YAML", "put patterns into single quotes"),
        ("a: b: c\n", "x.yaml:1:5: not YAML: mapping values are not allowed here", "quote a text that holds a colon"),
        ("a: *.pdf\n", "not YAML", "quote a text that starts with"),
        ("a: @x\n", "not YAML", "quote a text that starts with"),
        ("a: 1\n---\nb: 2\n", "a second YAML document", "remove the line ---"),
        ("a: 1\na: 2\n", 'x.yaml:2:1: a: the key "a" again', "line 1 already"),
        ("x: {a: 1, b: {c: 1, c: 2}}\n", 'x.yaml:1:21: x.b.c: the key "c" again', "line 1"),
        ("a: !!python/object:os.system x\n", "the tag python/object:os.system", "tags (!) have no meaning"),
        ("a: !secret x\n", "the tag !secret", "remove it"),
        ("a: !!set {x, y}\n", "the tag set", "remove it"),
        ("a: !!binary aGk=\n", "the tag binary", "remove it"),
        ("[a]: 1\n", "a key that is itself a list", "quote it"),
        ("{a: 1}: 1\n", "a key that is itself a list or a mapping", "quote it"),
        ("?\n: 1\n", "a key is missing", ""),
        ('a: "\\ud800"\n', "half a character", "whole character"),
        ("a: &x [1, *x]\n", "an anchor that contains itself", "inside its own anchor"),
        ("a: &x {b: *x}\n", "an anchor that contains itself", ""),
        ("a: &x\n  <<: *x\n", "an anchor that contains itself", ""),
        ("<<: 5\n", "<< wants a mapping", "<<: *name"),
        ("a: \x07\n", "a character that YAML does not allow: U+0007", ""),
        ("", "empty", ""),
        ("# only a remark\n", "empty", ""),
    ],
)
def test_a_trap_is_one_located_problem(text: str, message: str, hint: str) -> None:
    (problem,) = parse(text.encode(), "x.yaml").problems

    assert message in problem.headline
    assert hint in problem.hint


def test_text_that_is_not_utf_8_is_located() -> None:
    (problem,) = parse("name: ok\nname: größe\n".encode("latin-1"), "x.yaml").problems

    assert problem.headline == "x.yaml:2:9: not UTF-8 text"
    assert parse("name: größe\n".encode("utf-8-sig"), "x.yaml").data == {"name": "größe"}


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    (problem,) = parse("\n".join(lines).encode(), "x.yaml").problems

    assert "expands to more than" in problem.message
    assert "aliases" in problem.hint


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "a: " + "[" * 70 + "]" * 70])
def test_nesting_without_end_is_stopped(text: str) -> None:
    source = parse(text.encode(), "x.yaml")

    assert len(source.problems) == 1
    assert "nested more than" in source.problems[0].message or "not YAML" in source.problems[0].message


def test_a_file_of_hundreds_of_megabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "docferry.yaml").open("wb") as file:
        file.truncate(300_000_000)

    from docferry.config import load
    from docferry.errors import ConfigError

    with pytest.raises(ConfigError, match="larger than 2 MB, which no configuration is"):
        load(tmp_path / "docferry.yaml", environ={})
    assert parse(b"a" * (SIZE_LIMIT_BYTES + 1), "x").data is None


def test_anchors_and_merges_serve_repetition_and_keep_places(tmp_path: Path) -> None:
    text = with_rules(
        "  - &base {name: a, when: {name: a}, provider: local, deliver: &both {formats: [json, raw]}}\n"
        "  - {<<: *base, name: b, when: {name: b}, priority: 3}\n"
        "  - {name: c, provider: local, deliver: *both}\n"
    )

    rules = read(tmp_path, text).rules

    assert [(rule.name, rule.provider, rule.deliver.formats) for rule in rules] == [
        (name, "local", ("json", "raw")) for name in "abc"
    ]
    problem = only_problem(tmp_path, text.replace("priority: 3", "priority: low"))
    assert problem.startswith('docferry.yaml:13:53: rules[1].priority: found "low"')


def test_a_wrong_top_level_is_one_problem(tmp_path: Path) -> None:
    assert "found a list" in only_problem(tmp_path, "- a\n- b\n")
    assert "found 5" in only_problem(tmp_path, "5\n")


def test_long_lines_are_shown_around_the_place(tmp_path: Path) -> None:
    text = VALID.replace("scans", "scans\n    wat: 1 # " + "y" * 500)

    (problem,) = problems(tmp_path, text)

    lines = problem.splitlines()
    assert all(len(line) < 400 for line in lines)
    assert lines[1][lines[2].index("^") :].startswith("wat")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_json_is_read_as_it_is(value: object) -> None:
    # JSON is YAML: quoted text survives whatever it holds, except what YAML does not allow at all.
    text = json.dumps({"value": value})
    source = parse(text.encode(), "x.yaml")

    assert source.data == {"value": value} or source.problems
    assert all(problem.line for problem in source.problems)
