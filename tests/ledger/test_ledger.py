"""One writer, many callers: durable together, undone alone, and refused where somebody else was faster."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docferry.errors import LedgerBusy, LedgerError, UsageError
from docferry.ledger import Change, Delivery, Event, Ledger, LedgerConflict, LedgerReader, StaleDocument
from docferry.ledger.backup import backup
from docferry.ledger.database import MAX_GROUP, WriterThread, open_for_reading, open_for_writing
from docferry.ledger.ledger import apply_changes, find_deliveries, insert_documents
from docferry.ledger.sqlite import sqlite3
from docferry.models import TRANSITIONS, Document, DocumentState
from ledger.documents import PLAN, change, make_document, make_step

CLAIMED = Event("claimed")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path).open()
    yield opened
    opened.close()


def add(ledger: Ledger, *documents: Document) -> None:
    ledger.add_documents_sync(documents, CLAIMED)


def test_callers_share_commits_and_one_failing_undoes_only_itself(ledger: Ledger) -> None:
    """While the thread is held up all others gather; they then need a single commit."""
    hold = threading.Event()

    def waiting(connection: Any) -> None:
        hold.wait()

    def failing(connection: Any) -> None:
        insert_documents(connection, [make_document(999)], CLAIMED)
        raise ValueError("a caller's own mistake")

    def unfit(connection: Any) -> None:
        insert_documents(connection, [make_document(998)], CLAIMED)
        connection.execute("SELECT ?", (object(),))

    async def many() -> list[Any]:
        first = asyncio.create_task(ledger.call(waiting))
        await asyncio.sleep(0)
        while ledger.pulse().waiting:
            await asyncio.sleep(0.001)  # until the thread has taken it
        before = ledger.pulse().commits
        calls = [ledger.call(lambda c, n=n: insert_documents(c, [make_document(n)], CLAIMED)) for n in range(40)]
        tasks = [asyncio.create_task(call) for call in [*calls, ledger.call(failing), ledger.call(unfit)]]
        await asyncio.sleep(0)
        hold.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await first
        assert ledger.pulse().commits - before == 2
        return outcomes

    outcomes = asyncio.run(many())
    entered = [document.id for outcome in outcomes[:40] for document in outcome]
    assert entered == [make_document(number).id for number in range(40)]
    assert isinstance(outcomes[40], ValueError)
    assert isinstance(outcomes[41], sqlite3.Error)
    with LedgerReader(ledger.path.parent) as reader:
        assert len(reader.documents(limit=None)) == 40
        assert len(reader.events("0" * 13 + "999")) == 0
        assert all(len(reader.events(make_document(number).id)) == 1 for number in range(40)), "not once more"


@pytest.mark.parametrize("writes", [False, True])
def test_others_run_again_only_where_a_failing_one_has_written(ledger: Ledger, writes: bool) -> None:
    hold, runs = threading.Event(), []

    def other(connection: Any) -> None:
        runs.append("other")
        insert_documents(connection, [make_document(1)], CLAIMED)

    def failing(connection: Any) -> None:
        if writes:
            insert_documents(connection, [make_document(2)], CLAIMED)
        raise StaleDocument("someone was faster")

    async def together() -> None:
        first = asyncio.create_task(ledger.call(lambda connection: hold.wait()))
        await asyncio.sleep(0)
        while ledger.pulse().waiting:
            await asyncio.sleep(0.001)
        tasks = [asyncio.create_task(ledger.call(work)) for work in (other, failing)]
        await asyncio.sleep(0)
        hold.set()
        await asyncio.gather(first, tasks[0])
        with pytest.raises(StaleDocument):
            await tasks[1]

    asyncio.run(together())
    assert len(runs) == 1 + writes
    with LedgerReader(ledger.path.parent) as reader:
        assert [document.id for document in reader.documents()] == [make_document(1).id]
        assert len(reader.events(make_document(1).id)) == 1


def test_a_group_is_never_larger_than_its_limit(ledger: Ledger) -> None:
    hold = threading.Event()
    holding = threading.Thread(target=ledger.call_sync, args=(lambda connection: hold.wait(),))
    holding.start()
    while ledger.pulse().waiting:
        pass

    async def burst() -> None:
        before = ledger.pulse().commits
        tasks = [asyncio.create_task(ledger.call(lambda connection: None)) for _ in range(MAX_GROUP + 10)]
        await asyncio.sleep(0)
        hold.set()
        await asyncio.gather(*tasks)
        assert ledger.pulse().commits - before == 3

    asyncio.run(burst())
    holding.join()


def test_compare_and_set_refuses_what_someone_else_has_moved(ledger: Ledger) -> None:
    document = make_document()
    add(ledger, document)

    async def race() -> None:
        await ledger.apply(change(document, DocumentState.CANCELED))
        with pytest.raises(StaleDocument):
            await ledger.apply(change(document, DocumentState.FAILED))
        found = await ledger.document(document.id)
        assert found is not None
        assert found.state is DocumentState.CANCELED
        again = replace(found, run=7)
        with pytest.raises(StaleDocument):
            await ledger.apply(change(again, DocumentState.QUEUED))

    asyncio.run(race())


def test_several_changes_are_all_or_none(ledger: Ledger) -> None:
    first, second = make_document(1), make_document(2)
    add(ledger, first, second)
    stale = replace(second, state=DocumentState.WAITING)

    async def both() -> None:
        with pytest.raises(StaleDocument):
            await ledger.apply(change(first, DocumentState.CANCELED), change(stale, DocumentState.FAILED))
        found = await ledger.document(first.id)
        assert found is not None
        assert found.state is DocumentState.QUEUED

    asyncio.run(both())


def test_name_of_a_result_is_reserved_once(ledger: Ledger) -> None:
    first, second = make_document(1), make_document(2)
    add(ledger, first, second)

    async def reserve() -> None:
        await ledger.apply(change(first, DocumentState.QUEUED, output_key="out/a", output_base="a"))
        with pytest.raises(LedgerConflict):
            await ledger.apply(change(second, DocumentState.QUEUED, output_key="out/a", output_base="a"))

    asyncio.run(reserve())


def test_impossible_transitions_are_refused_before_the_ledger_sees_them() -> None:
    for start in DocumentState:
        for end in DocumentState:
            document = make_document(state=start)
            if start is end or end in TRANSITIONS[start]:
                change(document, end)
            else:
                with pytest.raises(LedgerError, match="cannot go from"):
                    change(document, end)


def test_entering_a_document_again_changes_nothing(ledger: Ledger) -> None:
    document = make_document()
    add(ledger, document)
    asyncio.run(ledger.apply(change(document, DocumentState.CANCELED)))
    add(ledger, document)
    with LedgerReader(ledger.path.parent) as reader:
        assert [found.state for found in reader.documents()] == ["canceled"]
        assert [event["kind"] for event in reader.events(document.id)] == ["claimed", "moved"]


def test_a_large_batch_enters_what_is_new_in_it_once(ledger: Ledger) -> None:
    """More documents than one statement can hold, some of them known and one of them twice."""
    documents = [make_document(number) for number in range(2000)]
    ledger.add_documents_sync(documents[::100], CLAIMED)
    entered = ledger.add_documents_sync([*documents, documents[1]], CLAIMED)
    assert entered == [document for number, document in enumerate(documents) if number % 100]
    with LedgerReader(ledger.path.parent) as reader:
        assert len(reader.documents(limit=3000)) == 2000
        assert [event["kind"] for event in reader.events(documents[1].id)] == ["claimed"]
        assert [event["kind"] for event in reader.events(documents[100].id)] == ["claimed"]
        assert sum(reader.counts()["scans"].values()) == 2000


def test_a_later_delivery_is_all_that_is_remembered(ledger: Ledger) -> None:
    document = make_document()
    add(ledger, document)

    def deliver(*names: str) -> None:
        deliveries = tuple(Delivery(name, "x", "0", 1) for name in names)
        asyncio.run(ledger.apply(Change(document, document, Event("delivered"), deliveries=deliveries)))

    deliver("/out/a.md", "/out/a.csv")
    deliver("/out/a.md", "/out/\udcff.json")
    found = ledger.call_sync(lambda connection: find_deliveries(connection, document.id))
    assert [delivery.path for delivery in found] == ["/out/a.md", "/out/\udcff.json"]
    asyncio.run(ledger.apply(change(document, DocumentState.CANCELED)))
    assert len(ledger.call_sync(lambda connection: find_deliveries(connection, document.id))) == 2


def test_closing_finishes_what_was_handed_in_and_then_refuses(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path).open()
    add(ledger, *(make_document(number) for number in range(30)))

    async def late() -> None:
        tasks = [asyncio.create_task(ledger.apply(change(make_document(n), DocumentState.CANCELED))) for n in range(30)]
        await asyncio.sleep(0)
        await asyncio.to_thread(ledger.close)
        await asyncio.gather(*tasks)
        with pytest.raises(LedgerError, match="closed"):
            await ledger.document("x")

    asyncio.run(late())
    ledger.close()
    with LedgerReader(tmp_path) as reader:
        assert reader.counts() == {"scans": {"canceled": 30}}


def test_cancelled_caller_is_not_answered_and_its_work_still_happens(ledger: Ledger) -> None:
    hold = threading.Event()

    async def give_up() -> None:
        holding = asyncio.create_task(ledger.call(lambda connection: hold.wait()))
        task = asyncio.create_task(ledger.call(lambda c: insert_documents(c, [make_document()], CLAIMED)))
        await asyncio.sleep(0)
        task.cancel()
        hold.set()
        await holding
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert asyncio.run(ledger.document(make_document().id)) == make_document()


def test_second_process_is_refused_and_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from docferry.ledger import Ledger;"
        " Ledger(Path(sys.argv[1])).open(); print('open', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"open\n"
    with pytest.raises(LedgerBusy, match=f"process {holder.pid}"):
        Ledger(tmp_path).open()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    ledger = Ledger(tmp_path).open()
    assert ledger.unchecked, "the killed run did not end in order"
    ledger.close()
    again = Ledger(tmp_path).open()
    assert again.unchecked, "nobody has looked through it yet"
    again.checked()
    again.close()
    final = Ledger(tmp_path).open()
    assert not final.unchecked
    final.close()


def test_readers_see_whole_commits_while_the_daemon_writes(ledger: Ledger) -> None:
    """Two documents are entered by each commit: no reader ever sees an odd number."""
    done = threading.Event()

    def write() -> None:
        for number in range(0, 200, 2):
            add(ledger, make_document(number), make_document(number + 1))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    with LedgerReader(ledger.path.parent) as reader:
        while not done.is_set():
            seen.add(sum(reader.counts().get("scans", {}).values()) % 2)
    writer.join()
    assert seen == {0}


def test_backup_is_consistent_while_the_daemon_writes(tmp_path: Path, ledger: Ledger) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            add(ledger, make_document(number), make_document(number + 1))
            number += 2

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for round_number in range(5):
            folder = tmp_path / f"copy-{round_number}"
            folder.mkdir()
            assert backup(ledger.path.parent, folder / "ledger.sqlite") > 0
            copy = Ledger(folder).open()
            with LedgerReader(folder) as reader:
                count = len(reader.documents(limit=None))
                assert count % 2 == 0
                assert sum(reader.counts().get("scans", {}).values()) == count
            copy.close()
    finally:
        stop.set()
        writer.join()
    with pytest.raises(UsageError, match="exists already"):
        backup(ledger.path.parent, folder / "ledger.sqlite")


def test_reader_cannot_write(ledger: Ledger) -> None:
    connection = open_for_reading(ledger.path)
    with pytest.raises(Exception, match="readonly"):
        connection.execute("DELETE FROM documents")
    connection.close()


MOVES = st.lists(
    st.tuples(st.sampled_from(["add", "move", "delete"]), st.integers(0, 9), st.integers(0, 99)), max_size=60
)
"""What happens to which document, and a die."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_totals_equal_a_real_count(tmp_path: Path, moves: list[tuple[str, int, int]]) -> None:
    path = tmp_path / "totals.sqlite"
    connection = open_for_writing(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("DELETE FROM documents")
    present: dict[int, Document] = {}
    for what, number, dice in moves:
        if what == "add":
            document = present.setdefault(number, make_document(number, inbox=f"inbox-{number % 3}"))
            insert_documents(connection, [document], CLAIMED)
        elif what == "move" and number in present:
            before = present[number]
            choices = sorted(TRANSITIONS[before.state] | {before.state})
            moved = change(before, DocumentState(choices[dice % len(choices)]), attempts=dice)
            apply_changes(connection, [moved])
            present[number] = moved.after
        elif what == "delete" and present.pop(number, None):
            connection.execute("DELETE FROM documents WHERE id = ?", (make_document(number).id,))
    counted = connection.execute("SELECT inbox, state, count(*) FROM documents GROUP BY inbox, state").fetchall()
    totals = connection.execute("SELECT inbox, state, documents FROM totals WHERE documents != 0").fetchall()
    connection.close()
    assert sorted(totals) == sorted(counted)


def test_open_documents_are_what_still_has_work(ledger: Ledger) -> None:
    states = {
        1: (DocumentState.QUEUED, False),
        2: (DocumentState.HELD, False),
        3: (DocumentState.FAILED, False),
        4: (DocumentState.FAILED, True),
        5: (DocumentState.DELIVERED, True),
    }
    add(ledger, *(make_document(n, state=state, filed=filed, plan=PLAN) for n, (state, filed) in states.items()))
    assert [row[0][-1] for row in asyncio.run(ledger.open_documents())] == ["1", "3"]


def test_steps_leave_with_their_document(ledger: Ledger) -> None:
    document = make_document()
    add(ledger, document)
    asyncio.run(ledger.apply(Change(document, document, CLAIMED, steps=(make_step(document), make_step(document, 1)))))
    ledger.call_sync(lambda connection: connection.execute("DELETE FROM documents"))
    assert ledger.call_sync(lambda connection: connection.execute("SELECT count(*) FROM steps").fetchone()) == (0,)


def test_undecodable_paths_can_be_looked_up(ledger: Ledger) -> None:
    name = os.fsdecode(b"caf\xe9/\xff\n.pdf")
    add(ledger, make_document(path=name))
    with LedgerReader(ledger.path.parent) as reader:
        assert [document.path for document in reader.find(name)] == [name]


def test_writer_that_cannot_open_says_so_and_ends(tmp_path: Path) -> None:
    writer = WriterThread(tmp_path / "no folder" / "ledger.sqlite", lambda took_s, changes: None)
    with pytest.raises(LedgerError, match="cannot be written"):
        writer.start()
    writer.close()


def test_documents_are_listed_by_state_newest_first(ledger: Ledger) -> None:
    states = [DocumentState.QUEUED, DocumentState.FAILED, DocumentState.QUEUED, DocumentState.HELD]
    add(ledger, *(make_document(number, state=state) for number, state in enumerate(states)))
    add(ledger, *(make_document(10 + n, state=DocumentState.DELIVERED, filed=True) for n in range(3)))
    with LedgerReader(ledger.path.parent) as reader:

        def listed(*names: str, **options: Any) -> list[int]:
            return [int(document.id) for document in reader.documents(states=names, **options)]

        assert listed("queued") == [2, 0]
        assert listed("queued", "held", limit=2) == [3, 2]
        assert listed("queued", since=make_document(1).claimed_at) == [2]
        assert listed("queued", "failed", limit=None) == [2, 1, 0]
        assert listed("delivered", limit=1) == [12]
        assert listed("waiting") == []
