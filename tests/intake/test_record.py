"""The record beside a claimed original: any name survives, nothing hostile gets through."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.intake.record import Record, parse, to_bytes
from docferry.models import FileIdentity

IDENTITY = FileIdentity(65024, 12, 345, 1_700_000_000_123_456_789, -5)
parts = st.binary(min_size=1, max_size=40).filter(lambda b: b not in (b".", b"..") and not set(b) & {0, ord("/")})
paths = st.lists(parts, min_size=1, max_size=4).map(lambda names: os.fsdecode(b"/".join(names)))


@given(paths, st.none() | st.text())
def test_every_name_that_a_filesystem_allows_survives(path: str, problem: str | None) -> None:
    record = Record("0123456789abcdef", "scans", path, IDENTITY, 1.5, "me", problem)
    assert parse(to_bytes([record])) == {record.id: record}


def test_a_batch_shares_one_record() -> None:
    records = [Record(f"id{number}", "scans", f"{number}.pdf", IDENTITY, 1.5, "me") for number in range(3)]
    assert list(parse(to_bytes(records)).values()) == records


@given(st.binary(max_size=200))
def test_what_a_crash_left_is_no_record(data: bytes) -> None:
    assert parse(data) == {}


def test_every_torn_record_is_no_record() -> None:
    data = to_bytes([Record("0123456789abcdef", "scans", "a.pdf", IDENTITY, 1.5, "me")])
    for length in range(len(data)):
        assert parse(data[:length]) == {}


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/../../b", "a//b", ".", "a\0b", ""])
def test_a_path_that_leads_out_of_the_inbox_is_refused(path: str) -> None:
    assert parse(to_bytes([Record("0123456789abcdef", "scans", path, IDENTITY, 1.5, "me")])) == {}


@pytest.mark.parametrize("change", [{"identity": [1]}, {"identity": "x"}, {"path": "%"}, {"path": 5}, {"seen_at": []}])
def test_a_record_of_other_types_is_no_record(change: dict[str, object]) -> None:
    data = json.loads(to_bytes([Record("0123456789abcdef", "scans", "a.pdf", IDENTITY, 1.5, "me")]))
    data["documents"][0].update(change)
    assert parse(json.dumps(data).encode()) == {}
