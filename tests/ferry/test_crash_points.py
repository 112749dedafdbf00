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


@pytest.mark.parametrize("point", ["retry.brought-back", "outbox.old-receipt-hidden", "outbox.stale-removed"])
def test_killed_while_a_document_is_done_again(tmp_path: Path, point: str) -> None:
    """A deliberate re-run replaces its own results; a crash in the middle leaves the old set or the new one."""
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(GOOD, "good.txt")
        assert ferry.run_once().returncode == 0
        [document] = ferry.documents()
        deadly = {**os.environ, "DOCFERRY_FAILPOINT": point}
        asked = ferry.command("retry", document.id, env=deadly)
        if point.startswith("retry"):
            assert asked.returncode == -signal.SIGKILL
            assert ferry.command("retry", document.id).returncode == 0
        else:
            assert asked.returncode == 0, asked.stderr
            assert ferry.run_once(env=deadly).returncode == -signal.SIGKILL
        assert ferry.run_once().returncode == 0
        check_all_ended(ferry, [GOOD])
