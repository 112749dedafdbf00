"""A provider in trouble is parked, probed at growing gaps, and never left parked when it works again."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from docferry.pipeline.breaker import (
    FAILURES_TO_PARK,
    OUTAGE_GAPS_S,
    PERSON_GAPS_S,
    PROBE_LOST_S,
    Breaker,
    BreakerState,
)

RNG = random.Random(7)

stories = st.lists(
    st.tuples(
        st.sampled_from(["ask", "good", "bad", "outage", "person", "release"]),
        st.floats(-100_000.0, 100_000.0),
        st.one_of(st.none(), st.floats(0.0, 1e9)),
    ),
    max_size=60,
)


def told(story: list[tuple[str, float, float | None]]) -> tuple[Breaker, float]:
    breaker, now = Breaker(), 1_700_000_000.0
    for what, wait, wish in story:
        now += wait
        match what:
            case "ask" if breaker.admits(now):
                breaker = breaker.sent(now)
            case "good":
                breaker = breaker.succeeded()
            case "bad":
                breaker = breaker.failed(now, RNG, "503", retry_after_s=wish)
            case "outage":
                breaker = breaker.parked(now, RNG, "no such host", retry_after_s=wish)
            case "person":
                breaker = breaker.parked(now, RNG, "401", needs_person=True, retry_after_s=wish)
            case "release":
                breaker = breaker.released()
    return breaker, now


@given(stories)
def test_it_is_never_stuck_whatever_happened_and_however_the_clock_jumped(
    story: list[tuple[str, float, float | None]],
) -> None:
    breaker, now = told(story)
    patience_s = 2.0 * PERSON_GAPS_S[1] + PROBE_LOST_S
    assert breaker.admits(now) or breaker.admits(now + patience_s)


@given(stories)
def test_one_good_answer_closes_it(story: list[tuple[str, float, float | None]]) -> None:
    breaker, now = told(story)
    assert breaker.succeeded().state is BreakerState.CLOSED
    assert breaker.succeeded().admits(now)


@given(stories)
def test_while_a_probe_is_out_nothing_else_goes(story: list[tuple[str, float, float | None]]) -> None:
    breaker, now = told(story)
    if breaker.state is not BreakerState.CLOSED and breaker.admits(now):
        assert not breaker.sent(now).admits(now + 1.0)


def test_single_failures_do_not_park_but_a_row_does() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_PARK - 1):
        breaker = breaker.failed(0.0, RNG, "503")
    assert breaker.admits(0.0)
    assert breaker.succeeded().failures == 0
    breaker = breaker.failed(0.0, RNG, "503")
    assert not breaker.admits(0.0)
    assert breaker.reason == "503"


def test_gaps_between_probes_grow_to_the_longest() -> None:
    breaker, now, gaps = Breaker().parked(0.0, RNG, "refused"), 0.0, []
    for _ in range(12):
        gaps.append(breaker.probe_at - now)
        now = breaker.probe_at
        assert breaker.admits(now)
        breaker = breaker.sent(now).failed(now, RNG, "refused")
    first_s, longest_s = OUTAGE_GAPS_S
    assert first_s * 0.75 <= gaps[0] <= first_s * 1.25
    assert longest_s * 0.75 <= gaps[-1] <= longest_s * 1.25
    assert breaker.parked_at == 0.0


def test_late_answers_to_requests_sent_before_it_was_parked_change_nothing() -> None:
    breaker = Breaker().parked(0.0, RNG, "refused")
    for _ in range(20):
        assert breaker.failed(1.0, RNG, "refused").probe_at == breaker.probe_at
        breaker = breaker.failed(1.0, RNG, "refused")
    assert breaker.probes == 0


def test_while_a_person_must_mend_it_probes_are_slow_and_it_counts_as_one_trouble() -> None:
    breaker, now = Breaker(), 7.0
    for _ in range(20):
        breaker = breaker.parked(now, RNG, "401", needs_person=True)
        assert breaker.parked_at == 7.0  # by which alerts know it again
        now = breaker.probe_at
        breaker = breaker.sent(now)
    assert now > 19 * PERSON_GAPS_S[0] * 0.75


def test_an_outage_that_turns_out_to_need_a_person_says_so_from_then_on() -> None:
    outage = Breaker().parked(0.0, RNG, "refused")
    person = outage.parked(1.0, RNG, "402", needs_person=True)
    assert (outage.needs_person, person.needs_person) == (False, True)
    assert person.failed(2.0, RNG, "503").needs_person


def test_the_providers_wish_is_kept_within_reason() -> None:
    assert Breaker().parked(0.0, RNG, "503", retry_after_s=100.0).probe_at >= 100.0
    assert Breaker().parked(0.0, RNG, "503", retry_after_s=1e9).probe_at <= PERSON_GAPS_S[1]


def test_a_probe_that_was_cut_off_by_us_can_be_sent_again() -> None:
    breaker = Breaker().parked(0.0, RNG, "refused").sent(10.0)
    assert not breaker.admits(11.0)
    assert breaker.released().admits(11.0)
    assert breaker.admits(10.0 + PROBE_LOST_S)
