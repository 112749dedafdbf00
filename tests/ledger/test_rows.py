"""Every field of every value comes back from the ledger as it went in, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docferry.ledger import Change, Delivery, Event, StaleDocument, rows
from docferry.ledger.database import open_for_writing
from docferry.ledger.ledger import apply_changes, find_document, find_steps, insert_documents
from docferry.models import TRANSITIONS, Document, Step
from ledger.documents import any_document, any_step, make_document, make_step, maybe, naturals, texts

ANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    opened = open_for_writing(tmp_path / "ledger.sqlite")
    opened.execute("PRAGMA synchronous = OFF")
    yield opened
    opened.close()


@ANY
@given(document=any_document())
def test_document_comes_back_whole(connection: Any, document: Document) -> None:
    connection.execute("DELETE FROM documents")
    insert_documents(connection, [document], Event("claimed"))
    assert find_document(connection, document.id) == document


@ANY
@given(data=st.data())
def test_step_comes_back_whole(connection: Any, data: st.DataObject) -> None:
    document = make_document()
    step = data.draw(any_step(document.id))
    connection.execute("DELETE FROM documents")
    insert_documents(connection, [document], Event("claimed"), [step])
    assert find_steps(connection, document.id, step.run) == [step]


def test_what_may_be_null_is_null_unless_it_is_given(connection: Any) -> None:
    """Columns that are NULL are left out of what is inserted."""
    for table in ("documents", "steps", "deliveries", "events"):
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        assert [name for _, name, _, not_null, default, _ in columns if not not_null and default is not None] == []


def test_no_field_is_forgotten(connection: Any) -> None:
    """A new field of a value needs a column: this fails until it has one."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(documents)")}
    assert set(rows.document_columns(make_document())) == columns
    named = {field.name for field in fields(Document)} - {"identity"}
    assert named <= columns
    step_columns = {row[1] for row in connection.execute("PRAGMA table_info(steps)")}
    renamed = {"document_id": "document", "index": "position"}
    assert {renamed.get(field.name, field.name) for field in fields(Step)} == step_columns


def test_lone_surrogates_in_what_a_provider_says_are_shown_escaped(connection: Any) -> None:
    document = make_document(error="bad \ud800 text", waits_for="\udcff", media_type="\udc80/x")
    insert_documents(connection, [document], Event("claimed", {"said": "\ud800"}))
    found = find_document(connection, document.id)
    assert found is not None
    assert (found.error, found.waits_for, found.media_type) == ("bad \\ud800 text", "\\udcff", "\\udc80/x")


@st.composite
def courses(draw: st.DrawFn) -> list[Change]:
    """Some changes of one document, each from where the one before it ended."""
    document = make_document()
    changes = []
    for number in range(draw(st.integers(1, 5))):
        after = replace(
            document,
            state=draw(st.sampled_from(sorted(TRANSITIONS[document.state] | {document.state}))),
            attempts=draw(st.integers(0, 2)),
            output_base=draw(maybe(texts)),
            run=draw(st.integers(document.run, document.run + 1)),
            updated_at=float(number),
        )
        steps = draw(st.lists(st.builds(make_step, st.just(after), st.integers(0, 1), polls=naturals), max_size=2))
        names = draw(st.lists(st.sampled_from(["/out/a.md", "/out/a.json", "/out/\udcff"]), max_size=3))
        deliveries = tuple(Delivery(name, "x", "0", number) for name in names)
        event = Event(f"event {number}", {"number": number})
        changes.append(Change(document, after, event, tuple(steps), deliveries, quiet=draw(st.booleans())))
        document = after
    return changes


def everything(connection: Any) -> list[list[tuple[Any, ...]]]:
    tables = ("documents", "steps", "deliveries", "totals")
    found = [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in tables]
    found[-1] = [total for total in found[-1] if total[-1]]  # states that nobody is in any more
    return [*found, connection.execute("SELECT at, kind, state, detail FROM events ORDER BY id").fetchall()]


@ANY
@given(changes=courses())
def test_changes_at_once_leave_what_they_leave_one_by_one(connection: Any, changes: list[Change]) -> None:
    left = []
    for groups in ([changes], [[change] for change in changes]):
        for table in ("documents", "events", "totals"):
            connection.execute(f"DELETE FROM {table}")
        insert_documents(connection, [changes[0].before], Event("claimed"))
        for group in groups:
            apply_changes(connection, group)
        left.append(everything(connection))
    assert left[0] == left[1]


def test_changes_that_do_not_follow_each_other_are_refused(connection: Any) -> None:
    document = make_document()
    insert_documents(connection, [document], Event("claimed"))
    later = replace(document, run=2)
    connection.execute("BEGIN")
    with pytest.raises(StaleDocument):
        apply_changes(connection, [Change(document, document, Event("a")), Change(later, later, Event("b"))])
