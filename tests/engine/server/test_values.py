"""The parts that decide: settings, the fair queue, saved documents, retention, tables, titles of results."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from docferry.engine.document_json import document_from_json, document_to_json
from docferry.engine.extraction.model import Block, BlockKind, Box, Cell, Document, Page, Table, Word
from docferry.engine.fairness import FairQueue
from docferry.engine.process import worker_environment
from docferry.engine.pulse.options import TablesConfig
from docferry.engine.pulse.tables import tables_output
from docferry.engine.retention import beyond
from docferry.engine.settings import SettingsError, settings_from_json

NAMES = st.sampled_from(["ann", "bob", "cy"])


class FairQueueMachine(RuleBasedStateMachine):
    """The queue beside a plain model: each task comes out once, in its client's order, and no client is passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = FairQueue()
        self.lines: dict[str, list[str]] = {}
        self.passed_over: Counter[str] = Counter()
        self.number = 0

    @rule(client=NAMES)
    def push(self, client: str) -> None:
        self.number += 1
        self.queue.push(client, f"{client}-{self.number}")
        self.lines.setdefault(client, []).append(f"{client}-{self.number}")

    @rule()
    def pop(self) -> None:
        waiting = [client for client, line in self.lines.items() if line]
        task = self.queue.pop()
        if not waiting:
            assert task is None
            return
        assert task is not None
        client = task.split("-")[0]
        assert self.lines[client].pop(0) == task
        self.passed_over[client] = 0
        for other in waiting:
            self.passed_over[other] += other != client
            assert self.passed_over[other] < len(self.lines)

    @rule(client=NAMES, place=st.integers(0, 5))
    def discard(self, client: str, place: int) -> None:
        line = self.lines.get(client, [])
        if place < len(line):
            assert self.queue.discard(line.pop(place))
            if not line:
                self.passed_over[client] = 0
        assert not self.queue.discard("unknown")

    @invariant()
    def has_all(self) -> None:
        assert len(self.queue) == sum(map(len, self.lines.values()))


TestFairQueue = FairQueueMachine.TestCase
TestFairQueue.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

fractions = st.floats(0, 1, width=32)
boxes = st.builds(Box, fractions, fractions, fractions, fractions, st.sampled_from([0.0, 1.5]))
texts = st.text(max_size=12)
cells = st.builds(
    Cell,
    row=st.integers(0, 3),
    column=st.integers(0, 3),
    text=texts,
    is_header=st.booleans(),
    box=st.none() | boxes,
    confidence=st.none() | fractions,
)
tables = st.builds(Table, rows=st.just(4), columns=st.just(4), cells=st.lists(cells, max_size=3).map(tuple))
blocks = st.builds(
    Block,
    id=texts,
    kind=st.sampled_from(BlockKind),
    text=texts,
    page=st.integers(1, 3),
    box=st.none() | boxes,
    level=st.integers(0, 6),
    ordered=st.booleans(),
    markdown=st.none() | texts,
    confidence=st.none() | fractions,
    table=st.none() | tables,
    image=st.none() | texts,
    label=st.none() | texts,
)
words = st.builds(Word, texts, boxes, st.none() | fractions)
pages = st.builds(
    Page,
    number=st.integers(1, 9),
    width=st.none() | st.floats(1, 1000),
    height=st.none() | st.floats(1, 1000),
    blocks=st.lists(blocks, max_size=3).map(tuple),
    words=st.lists(words, max_size=3).map(tuple),
    source=st.sampled_from(["digital", "ocr", "mixed", "native"]),
    rotation=st.sampled_from([0, 90, 180, 270]),
)
documents = st.builds(
    Document,
    media_type=texts,
    pages=st.lists(pages, max_size=2).map(tuple),
    title=st.none() | texts,
    images=st.just({}),
    warnings=st.lists(texts, max_size=2).map(tuple),
    metadata=st.dictionaries(texts, texts, max_size=2),
)


@given(documents)
def test_a_saved_document_comes_back_whole(document: Document) -> None:
    assert document_from_json(json.loads(json.dumps(document_to_json(document)))) == document


