"""When a failed try is repeated: bounds, wishes of the provider, and what is never repeated."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.errors import (
    Ambiguous,
    DocferryError,
    ExtractionFailed,
    JobUnknown,
    Parked,
    Rejected,
    ResultGone,
    Unavailable,
)
from docferry.pipeline import retry

seeds = st.integers(0, 2**32)


@given(st.integers(0, retry.PATIENT_ATTEMPTS), st.floats(0, 2e9), seeds)
def test_a_gap_is_never_negative_and_never_above_its_exponential_or_the_cap(
    attempts: int, now: float, seed: int
) -> None:
    decision = retry.decide(Unavailable("503"), attempts, now, random.Random(seed))
    if attempts == retry.PATIENT_ATTEMPTS:
        assert decision == retry.GiveUp("gave up after 8 tries")
        return
    assert isinstance(decision, retry.RetryAt)
    assert now <= decision.at <= now + min(retry.LONGEST_GAP_S, retry.FIRST_GAP_S * 2**attempts) + 1e-3


@given(st.integers(0, 10**9), seeds)
def test_any_count_of_attempts_stays_within_the_cap(attempts: int, seed: int) -> None:
    assert 0.0 <= retry.backoff_s(attempts, random.Random(seed)) <= retry.LONGEST_GAP_S


def test_jitter_uses_the_whole_gap() -> None:
    rng = random.Random(1)
    gaps = sorted(retry.backoff_s(4, rng) for _ in range(1000))
    assert gaps[0] < 1.0
    assert gaps[-1] > 15.0
    assert 7.0 < sum(gaps) / 1000 < 9.0


@given(st.floats(0, retry.LONGEST_RETRY_AFTER_S), seeds)
def test_retry_after_is_a_lower_bound_with_jitter_on_top(wish_s: float, seed: int) -> None:
    decision = retry.decide(Unavailable("429", retry_after_s=wish_s), 0, 1000.0, random.Random(seed))
    assert isinstance(decision, retry.RetryAt)
    assert 1000.0 + wish_s <= decision.at <= 1000.0 + wish_s + retry.FIRST_GAP_S + 1e-6


@pytest.mark.parametrize("wish_s", [-5.0, 1e12])
def test_an_absurd_retry_after_is_bounded(wish_s: float) -> None:
    decision = retry.decide(Unavailable("429", retry_after_s=wish_s), 0, 0.0, random.Random(1))
    assert isinstance(decision, retry.RetryAt)
    assert 0.0 <= decision.at <= retry.LONGEST_RETRY_AFTER_S + retry.FIRST_GAP_S


@pytest.mark.parametrize(
    "error",
    [
        Rejected("400", status=400),
        JobUnknown("404", status=404),
        ResultGone("410", status=410),
        ExtractionFailed("no"),
        DocferryError("other"),
    ],
)
def test_what_can_only_fail_again_is_never_repeated(error: DocferryError) -> None:
    assert isinstance(retry.decide(error, 0, 0.0, random.Random(1)), retry.GiveUp)


def test_a_lost_answer_is_repeated_within_the_budget() -> None:
    assert isinstance(retry.decide(Ambiguous("cut"), 0, 0.0, random.Random(1)), retry.RetryAt)
    assert isinstance(retry.decide(Ambiguous("cut"), retry.ATTEMPTS - 1, 0.0, random.Random(1)), retry.GiveUp)


@given(st.integers(0, 10_000), seeds)
def test_the_providers_own_trouble_is_never_given_up(attempts: int, seed: int) -> None:
    decision = retry.decide(Parked("401", needs_person=True), attempts, 0.0, random.Random(seed))
    assert isinstance(decision, retry.RetryAt)
    assert decision.at <= retry.LONGEST_GAP_S


def test_settings_change_the_budget_and_the_gaps() -> None:
    settings = retry.RetrySettings(attempts=2, first_gap_s=10.0, longest_gap_s=10.0)
    assert isinstance(retry.decide(Unavailable("x"), 0, 0.0, random.Random(1), settings), retry.RetryAt)
    assert isinstance(retry.decide(Unavailable("x"), 1, 0.0, random.Random(1), settings), retry.GiveUp)
