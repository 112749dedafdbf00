"""What the ledger remembers of documents on their way is what its file says, whoever changes them at once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docferry.ledger import Change, Event, Ledger, StaleDocument
from docferry.ledger.ledger import find_document_and_steps
from docferry.ledger.recent import Recent
from docferry.models import TRANSITIONS, DocumentState
from ledger.documents import PLAN, make_document, make_step, objects, plans

NUMBERS = itertools.count()
CHANGES = st.fixed_dictionaries(
    {"due_at": st.floats(0, 1e9)},
    optional={
        "state": st.sampled_from(DocumentState),
        "run": st.integers(1, 3),
        "plan": plans,
        "facts": objects,
        "cancel_requested": st.booleans(),
        "filed": st.booleans(),
        "step": st.integers(0, 1),
    },
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = Ledger(Path(tmp_path_factory.mktemp("state"))).open()
    yield opened
    opened.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at_once=st.lists(st.lists(CHANGES, max_size=3), max_size=5))
def test_what_is_remembered_is_what_the_file_says(ledger: Ledger, at_once: list[list[dict[str, object]]]) -> None:
    """Changes of a batch start together from the same version, as a person's and a stage's may."""
    document = make_document(next(NUMBERS))

    async def change(fields: dict[str, object]) -> None:
        found = await ledger.document_and_steps(document.id)
        assert found is not None
        before = found[0]
        if fields.get("state", before.state) not in (before.state, *TRANSITIONS[before.state]):
            return
        after = replace(before, **fields)  # type: ignore[arg-type]
        with contextlib.suppress(StaleDocument):
            await ledger.apply(Change(before, after, Event("x"), (make_step(after, after.step, polls=len(fields)),)))

    async def work() -> None:
        for new in ledger.add_documents_sync([document], Event("claimed")):
            ledger.hand_on(new)
        for batch in at_once:
            await asyncio.gather(*(change(fields) for fields in batch))
            remembered = await ledger.document_and_steps(document.id)
            assert remembered == await ledger.call(lambda c: find_document_and_steps(c, document.id))

    asyncio.run(work())


def test_an_ordinary_course_asks_the_file_nothing(ledger: Ledger) -> None:
    document = make_document(next(NUMBERS))

    async def work() -> None:
        for new in ledger.add_documents_sync([document], Event("claimed")):
            ledger.hand_on(new)
        asked = ledger.pulse().commits
        found = await ledger.document_and_steps(document.id)
        assert found is not None
        for fields in ({"plan": PLAN}, {"state": DocumentState.SUBMITTING}, {"state": DocumentState.WAITING}):
            before = found[0]
            await ledger.apply(Change(before, replace(before, **fields), Event("x"), (make_step(before),)))  # type: ignore[arg-type]
            found = await ledger.document_and_steps(document.id)
            assert found is not None
        assert ledger.pulse().commits == asked + 3
        assert found[0].state is DocumentState.WAITING
        assert len(found[1]) == 1

    asyncio.run(work())


def test_entering_a_document_again_changes_nothing_that_is_known_of_it(ledger: Ledger) -> None:
    document = make_document(next(NUMBERS))
    assert ledger.add_documents_sync([document], Event("claimed")) == [document]
    assert ledger.add_documents_sync([replace(document, due_at=9.0)], Event("claimed")) == []


def test_no_more_than_so_many_are_kept() -> None:
    recent = Recent(most=2)
    documents = [make_document(number) for number in range(3)]
    for document in documents:
        recent.put(document, ())
    assert [recent.get(document.id) is None for document in documents] == [True, False, False]
