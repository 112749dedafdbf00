"""Names of results are safe wherever the outbox is looked at, and differ where the originals' names differ."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docferry.outbox.delivery import SUFFIXES
from docferry.outbox.names import (
    NAME_MAX_BYTES,
    SUFFIX_ROOM_BYTES,
    first_free,
    numbered,
    numbered_file,
    output_key,
    safe_path,
    with_suffix,
)

any_name = st.one_of(
    st.binary(min_size=1, max_size=300).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"x"))),
    st.text(max_size=300),
    st.from_regex(r"\A(?i:con|nul|com1|aux|lpt9)(\.[a-z]{0,4})?\Z"),
    st.from_regex(r"\A[-. ]{0,3}[a-z]{0,3}[. ]{0,3}\Z"),
    st.sampled_from(["..", ".", "/etc/passwd", "../../etc/passwd", "a/../../b", "~", "-rf", ".docferry-x.tmp"]),
)


@given(any_name)
@example("\ud800")  # a lone surrogate can come out of a YAML template
@example("a" * 300 + ".pdf")
@example("é" * 127 + "a")
def test_a_safe_path_is_safe_on_every_system(name: str) -> None:
    path = safe_path(name)
    for component in path.split("/"):
        assert component not in ("", ".", "..")
        assert len(component.encode()) <= NAME_MAX_BYTES  # strict UTF-8: no surrogate is left
        assert not component.startswith(("-", ".docferry"))
        assert not component.endswith((".", " "))
        assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in component)
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])", component.split(".")[0].rstrip())
    assert len(path.split("/")[-1].encode()) <= NAME_MAX_BYTES - SUFFIX_ROOM_BYTES
    assert safe_path(path) == path


@given(any_name, any_name)
def test_different_names_stay_different_unless_only_empty_parts_differ(one: str, other: str) -> None:
    def parts(path: str) -> list[str]:
        return [part for part in path.split("/") if part not in ("", ".")] or ["document"]

    assert (safe_path(one) == safe_path(other)) == (parts(one) == parts(other))


@pytest.mark.parametrize(
    "name",
    ["acme/invoice.pdf", "Größe 12:30 (2).PDF", "خط‌نویسی.pdf", ".hidden", "a b/c,d.tar.gz", "console.txt", "日本.pdf"],
)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert safe_path(name) == name


def test_an_altered_name_keeps_its_extension_and_stays_readable() -> None:
    assert re.fullmatch(r"acme/in_voice-[0-9a-f]{8}\.pdf", safe_path("acme/in\nvoice.pdf"))
    assert re.fullmatch(r"_-rf-[0-9a-f]{8}", safe_path("-rf"))
    assert re.fullmatch(r"_-[0-9a-f]{8}/_-[0-9a-f]{8}/etc", safe_path("../../etc"))
    assert re.fullmatch(r"_NUL-[0-9a-f]{8}\.pdf", safe_path("NUL.pdf"))


def test_the_longest_result_of_the_longest_name_can_be_created(tmp_path: Path) -> None:
    base = numbered(safe_path("ü" * 127 + ".pdf"), 1_234_567)
    for suffix in (*SUFFIXES, ".schema.1234.csv"):
        (tmp_path / (base + suffix)).write_bytes(b"")


@given(st.text(min_size=1, max_size=100), st.integers(2, 10**6))
def test_numbered_originals_fit_and_keep_their_extension(stem: str, number: int) -> None:
    name = stem.replace("/", "_").replace("\0", "_").encode("utf-8", "replace").decode()[:60] + ".pdf"
    result = numbered_file(name, number)
    assert result.endswith(f"~{number}.pdf")
    assert len(result.encode()) <= NAME_MAX_BYTES


def test_an_error_file_of_a_very_long_name_fits_and_stays_its_own() -> None:
    one, other = with_suffix("x" * 255, ".error.json"), with_suffix("x" * 254 + "y", ".error.json")
    assert one != other
    assert max(len(one), len(other)) <= NAME_MAX_BYTES
    assert with_suffix("a.pdf", ".error.json") == "a.pdf.error.json"


def test_names_that_a_share_takes_for_the_same_have_one_key() -> None:
    def key(base: str) -> str:
        return output_key("/out", base)

    assert key("Ä.PDF") == key("a\u0308.pdf") == key("ä.Pdf")
    assert key("straße") == key("STRASSE")
    assert key("\u1e9b\u0323") == key("\u1e69")  # a long s and a dot below: the case must be folded between the forms
    assert key("a.pdf") != key("b.pdf")
    assert key("a.pdf") != output_key("/Out", "a.pdf")  # two folders of this machine


@given(st.sets(st.integers(1, 200)))
def test_first_free_is_never_taken_and_asks_little(taken: set[int]) -> None:
    asked: list[int] = []

    def is_taken(number: int) -> bool:
        asked.append(number)
        return number in taken

    assert first_free(is_taken) not in taken
    assert len(asked) <= 20


@given(st.integers(0, 5000))
def test_first_free_is_the_lowest_where_there_are_no_gaps(count: int) -> None:
    assert first_free(lambda number: number <= count) == count + 1
