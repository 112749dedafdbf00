"""What is read of a document before it is sent: nothing where nothing hangs on it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from docferry.config.models import ProviderConfig
from docferry.models import Json, Plan, StepPlan
from docferry.pipeline.pages import AT_MOST, Target, page_facts
from docferry.providers.base import Capabilities

BOTH = frozenset({"extract", "split"})
CAPABILITIES = Capabilities(BOTH, BOTH, BOTH, False, False, False, frozenset())
LETTER = b"A letter of the twelfth of May.\n"


class Reader:
    """Counts three pages in anything but text, as the reader of facts would."""

    def __init__(self) -> None:
        self.asked: list[frozenset[str]] = []

    async def read(self, path: Path, names: frozenset[str]) -> dict[str, Json]:
        self.asked.append(names)
        found: Json = {"unreadable": "text"} if path.suffix == ".txt" else 3
        return {"type": "?", "pages": found}


def facts(
    tmp_path: Path, content: bytes, *, name: str = "a.txt", mode: str = "auto", known: Any = None, **provider: Any
):  # type: ignore[no-untyped-def]
    """The facts that are read, and whether the reader was asked."""
    file, reader = tmp_path / name, Reader()
    file.write_bytes(content)
    config = ProviderConfig.model_validate({"dialect": "pulse", "url": "http://x", **provider})
    plan = Plan("all", "", "peer", (StepPlan("extract"),), mode=mode)
    found = asyncio.run(page_facts(Target(CAPABILITIES, config), plan, known or {}, file, len(content), reader))
    return found, bool(reader.asked)


def test_most_documents_are_told_by_their_bytes(tmp_path: Path) -> None:
    assert facts(tmp_path, LETTER) == ({AT_MOST: 1}, False)
    assert facts(tmp_path, b"\x89PNG\r\n\x1a\n") == ({AT_MOST: 1}, False)
    assert facts(tmp_path, b"%PDF-1.4 /Count 4") == ({AT_MOST: 4}, False)


def test_the_engine_on_this_machine_is_no_exception(tmp_path: Path) -> None:
    assert facts(tmp_path, LETTER, url=None, engine="embedded") == ({AT_MOST: 1}, False)


def test_the_others_are_counted(tmp_path: Path) -> None:
    assert facts(tmp_path, b"PK\x03\x04", name="a.docx") == ({"type": "?", "pages": 3}, True)


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "async"},
        {"known": {"pages": 2}},
        {"content": b"x" * 2_000_001},  # beyond sync_max_size
    ],
)
def test_nothing_is_read_where_nothing_hangs_on_it(tmp_path: Path, given: dict[str, Any]) -> None:
    assert facts(tmp_path, given.pop("content", LETTER), **given) == ({}, False)


def test_a_rate_in_pages_wants_them_counted(tmp_path: Path) -> None:
    assert facts(tmp_path, b"%PDF-1.4 /Count 4", name="a.pdf", mode="async", pages_rate="20/min")[0]["pages"] == 3
    assert facts(tmp_path, LETTER * 200, mode="async", pages_rate="20/min")[0][AT_MOST] == 4  # a text has no number


def test_a_file_that_cannot_be_read_now_decides_nothing(tmp_path: Path) -> None:
    plan = Plan("all", "", "peer", (StepPlan("extract"),))
    target = Target(CAPABILITIES, ProviderConfig.model_validate({"dialect": "pulse", "url": "http://x"}))
    assert asyncio.run(page_facts(target, plan, {}, tmp_path / "gone", 5, Reader())) == {}
