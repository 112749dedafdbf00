"""What the ledger hands on from one stage to the next is what its file says, whoever changes a document at once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docferry.ledger import Change, Event, Ledger, StaleDocument
from docferry.ledger.ledger import find_document_and_steps
from docferry.ledger.recent import Recent
from docferry.models import TRANSITIONS, Document, DocumentState
from ledger.documents import PLAN, any_document, any_step, make_document, make_step, objects, plans

NUMBERS = itertools.count()
FOLLOWED = {field.name for field in fields_of(Document)} - {"id", "state", "size_bytes", "output_key"}
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
        "error": st.text(),
        "warnings": st.lists(st.text(), max_size=2).map(tuple),
    },
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = Ledger(Path(tmp_path_factory.mktemp("state"))).open()
    yield opened
    opened.close()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_document())
def test_what_is_handed_on_of_a_new_document_is_what_the_file_says(ledger: Ledger, document: Document) -> None:
    document = replace(document, id=f"entered-{next(NUMBERS)}", output_key=None)  # a key is another's or nobody's

    async def work() -> None:
        assert ledger.add_documents_sync([document], Event("claimed")) == [document]
        said = await ledger.call(lambda c: find_document_and_steps(c, document.id))
        assert await ledger.document_and_steps(document.id) == said

    asyncio.run(work())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at_once=st.lists(st.lists(st.tuples(CHANGES, st.booleans()), max_size=3), max_size=5))
def test_what_is_handed_on_is_what_the_file_says(
    ledger: Ledger, at_once: list[list[tuple[dict[str, object], bool]]]
) -> None:
    """Changes of a batch start from the same version, as a person's and a stage's may; some are given up midway."""
    document = make_document(next(NUMBERS))

    async def change(fields: dict[str, object], given_up: bool) -> None:
        found = await ledger.document_and_steps(document.id)
        assert found is not None
        before = found[0]
        if fields.get("state", before.state) not in (before.state, *TRANSITIONS[before.state]):
            return
        after = replace(before, **fields)  # type: ignore[arg-type]
        work = asyncio.ensure_future(
            ledger.apply(Change(before, after, Event("x"), (make_step(after, after.step, polls=len(fields)),)))
        )
        await asyncio.sleep(0)
        if given_up:
            work.cancel()
        with contextlib.suppress(StaleDocument, asyncio.CancelledError):
            await work

    async def work() -> None:
        ledger.add_documents_sync([document], Event("claimed"))
        for batch in at_once:
            await asyncio.gather(*(change(fields, given_up) for fields, given_up in batch))
            kept = await ledger.call(lambda c: find_document_and_steps(c, document.id))
            assert await ledger.document_and_steps(document.id) == kept

    asyncio.run(work())


def test_an_ordinary_course_never_asks_the_file(ledger: Ledger) -> None:
    document = make_document(next(NUMBERS))

    async def work() -> None:
        ledger.add_documents_sync([document], Event("claimed"))
        asked = ledger.pulse().commits
        for fields in ({"plan": PLAN}, {"state": DocumentState.SUBMITTING}, {"state": DocumentState.WAITING}):
            found = await ledger.document_and_steps(document.id)
            assert found is not None
            before = found[0]
            after = await ledger.apply(Change(before, replace(before, **fields), Event("x"), (make_step(before),)))  # type: ignore[arg-type]
            assert await ledger.document_and_steps(document.id) == (after, [make_step(before)])
        assert ledger.pulse().commits == asked + 3
        assert after.state is DocumentState.WAITING

    asyncio.run(work())


def test_no_more_than_so_many_are_kept_and_only_what_was_committed() -> None:
    recent = Recent(most=2)
    documents = [make_document(number) for number in range(4)]
    for document in documents:
        recent.wrote((document, []))
        assert recent.newest(document.id) is not None
        assert recent.get(document.id) is None
        recent.settled(document is not documents[3])
    assert [recent.get(document.id) is None for document in documents] == [True, False, False, True]
    assert recent.newest(documents[3].id) is None


def test_new_documents_displace_none_that_are_on_their_way() -> None:
    recent = Recent(most=3)
    on_their_way = [make_document(number) for number in range(2)]
    for document in on_their_way:
        recent.wrote((document, []))
    recent.settled(True)
    new = [make_document(number) for number in range(10, 15)]
    recent.entered(new)
    recent.settled(True)
    assert [recent.get(document.id) is not None for document in (*on_their_way, *new)] == [True] * 3 + [False] * 4


@given(st.data())
def test_a_row_is_followed_as_the_file_has_it(ledger: Ledger, data: st.DataObject) -> None:
    """Any document and any change of it, with characters and numbers that the file gives back in another form."""
    one = replace(data.draw(any_document()), id=f"{next(NUMBERS):016d}", filed=False, output_key=None)
    other = data.draw(any_document())
    names = data.draw(st.sets(st.sampled_from(sorted(FOLLOWED))))
    changed = {name: getattr(other, name) for name in names} | {"error": data.draw(st.none() | st.text())}
    step = data.draw(any_step(one.id))

    async def work() -> None:
        ledger.add_documents_sync([one], Event("claimed"))
        for fields in ({}, changed):
            found = await ledger.document_and_steps(one.id)
            assert found is not None
            after = replace(found[0], **fields)
            await ledger.apply(Change(found[0], after, Event("x"), (replace(step, run=after.run),)))
        kept = await ledger.call(lambda c: find_document_and_steps(c, one.id))
        assert await ledger.document_and_steps(one.id) == kept

    asyncio.run(work())
