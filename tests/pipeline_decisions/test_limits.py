"""Rates hold over every window; concurrency backs off from a provider that suffers, and comes back."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.pipeline.limits import CALM_S, Bucket, Concurrency

rates = st.tuples(st.integers(1, 500), st.sampled_from([1.0, 60.0, 3600.0]))


def granted(bucket: Bucket, waits: list[float], amounts: list[float], greedy_until: float) -> list[tuple[float, float]]:
    """What a caller gets who asks after each wait, and at once again whenever he may."""
    now, taken = bucket.at, []
    for wait, amount in zip(waits, amounts, strict=True):
        now = max(now + wait, bucket.ready_at(amount, now + wait))
        if now > greedy_until:
            break
        after = bucket.take(amount, now)
        assert after is not None, "ready_at said that it could be taken"
        bucket = after
        taken.append((now, amount))
    return taken


@given(rates, st.lists(st.one_of(st.just(0.0), st.floats(0, 200)), min_size=1, max_size=200))
def test_no_window_ever_sees_more_requests_than_the_rate(rate: tuple[int, float], waits: list[float]) -> None:
    count, per_s = rate
    taken = granted(Bucket.start(count, per_s, 1e9), waits, [1.0] * len(waits), math.inf)
    for index, (start, _) in enumerate(taken):
        in_window = sum(1 for moment, _ in taken[index:] if moment < start + per_s - 1e-3)
        assert in_window <= count


@given(rates, st.lists(st.integers(1, 2000), min_size=1, max_size=60))
def test_pages_keep_their_rate_and_a_large_document_still_goes(rate: tuple[int, float], pages: list[int]) -> None:
    count, per_s = rate
    taken = granted(Bucket.start(count, per_s, 1e9), [0.0] * len(pages), [float(p) for p in pages], math.inf)
    assert len(taken) == len(pages), "none waits for ever"
    total = sum(amount for _, amount in taken[:-1])
    passed_s = taken[-1][0] - 1e9
    assert total <= count + count * passed_s / per_s + max(pages)


@given(rates)
def test_the_rate_is_reached_not_only_kept(rate: tuple[int, float]) -> None:
    count, per_s = rate
    taken = granted(Bucket.start(count, per_s, 0.0), [0.0] * 1000, [1.0] * 1000, 10 * per_s)
    assert len(taken) >= min(1000, 9 * count)


def test_even_spacing_saves_nothing_up_in_a_pause() -> None:
    taken = granted(Bucket.even(10, 1.0, 0.0), [1000.0] + [0.0] * 99, [1.0] * 100, math.inf)
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(taken)]
    assert min(gaps) > 0.099


def test_a_clock_that_was_set_back_neither_gives_nor_freezes() -> None:
    bucket = Bucket.start(1, 60.0, 1_000_000.0).take(1.0, 1_000_000.0)
    assert bucket is not None
    assert bucket.take(1.0, 0.0) is None
    assert bucket.ready_at(1.0, 0.0) == pytest.approx(60.0)
    throttled = Concurrency.start(8).throttled(1_000_000.0)
    assert throttled.throttled(0.0).limit < throttled.limit


events = st.lists(
    st.tuples(st.sampled_from(["ok", "throttled", "slow", "fast"]), st.floats(0, 30)), min_size=1, max_size=300
)


@given(st.integers(-1, 64), events)
def test_concurrency_stays_between_one_and_the_ceiling(ceiling: int, story: list[tuple[str, float]]) -> None:
    state, now = Concurrency.start(ceiling), 0.0
    for what, wait in story:
        now += wait
        match what:
            case "ok":
                state = state.succeeded()
            case "throttled":
                state = state.throttled(now)
            case "slow":
                state = state.timed(60.0, now)
            case _:
                state = state.timed(0.01, now)
        assert 1 <= state.places <= max(1, ceiling)
        assert state.allows(0)


def test_a_burst_of_refusals_is_one_decrease_and_a_new_one_another() -> None:
    state = Concurrency.start(16)
    for number in range(16):
        state = state.throttled(100.0 + number * 0.01)
    assert state.places == 8
    assert state.throttled(100.0 + 2 * CALM_S).places == 4


def test_it_comes_back_one_place_after_about_as_many_successes() -> None:
    state = Concurrency.start(8).throttled(0.0)
    for _ in range(5):
        state = state.succeeded()
    assert state.places == 5
    for _ in range(100):
        state = state.succeeded()
    assert state.places == 8


def test_rising_answer_times_decrease_it_and_steady_slow_ones_do_not() -> None:
    state, now = Concurrency.start(8), 0.0
    for _ in range(50):
        state, now = state.timed(2.0, now), now + 1.0
    assert state.places == 8
    for _ in range(20):
        state, now = state.timed(10.0, now), now + 1.0
    assert state.places < 5


def test_fast_answers_that_double_are_noise() -> None:
    state, now = Concurrency.start(8), 0.0
    for took_s in [0.01] * 50 + [0.2] * 20:
        state, now = state.timed(took_s, now), now + 1.0
    assert state.places == 8
