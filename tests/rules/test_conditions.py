"""Each condition alone, and together: True, False, or the fact that is missing."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from docferry.config.rules import WhenConfig
from docferry.errors import FactError
from docferry.models import Json
from docferry.rules.conditions import Missing, compile_when, groups
from docferry.rules.evaluate import comparable
from docferry.rules.known import unreadable
from rules.work import NOW, facts

DAY = 86400.0


def _judge(when: dict[str, Any], known: dict[str, Json]) -> object:
    condition = compile_when(WhenConfig.model_validate(when, by_alias=True, by_name=False, context={}))
    return condition.check(comparable(known))


@pytest.mark.parametrize(
    ("when", "path", "holds"),
    [
        ({"inbox": "scans"}, "a", True),
        ({"inbox": ["mail", "fax"]}, "a", False),
        ({"name": "*.pdf"}, "deep/er/a.pdf", True),
        ({"name": "*.pdf"}, "a.PDF", False),
        ({"name": ["*.png", "*receipt*"]}, "x/my receipt.jpg", True),
        ({"name": "[ab].pdf"}, "b.pdf", True),
        ({"name": "?.pdf"}, "ab.pdf", False),
        ({"name": ".*"}, ".hidden", True),
        ({"name": "*"}, ".hidden", True),
        ({"path": "contracts/**"}, "contracts/a.pdf", True),
        ({"path": "contracts/**"}, "contracts/x/y/a.pdf", True),
        ({"path": "contracts/**"}, "old contracts/a.pdf", False),
        ({"path": "contracts/**"}, "contracts", False),
        ({"path": "contracts/*"}, "contracts/x/a.pdf", False),
        ({"path": "*/a.pdf"}, "x/a.pdf", True),
        ({"path": "**/a.pdf"}, "a.pdf", True),
        ({"path": "**/a.pdf"}, "x/y/a.pdf", True),
        ({"path": "a/**/b.pdf"}, "a/b.pdf", True),
        ({"path": "**"}, "x/.hidden/a", True),
        ({"path": "!a.pdf"}, "b.pdf", False),
        ({"path": "{a,b}.pdf"}, "a.pdf", False),
        ({"regex": r"^(?P<year>\d{4})/"}, "2026/a.pdf", True),
        ({"regex": r"^\d+$"}, "2026/a.pdf", False),
        ({"regex": ["^x", "pdf$"]}, "a.pdf", True),
        ({"extension": "pdf"}, "a.PDF", True),
        ({"extension": ".Tar.gz"}, "a.tar.GZ", True),
        ({"extension": "pdf"}, "apdf", False),
        ({"extension": "pdf"}, "a.pdf.txt", False),
        ({"size": "< 1 kB"}, "a", False),
        ({"size": ["0", "1000 B"]}, "a", True),
        ({"modified": "newer than 2 h"}, "a", True),
        ({"modified": "older than 2 h"}, "a", False),
        ({"modified": ["older than 2 h", "< 2030-01-01"]}, "a", True),
        ({}, "a", True),
        ({"any": [{"name": "a"}, {"name": "b"}]}, "b", True),
        ({"any": [{"name": "a"}, {"name": "b"}]}, "c", False),
        ({"all": [{"name": "a*"}, {"name": "*b"}]}, "ab", True),
        ({"all": [{"name": "a*"}, {"name": "*b"}]}, "ac", False),
        ({"not": {"name": "a"}}, "a", False),
        ({"not": {"name": "a", "size": "> 5 MB"}}, "a", True),
        ({"name": "a*", "not": {"any": [{"name": "*b"}, {"name": "*c"}]}}, "ad", True),
    ],
)
def test_conditions_on_what_is_known_without_opening_the_file(when: dict[str, Any], path: str, holds: bool) -> None:
    assert _judge(when, facts(path)) is holds


@pytest.mark.parametrize(
    ("when", "known", "holds"),
    [
        ({"type": "application/pdf"}, {"type": "application/pdf"}, True),
        ({"type": "image/*"}, {"type": "image/png"}, True),
        ({"type": "image/*"}, {"type": "text/plain"}, False),
        ({"type": "*/*"}, {"type": "text/plain"}, True),
        ({"type": "image/svg+xml"}, {"type": "image/svgxxml"}, False),
        ({"type": "IMAGE/PNG"}, {"type": "image/png"}, True),
        ({"pages": ">= 50"}, {"pages": 50}, True),
        ({"pages": 3}, {"pages": 4}, False),
        ({"pages": ["1", "> 100"]}, {"pages": 101}, True),
        ({"encrypted": True}, {"encrypted": True}, True),
        ({"encrypted": False}, {"encrypted": True}, False),
        ({"class": "Invoice"}, {"class": "invoice"}, True),
        ({"class": ["a", "b"]}, {"class": "Other"}, False),
        ({"class": "None"}, {"class": None}, False),
        ({"text": "(?i)invoice"}, {"text:(?i)invoice": True}, True),
        ({"text": "(?i)invoice"}, {"text:(?i)invoice": False}, False),
        ({"text": ["a", "b"]}, {"text:a": False, "text:b": True}, True),
        ({"text": "(?i)invoice"}, {"text": "An INVOICE"}, True),
        ({"text": "invoice"}, {"text": "a letter"}, False),
    ],
)
def test_conditions_on_what_is_in_the_file(when: dict[str, Any], known: dict[str, Json], holds: bool) -> None:
    assert _judge(when, facts(**known)) is holds


@pytest.mark.parametrize(
    ("when", "known", "verdict"),
    [
        ({"pages": 3}, {}, Missing("pages")),
        ({"name": "b", "pages": 3}, {}, False),
        ({"any": [{"pages": 3}, {"name": "a.pdf"}]}, {}, True),
        ({"any": [{"pages": 3}, {"name": "b"}]}, {}, Missing("pages")),
        ({"not": {"pages": 3}}, {}, Missing("pages")),
        ({"not": {"name": "b", "pages": 3}}, {}, True),
        ({"pages": 3, "type": "image/*"}, {}, Missing("type")),
        ({"pages": 3, "type": "image/*"}, {"type": "text/plain"}, False),
        ({"text": "x", "encrypted": True}, {}, Missing("encrypted")),
        ({"text": "x", "class": "y"}, {}, Missing("text:x")),
        ({"any": [{"class": "y"}, {"text": "x"}]}, {}, Missing("text:x")),
        ({"pages": 3}, {"pages": unreadable("torn")}, Missing("pages", "torn")),
        ({"pages": 3, "type": "image/*"}, {"pages": unreadable("torn")}, Missing("type")),
        ({"pages": 3, "type": "a/b"}, {"pages": unreadable("torn"), "type": "c/d"}, False),
        ({"any": [{"pages": 3}, {"type": "a/b"}]}, {"pages": unreadable("torn"), "type": "a/b"}, True),
        (
            {"any": [{"pages": 3}, {"type": "a/b"}]},
            {"pages": unreadable("torn"), "type": "c/d"},
            Missing("pages", "torn"),
        ),
        ({"pages": 3, "class": "y"}, {"pages": unreadable("torn")}, Missing("class")),
        ({"any": [{"pages": 3}, {"class": "y"}]}, {"pages": unreadable("torn")}, Missing("pages", "torn")),
    ],
)
def test_a_missing_fact_counts_only_where_the_outcome_hangs_on_it(
    when: dict[str, Any], known: dict[str, Json], verdict: object
) -> None:
    assert _judge(when, facts(**known)) == verdict


def test_names_are_compared_whichever_way_their_accents_are_written() -> None:
    composed, decomposed = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")

    for pattern in (composed, decomposed):
        for name in (composed, decomposed):
            assert _judge({"name": f"*{pattern}*"}, facts(f"caf{name}.pdf")) is True
            assert _judge({"regex": f"caf{pattern}"}, facts(f"x/caf{name}.pdf")) is True


def test_names_that_are_no_text_are_compared_all_the_same() -> None:
    assert _judge({"name": "*.pdf", "path": "a/**"}, facts("a/\udcff\udcfe.pdf")) is True


@pytest.mark.parametrize("kind", ["regex", "text"])
def test_a_pattern_that_takes_too_long_is_said_not_waited_for(kind: str) -> None:
    slow = "^(a|aa)+$"
    known = facts("a" * 80 + "b", text="a" * 80 + "b")

    verdict = _judge({kind: slow}, known)

    assert isinstance(verdict, Missing)
    assert "takes too long" in verdict.reason


def test_named_groups_become_variables() -> None:
    when = WhenConfig(
        regex=(r"^(?P<customer>[^/]+)/((?P<year>\d+)/)?",), any=(WhenConfig(regex=(r"(?P<last>\w)\.pdf$",)),)
    )

    assert groups(when, facts("acme/b.pdf")) == {"customer": "acme", "year": "", "last": "b"}


def test_groups_are_found_whichever_way_their_accents_are_written() -> None:
    when = WhenConfig(regex=(unicodedata.normalize("NFD", r"^(?P<who>café)/"),))

    assert groups(when, comparable(facts(unicodedata.normalize("NFC", "café/b.pdf")))) == {"who": "café"}


def test_a_pattern_that_nobody_had_to_try_cannot_hang_the_groups_either() -> None:
    when = WhenConfig(any=(WhenConfig(name=("*b",)), WhenConfig(regex=("^(?P<all>(a|aa)+)$",))))

    with pytest.raises(FactError, match="takes too long"):
        groups(when, facts("a" * 80 + "b"))


def test_moments_compare_with_the_time_of_routing() -> None:
    old = {**facts(), "modified": NOW - 40 * DAY}

    assert _judge({"modified": "older than 30 days"}, old) is True
    assert _judge({"modified": "newer than 30 days"}, old) is False
    assert _judge({"modified": "newer than 1 h"}, {**facts(), "modified": NOW + DAY}) is True
