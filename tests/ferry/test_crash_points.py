"""SIGKILL at every single effect of a run, in turn: after a restart every promise holds."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from checker import check_all_ended, check_submitted_once
from commands import docferry
from daemons import EVERYTHING, Ferry, wait_for
from docferry.models import Document
from peers.fake_provider import FakeProvider

GOOD = b"A letter that is delivered.\n"
BAD = b"A bad letter, which the provider cannot read.\n"
SIDECAR = b"options: {pages: '1'}\n"

EFFECTS = 100
"""More than a run of two documents has; the test makes sure that the sweep went past the last one."""


@pytest.mark.timeout(900)
def test_killed_at_every_effect_and_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    refuse = {
        "on": "any",
        "do": "job",
        "status": "failed",
        "message": "corrupted document",
        "match": "cannot read",
        "times": 0,
    }
    survived = 0
    for number in range(1, EFFECTS + 1):
        with FakeProvider("pulse", {"idempotent": True, "faults": [refuse]}) as fake:
            config = {"providers": {"local": {"dialect": "pulse", "url": fake.url, "idempotent": True}}}
            ferry = Ferry(tmp_path / str(number), config)
            ferry.drop(GOOD, "a/good.txt")
            ferry.drop(BAD, "bad.txt")
            killed = ferry.run_once(env={**os.environ, "DOCFERRY_FAILPOINT": f"*:{number}"})
            if killed.returncode != -signal.SIGKILL:
                survived = number
                break
            ended = ferry.run_once()
            assert ended.returncode in (0, 1), ended.stderr
            assert {document.path: document.state for document in ferry.documents()} == {
                "a/good.txt": "delivered",
                "bad.txt": "failed",
            }
            check_all_ended(ferry, [GOOD, BAD])
            check_submitted_once(fake.stats())
    assert survived > 20, f"the sweep saw only {survived} effects, or none was the last"


@pytest.mark.parametrize("content", [GOOD, BAD])
def test_killed_at_every_effect_of_a_retry_and_it_goes_on_by_itself(tmp_path: Path, content: bytes) -> None:
    """Nobody asks again: either nothing was changed yet, or the next start brings the original back."""
    refuse = {
        "on": "submit",
        "do": "status",
        "status": 422,
        "body": {"detail": "bad"},
        "match": "cannot read",
        "times": 0,
    }
    survived, retried = 0, 0
    with FakeProvider("pulse", {"faults": [refuse]}) as fake:
        ferry = Ferry(
            tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}, sidecar=["options.pages"]
        )
        ferry.drop(SIDECAR, "bad.txt.docferry.yaml")
        ferry.drop(content, "bad.txt")
        ferry.run_once()
        [document] = ferry.documents()
        for number in range(1, EFFECTS + 1):
            asked = ferry.command("retry", document.id, env={**os.environ, "DOCFERRY_FAILPOINT": f"*:{number}"})
            ferry.run_once()
            [after] = ferry.documents()
            assert (after.state, after.filed) == (document.state, True)
            assert [path.read_bytes() for path in tmp_path.rglob("bad.txt.docferry.yaml")] == [SIDECAR]
            assert [path.read_bytes() for path in tmp_path.rglob("bad.txt")] == [content]
            assert ferry.ask("audit", "--deep")["ok"]
            if asked.returncode != -signal.SIGKILL:
                survived = number
                break
            retried = max(retried, after.run - document.run)
    assert asked.returncode == 0, asked.stderr
    assert survived > 4, f"the sweep saw only {survived} effects, or none was the last"
    assert retried > 1


@pytest.mark.parametrize("point", ["outbox.old-receipt-hidden", "outbox.stale-removed"])
def test_killed_while_a_document_is_done_again(tmp_path: Path, point: str) -> None:
    """A deliberate re-run replaces its own results; a crash in the middle leaves the old set or the new one."""
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(GOOD, "good.txt")
        assert ferry.run_once().returncode == 0
        [document] = ferry.documents()
        asked = ferry.command("retry", document.id)
        assert asked.returncode == 0, asked.stderr
        assert ferry.run_once(env={**os.environ, "DOCFERRY_FAILPOINT": point}).returncode == -signal.SIGKILL
        assert ferry.run_once().returncode == 0
        check_all_ended(ferry, [GOOD])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", ["queued", "waiting", "held"])
def test_killed_at_every_effect_of_a_cancel_and_it_goes_on_by_itself(tmp_path: Path, state: str) -> None:
    """At every effect of the command, and of the run that carries it out: the wish is lost whole, or never again."""
    wishes = 0
    for number in range(1, EFFECTS + 1):
        with FakeProvider("pulse", CANCELED_FROM[state]) as fake:
            ferry, document = _document_in(state, tmp_path / f"command-{number}", fake.url)
            asked = _killed_at(number, ferry, "cancel", document.id)
            [after] = ferry.documents()
            if (after.state, after.cancel_requested) == (state, False):
                assert asked.returncode == -signal.SIGKILL
                assert after == document
                wishes += 1
                assert ferry.command("cancel", document.id).returncode == 0
            _check_canceled(ferry, fake, state)
        if asked.returncode != -signal.SIGKILL:
            break
    assert asked.returncode == 0, asked.stderr
    survived = 0
    for number in range(1, EFFECTS + 1):
        with FakeProvider("pulse", CANCELED_FROM[state]) as fake:
            ferry, document = _document_in(state, tmp_path / f"run-{number}", fake.url)
            assert ferry.command("cancel", document.id).returncode == 0
            ended = _killed_at(number, ferry, "run", "--once")
            _check_canceled(ferry, fake, state)
        if ended.returncode != -signal.SIGKILL:
            survived = number
            break
    assert survived > 4, f"the sweep saw only {survived} effects, or none was the last"


CANCELED_FROM: dict[str, dict[str, Any]] = {
    "queued": {},
    "waiting": {"job_s": 600},
    "held": {"faults": [{"on": "submit", "do": "accept_then_cut", "times": 1}]},
}


def _document_in(state: str, folder: Path, url: str) -> tuple[Ferry, Document]:
    """A document in this state, and no daemon."""
    rule = {**EVERYTHING, "on_ambiguous": "hold"}
    ferry = Ferry(folder, {"providers": {"local": {"dialect": "pulse", "url": url}}, "rules": [rule]})
    ferry.drop(GOOD, "good.txt")
    if state == "waiting":
        with ferry.start():
            wait_for(lambda: ferry.documents(state), saying=ferry.log_text)
            ferry.kill()
    else:
        if state == "queued":
            assert docferry("pause", "-c", ferry.config, "local").returncode == 0
        assert ferry.run_once().returncode == 1
    [document] = ferry.documents(state)
    return ferry, document


def _killed_at(number: int, ferry: Ferry, *command: str) -> subprocess.CompletedProcess[str]:
    return ferry.command(*command, env={**os.environ, "DOCFERRY_FAILPOINT": f"*:{number}"})


def _check_canceled(ferry: Ferry, fake: FakeProvider, state: str) -> None:
    """Nobody asks again: the next run ends it, and its provider was told once at least."""
    assert ferry.run_once().returncode == 0
    assert [(document.state, document.filed) for document in ferry.documents()] == [("canceled", True)]
    assert ferry.ask("audit", "--deep")["ok"]
    assert bool(fake.stats()["cancels"]) == (state == "waiting")
    check_all_ended(ferry, [GOOD])


def test_killed_when_a_result_is_stored_that_can_be_fetched_only_once(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"large": True}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(GOOD, "good.txt")
        killed = ferry.run_once(env={**os.environ, "DOCFERRY_FAILPOINT": "fetch.stored"})
        assert killed.returncode == -signal.SIGKILL
        assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == 1
    check_all_ended(ferry, [GOOD])
