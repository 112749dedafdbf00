"""``retry`` and ``cancel`` do what they should, or say why not, in every state, with a daemon and without one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from checker import check_all_ended
from commands import docferry
from daemons import EVERYTHING, Ferry, wait_for
from docferry.daemon.control import ask
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.models import Document
from peers.fake_provider import FakeProvider

REFUSED = {"on": "submit", "do": "status", "status": 422, "body": {"detail": "not a document"}}
SLOW = {"on": "submit", "do": "delay", "delay_s": 4, "times": 2}


@dataclass(frozen=True)
class Case:
    """How documents come to a state and stay there, what is said to each wish, and where they end after all."""

    said_to_retry: str | None  # None: it is done
    said_to_cancel: str | None
    script: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] = field(default_factory=dict)
    inbox: Mapping[str, Any] = field(default_factory=dict)
    provider: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[Ferry], object] = lambda ferry: None  # before anything is dropped
    after: Callable[[Ferry], object] = lambda ferry: None  # once the wishes were heard
    otherwise: str = "delivered"  # where a document ends whose wish was refused


NOTHING = "there is nothing to retry"
TOO_LATE = "has its result already"
ENDED = "has ended already"

CASES = {
    "queued": Case(
        NOTHING,
        None,
        before=lambda ferry: docferry("pause", "-c", ferry.config, "local"),
        after=lambda ferry: docferry("resume", "-c", ferry.config, "local"),
    ),
    "submitting": Case(
        NOTHING,
        None,
        script={
            "idempotent": True,
            "job_s": 600,
            "faults": [{"on": "submit", "do": "delay", "delay_s": 4, "times": 2}],
        },
        provider={"idempotent": True},
    ),
    "waiting": Case(NOTHING, None, script={"job_s": 600}),
    "storing": Case(
        NOTHING,
        TOO_LATE,
        script={"large": True, "faults": [{"on": "fetch", "do": "status", "status": 503, "body": "later", "times": 0}]},
    ),
    "delivering": Case(
        NOTHING,
        TOO_LATE,
        before=lambda ferry: ferry.outbox.rename(ferry.folder / "away"),
        after=lambda ferry: (ferry.folder / "away").rename(ferry.outbox),
    ),
    "delivered": Case(None, ENDED),
    "failed": Case(None, ENDED, script={"faults": [{**REFUSED, "times": 2}]}, otherwise="failed"),
    "canceled": Case(None, ENDED, script={"job_s": 600}, otherwise="canceled"),
    "skipped": Case(None, ENDED, inbox={"duplicates": "skip"}, otherwise="skipped"),
    "held": Case(
        None,
        None,
        script={"faults": [{"on": "submit", "do": "accept_then_cut", "times": 2}]},
        rule={"on_ambiguous": "hold"},
    ),
}


@pytest.mark.parametrize("running", [True, False], ids=["running", "not running"])
@pytest.mark.parametrize("state", list(CASES))
def test_every_wish_is_carried_out_or_refused_with_the_reason(tmp_path: Path, state: str, running: bool) -> None:
    case = CASES[state]
    contents = {name: f"A letter to {name}.\n".encode() for name in ("retry", "cancel")}
    with ExitStack() as stack:
        fake = stack.enter_context(FakeProvider("pulse", dict(case.script)))
        provider = {"dialect": "pulse", "url": fake.url, **case.provider}
        ferry = Ferry(
            tmp_path, {"providers": {"local": provider}, "rules": [{**EVERYTHING, **case.rule}]}, **case.inbox
        )
        stack.enter_context(ferry.start())
        case.before(ferry)
        _bring_to(ferry, state, contents)
        asked = {document.path: document for document in ferry.documents(state)}
        if not running:
            ferry.kill()
        said = {wish: ferry.command(wish, asked[f"{wish}.txt"].id) for wish in contents}
        for wish, reason in (("retry", case.said_to_retry), ("cancel", case.said_to_cancel)):
            assert said[wish].returncode == (0 if reason is None else 1), said[wish].stderr
            assert reason is None or reason in said[wish].stderr
        case.after(ferry)
        fake.script["faults"] = []
        if not running:
            ferry.start()
        expected = {
            "retry.txt": "delivered" if case.said_to_retry is None else case.otherwise,
            "cancel.txt": "canceled" if case.said_to_cancel is None else case.otherwise,
        }

        def has_come_true() -> bool:
            for job in list(fake.seen.jobs.values()):  # the fake adds to them meanwhile
                job.seconds = min(job.seconds, 0.0 if ended("cancel.txt") else job.seconds)
            documents = {document.path: document for document in ferry.documents() if document.path in expected}
            anew = case.said_to_retry is not None or documents["retry.txt"].updated_at > asked["retry.txt"].updated_at
            return anew and all(_is_at(documents[path], end) for path, end in expected.items())

        def ended(path: str) -> bool:
            return any(document.path == path and document.filed for document in ferry.documents())

        wait_for(has_come_true, saying=lambda: f"{ferry.documents()}\n{ferry.log_text()}")
        assert ferry.stop() == 0
        assert ferry.ask("audit", "--deep")["ok"]
    if state != "skipped":  # an archived duplicate has no results of its own
        check_all_ended(ferry, contents.values())


def _bring_to(ferry: Ferry, state: str, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        if state == "skipped":
            ferry.drop(content, f"first/{name}.txt")
    if state == "skipped":
        ferry.wait_for_ended(2)
    for name, content in contents.items():
        ferry.drop(content, f"{name}.txt")
    if state == "canceled":
        for document in wait_for(lambda: _all_in(ferry, "waiting"), saying=ferry.log_text):
            assert ferry.command("cancel", document.id).returncode == 0
    wait_for(lambda: _all_in(ferry, state), saying=lambda: f"{ferry.documents()}\n{ferry.log_text()}")


def _all_in(ferry: Ferry, state: str) -> list[Document]:
    """Both documents, once they are in this state and, where it is an end, put away."""
    found = [document for document in ferry.documents(state) if "/" not in document.path and _is_at(document, state)]
    return found if len(found) == 2 else []


def _is_at(document: Document, state: str) -> bool:
    has_ended = state in ("delivered", "failed", "canceled", "skipped")
    routed = state != "queued" or document.plan is not None
    return document.state == state and routed and document.filed == has_ended


def test_without_a_daemon_what_a_crash_left_half_put_away_can_be_retried(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"faults": [REFUSED]}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(b"A letter.\n", "letter.txt")
        killed = ferry.run_once(env={**os.environ, "DOCFERRY_FAILPOINT": "originals.named"})
        assert killed.returncode == -signal.SIGKILL
        [document] = ferry.documents()
        assert (document.state, document.filed) == ("failed", False)
        fake.script["faults"] = []
        done = ferry.command("retry", document.id)
        assert done.returncode == 0, done.stderr
        assert ferry.run_once().returncode == 0
    check_all_ended(ferry, [b"A letter.\n"])


def test_a_document_that_is_just_being_put_away_is_waited_for(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"faults": [REFUSED]}) as fake, ThreadPoolExecutor(1) as threads:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        with ferry.start():
            ferry.failed.rename(tmp_path / "away")
            ferry.drop(b"A letter.\n", "letter.txt")
            wait_for(lambda: "is parked" in ferry.log_text(), saying=ferry.log_text)
            [document] = ferry.documents("failed")
            assert not document.filed
            retried = threads.submit(ask, socket_path(ferry.state, CONTROL), {"do": "retry", "ids": [document.id]})
            (tmp_path / "away").rename(ferry.failed)
            assert retried.result() == {"outcomes": [{"id": document.id, "ok": True, "said": "queued"}]}
            wait_for(lambda: ferry.documents("delivered"), saying=ferry.log_text)
            assert ferry.stop() == 0
    check_all_ended(ferry, [b"A letter.\n"])


@pytest.mark.parametrize("running", [True, False], ids=["running", "not running"])
def test_a_retry_takes_the_reason_of_a_file_that_stayed_where_it_is_and_nothing_else(
    tmp_path: Path, running: bool
) -> None:
    namesake = b'{"a document": "of a name like that"}'
    with FakeProvider("pulse", {"faults": [{**REFUSED, "match": "A letter"}]}) as fake, ExitStack() as stack:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}
        ferry = Ferry(tmp_path, config, claim="leave", after="keep", archive=None)
        ferry.drop(namesake, "letter.txt.error.json")
        ferry.drop(b"A letter.\n", "letter.txt")
        assert ferry.run_once().returncode == 1
        [document] = ferry.documents("failed")
        assert (ferry.failed / "letter.txt.error.json").exists()
        fake.script["faults"] = []
        if running:
            stack.enter_context(ferry.start())
        assert ferry.command("retry", document.id).returncode == 0
        assert not (ferry.failed / "letter.txt.error.json").exists()
        assert (ferry.inbox / "letter.txt.error.json").read_bytes() == namesake
        if not running:
            assert ferry.run_once().returncode == 0
        wait_for(lambda: len(ferry.documents("delivered")) == 2, saying=ferry.log_text)


@pytest.mark.parametrize("running", [True, False], ids=["running", "not running"])
def test_a_file_that_is_moved_back_from_failed_is_taken_as_a_new_document(tmp_path: Path, running: bool) -> None:
    with FakeProvider("pulse", {"faults": [REFUSED]}) as fake, ExitStack() as stack:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(b"A letter.\n", "letter.txt")
        if running:
            stack.enter_context(ferry.start())
            ferry.wait_for_ended(1)
        else:
            assert ferry.run_once().returncode == 1
        fake.script["faults"] = []
        (ferry.failed / "letter.txt").rename(ferry.inbox / "letter.txt")
        if running:
            ferry.wait_for_ended(2)
            assert ferry.stop() == 0
        else:
            assert ferry.run_once().returncode == 0
        assert sorted(document.state for document in ferry.documents()) == ["delivered", "failed"]
    check_all_ended(ferry, [b"A letter.\n"])
