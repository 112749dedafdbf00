"""SIGKILL at every single effect of a run, in turn: after a restart every promise holds."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from checker import check_all_ended, check_submitted_once
from daemons import Ferry
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


def test_killed_when_a_result_is_stored_that_can_be_fetched_only_once(tmp_path: Path) -> None:
    with FakeProvider("pulse", {"large": True}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(GOOD, "good.txt")
        killed = ferry.run_once(env={**os.environ, "DOCFERRY_FAILPOINT": "fetch.stored"})
        assert killed.returncode == -signal.SIGKILL
        assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == 1
    check_all_ended(ferry, [GOOD])
