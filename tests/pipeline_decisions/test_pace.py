"""The embedded engine is asked in time although its queue, not the document, decides how long a job takes."""

from __future__ import annotations

import random
from typing import Literal

import pytest

from docferry.config.models import ProviderConfig
from docferry.models import Document, DocumentState, FileIdentity, Step, StepState
from docferry.pipeline.pace import WAITING_GAP_S, WAITING_GAP_SHARE, WORKING_GAP_S, PaceBook
from docferry.providers.base import Pending

NOW = 1.7e9
ELAPSED_S = 60.0


def gap_s(pending: Pending, *, dialect: str = "pulse", engine: Literal["embedded"] | None = "embedded") -> float:
    """The pause after ``pending``, a minute after the job was accepted, where all jobs so far took ten minutes."""
    url = None if engine else "https://peer.example"
    book = PaceBook({}, {"peer": ProviderConfig(dialect=dialect, engine=engine, url=url)}, random.Random(1))
    step = Step(
        *("d", 1, 0, "extract", "peer", StepState.WAITING, {}, "key", ("a.pdf",)),
        accepted_at=NOW - ELAPSED_S,
        polls=3,
    )
    document = Document(
        *("d", "inbox", "a.pdf", "/work/a.pdf", DocumentState.WAITING, 1000, FileIdentity(1, 2, 1000, 0, 0)),
        seen_at=NOW,
        claimed_at=NOW,
        updated_at=NOW,
        due_at=NOW,
    )
    for _ in range(50):
        book.learn(step, document, 600.0)
    return book.next_poll_at(step, document, NOW, pending) - NOW


def test_a_job_that_a_worker_has_is_asked_about_often() -> None:
    assert gap_s(Pending("processing")) == pytest.approx(WORKING_GAP_S, abs=1e-3)


@pytest.mark.parametrize(("dialect", "status"), [("pulse", "pending"), ("nanonets", "processing")])
def test_a_job_that_may_only_wait_is_asked_about_by_the_time_it_has_waited(dialect: str, status: str) -> None:
    wanted_s = max(WAITING_GAP_S, WAITING_GAP_SHARE * ELAPSED_S)
    assert gap_s(Pending(status), dialect=dialect) == pytest.approx(wanted_s, abs=1e-3)


def test_the_wish_of_the_engine_is_kept() -> None:
    assert gap_s(Pending("processing", retry_after_s=30.0)) >= 30.0 - 1e-3


def test_a_service_elsewhere_is_asked_when_an_answer_is_likely() -> None:
    assert gap_s(Pending("processing"), engine=None) > 100.0
