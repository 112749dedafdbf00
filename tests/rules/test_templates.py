"""Templates put names into fields, and names never get out of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.config.template import fault, variables
from docferry.rules.fill import fill_name, fill_options, safe_path

MOMENT = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
VALUES = {
    "name": "a b.pdf", "stem": "a b", "extension": "pdf", "path": "x/a b.pdf", "inbox": "scans", "sha256": "12ab",
    "id": "id0", "customer": "acme",
}  # fmt: skip
NAMES = st.text(max_size=20) | st.sampled_from(
    ["..", "../..", "/etc/passwd", "{stem}", "{{x}}", '"}', "a\x00b", "\udcff", ".", ""]
)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{name}|{stem}|{extension}|{path}|{inbox}|{sha256}|{id}", "a b.pdf|a b|pdf|x/a b.pdf|scans|12ab|id0"),
        ("{date}", "2026-03-01"),
        ("{date:%Y-%m}/{date:%d.%m.%y}", "2026-03/01.03.26"),
        ("{customer}", "acme"),
        ("{{name}} is {name}", "{name} is a b.pdf"),
        (r"^\d{4}$ {1,3} {} { a } {a-b}", r"^\d{4}$ {1,3} {} { a } {a-b}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("100 % {", "100 % {"),
    ],
)
def test_only_names_in_single_braces_are_templates(text: str, filled: str) -> None:
    assert fill_options(text, VALUES, MOMENT) == filled


def test_options_are_filled_wherever_text_stands_but_never_in_keys() -> None:
    options = {"{name}": ["{stem}", 5, None, True, {"deep": "{inbox}"}]}

    assert fill_options(options, VALUES, MOMENT) == {"{name}": ["a b", 5, None, True, {"deep": "scans"}]}


@given(NAMES)
def test_json_stays_json_whatever_a_file_is_called(name: str) -> None:
    text = '{"title": "{name}", "tags": ["{name}", 1], "schema": {"pattern": "^\\\\d{4}$"}}'

    filled = fill_options(text, {**VALUES, "name": name}, MOMENT)

    decoded = json.loads(filled)
    assert set(decoded) == {"title", "tags", "schema"}
    assert decoded["tags"][1] == 1
    assert decoded["schema"] == {"pattern": "^\\d{4}$"}
    assert decoded["title"].isprintable()


@given(NAMES)
def test_what_is_put_in_is_not_looked_at_again_and_can_be_sent(name: str) -> None:
    filled = fill_options("<{name}>", {**VALUES, "name": name, "stem": "SECOND"}, MOMENT)

    assert len(filled) == len(name) + 2
    assert "SECOND" not in filled.replace(name, "")
    filled.encode("utf-8")
    assert "\n" not in filled


@given(
    st.dictionaries(st.sampled_from([*VALUES, "customer"]), NAMES),
    st.lists(
        st.sampled_from(["{name}", "{stem}", "{path}", "{customer}", "/", "..", "-", "{date:%Y/%m}", "x"]),
        min_size=1,
        max_size=6,
    ),
)
def test_an_output_name_never_leaves_its_folder(values: dict[str, str], parts: list[str]) -> None:
    name = fill_name("".join(parts), {**VALUES, **values, "id": "id0"}, MOMENT)

    path = PurePosixPath(name)
    assert name
    assert not path.is_absolute()
    assert not {"..", ".", ""} & set(name.split("/"))
    assert all(len(part.encode("utf-8", "surrogateescape")) <= 200 for part in path.parts)
    assert not any(character < " " for character in name)


def test_a_value_is_one_name_and_only_path_brings_folders() -> None:
    values = {**VALUES, "customer": "../../etc", "path": "x/../y/a.pdf"}

    assert fill_name("{customer}/{stem}", values, MOMENT) == ".._.._etc/a b"
    assert fill_name("{path}", values, MOMENT) == "x/y/a.pdf"
    assert fill_name("../{customer}", {**VALUES, "customer": ".."}, MOMENT) == "id0"
    assert safe_path("/a//b/./c/") == "a/b/c"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="{}"), max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_options_without_templates_are_sent_as_they_are(options: Any) -> None:
    assert fill_options(options, VALUES, MOMENT) == options


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{stm}", "is not a variable; known are name, stem, extension, path, inbox, date, sha256, id, customer"),
        ("{stem:%Y}", "takes no format"),
        ("{date:%Q}", "knows no %Q"),
        ("{date:%}", "knows no %"),
        ("{date:%Y%m%d %H}", None),
        ("{customer}", None),
        ("{__class__}", "is not a variable"),
    ],
)
def test_faults_of_templates(text: str, message: str | None) -> None:
    ((name, form),) = variables(text)

    found = fault(name, form, frozenset({"customer"}))

    assert found is None if message is None else found is not None and message in found


def test_attributes_and_calls_are_no_templates() -> None:
    for text in ("{name.__class__}", "{name[0]}", "{name!r}", "{0}", "{}", "{name()}"):
        assert list(variables(text)) == []
        assert fill_options(text, VALUES, MOMENT) == text
