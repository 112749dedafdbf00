"""Every field of every value comes back from the ledger as it went in, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docferry.ledger import Event, rows
from docferry.ledger.database import open_for_writing
from docferry.ledger.ledger import find_document, find_steps, insert_documents
from docferry.models import Document, Step
from ledger.documents import any_document, any_step, make_document

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
    insert_documents(connection, [document], Event("claimed"))
    step = data.draw(any_step(document.id))
    columns = rows.step_columns(step)
    connection.execute("DELETE FROM steps")
    connection.execute(f"INSERT INTO steps ({', '.join(columns)}) VALUES ({rows.placeholders(columns)})", columns)
    assert find_steps(connection, document.id, step.run) == [step]


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