def test_a_document_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 2"):
        document_from_json({"format": 2})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "settings.state: missing"),
        ({"state": 1}, "settings.state: found int, wanted a path"),
        ({"state": "s", "wrokers": 1}, "settings.wrokers: unknown"),
        ({"state": "s", "workers": "2"}, "settings.workers: found str, wanted a whole number"),
        ({"state": "s", "workers": True}, "settings.workers: found bool, wanted a whole number"),
        ({"state": "s", "workers": -1}, "settings.workers: found -1"),
        ({"state": "s", "limits": {"pages": "x"}}, "settings.limits.pages: found str"),
        ({"state": "s", "limits": 5}, "settings.limits: found int, wanted an object"),
        ({"state": "s", "limits": {"memory_bytes": 1}}, "settings.limits.memory_bytes: found 1"),
        ({"state": "s", "keys": "k"}, "settings.keys: found str, wanted a list of texts"),
        ({"state": "s", "keys": [""]}, "settings.keys: an empty key"),
        ({"state": "s", "llm": {"url": "http://x"}}, "settings.llm.model: missing"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings_from_json(values)
    assert str(raised.value).startswith(message)


def test_settings_are_read_and_keep_their_secrets() -> None:
    read = settings_from_json(
        {
            "state": "s",
            "limits": {"job_time_s": 5},
            "keys": ["hidden"],
            "llm": {"url": "u", "model": "m", "key": "hidden"},
        }
    )
    assert (read.limits.job_time_s, read.limits.pages, read.keys) == (5.0, 5000, ("hidden",))
    assert "hidden" not in repr(read)


@given(st.lists(st.tuples(texts, st.integers(0, 50)), unique_by=lambda entry: entry[0]), st.integers(0, 200))
def test_the_oldest_outputs_go_until_the_rest_fits(kept: list[tuple[str, int]], total: int) -> None:
    going = beyond(kept, total)
    staying = [size for name, size in kept if name not in going]
    assert sum(staying) <= total
    assert going == [name for name, size in kept if size][: len(going)]
    sizes = dict(kept)
    assert not going or sum(staying) + sizes[going[-1]] > total


def test_workers_get_no_secrets_from_the_environment(tmp_path: Path) -> None:
    given_variables = {"PATH": "/bin", "LC_ALL": "C", "NANONETS_KEY": "hidden", "AWS_SECRET": "hidden"}
    assert "hidden" not in worker_environment(given_variables, tmp_path, 1).values()


def table(id_: str, page: int, *rows: str, header: bool = False) -> Block:
    cells = tuple(
        Cell(number, column, text, is_header=header and number == 0)
        for number, row in enumerate(rows)
        for column, text in enumerate(row.split())
    )
    return Block(id_, BlockKind.TABLE, "", page, table=Table(len(rows), 2, cells))


def text(page: int, kind: BlockKind = BlockKind.TEXT) -> Block:
    return Block(f"txt-{page}", kind, "between", page)


def merged(*pages_blocks: list[Block]) -> list[dict[str, Any]]:
    pages = tuple(Page(number, 1, 1, tuple(blocks)) for number, blocks in enumerate(pages_blocks, 1))
    return tables_output(Document("application/pdf", pages), TablesConfig(merge=True, table_format="json"))


def test_a_table_that_goes_on_over_pages_is_one() -> None:
    footer = text(1, BlockKind.PAGE_NUMBER)
    first, second = table("a", 1, "n v", "x 1", header=True), table("b", 2, "n v", "y 2", header=True)
    [found] = merged([text(1), first, footer], [second, text(2)], [table("c", 3, "z 3")])[:1]
    assert found["citations"] == ["a", "b"]
    assert found["table_content"] == {"headers": ["n", "v"], "rows": [{"n": "x", "v": "1"}, {"n": "y", "v": "2"}]}


def test_tables_with_something_between_them_stay_apart() -> None:
    first, second = table("a", 1, "n v", "x 1", header=True), table("b", 2, "y 2", "z 3")
    assert len(merged([first, text(1)], [second])) == 2
    assert len(merged([first], [text(2), second])) == 2
    assert len(merged([first], [text(2)], [table("b", 3, "y 2")])) == 2
    assert len(merged([first], [table("b", 2, "k w", "y 2", header=True)])) == 2
    assert len(merged([first], [second])) == 1


def test_headers_that_repeat_are_told_apart() -> None:
    [found] = merged([table("a", 1, "n n", "x 1", header=True)])
    assert found["table_content"]["rows"] == [{"n": "x", "n (2)": "1"}]
