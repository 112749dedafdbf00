"""SIGKILL at every single effect of a cancel, and of the run that carries it out."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from checker import check_all_ended
from commands import docferry
from daemons import EVERYTHING, Ferry, wait_for
from docferry.models import Document
from peers.fake_provider import FakeProvider

GOOD = b"A letter that is delivered.\n"
EFFECTS = 100
"""More than a run of one document has; the test makes sure that the sweeps went past the last one."""


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
