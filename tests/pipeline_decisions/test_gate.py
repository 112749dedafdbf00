"""One provider's door: what goes at once, at which rate, and when nothing goes at all."""

from __future__ import annotations

import random
from typing import Any

import pytest

from docferry.config.models import ProviderConfig
from docferry.errors import Parked, Unavailable
from docferry.pipeline.gate import POLLS_PER_S, Gate

NOW = 1_800_000_000.0


def gate(**settings: Any) -> Gate:
    config = ProviderConfig.model_validate({"dialect": "pulse", "url": "http://x", **settings})
    return Gate(config, NOW, random.Random(1))


def admitted(door: Gate, kind: str, now: float = NOW) -> int:
    """How many more of a kind may be in flight at this moment; polls begin one after the other."""
    gap_s = 1.0 / POLLS_PER_S if kind == "poll" else 0.0
    running = 0
    while running < 100 and door.admit(kind, running, now + running * gap_s):
        running += 1
    return running


def test_never_more_polls_or_submissions_in_flight_than_the_providers_limit() -> None:
    door = gate(concurrency=4)
    assert (admitted(door, "poll"), admitted(door, "submit")) == (4, 4)


def test_429_and_503_halve_what_may_be_in_flight_and_success_brings_it_back() -> None:
    door = gate(concurrency=8)
    door.trouble(NOW, Unavailable("slow down", throttled=True))
    assert (admitted(door, "poll"), admitted(door, "submit")) == (4, 4)
    for _ in range(40):
        door.succeeded(NOW)
    assert (admitted(door, "poll", NOW + 1), admitted(door, "submit", NOW + 1)) == (8, 8)


def test_polls_that_take_longer_and_longer_become_fewer_submissions_do_not() -> None:
    door = gate(concurrency=8)
    for number in range(60):
        door.timed(0.1 if number < 40 else 2.0, NOW + 10 * number)
    assert admitted(door, "poll") < 8
    assert admitted(door, "submit") == 8


def test_rates_in_requests_and_in_pages() -> None:
    door = gate(concurrency=100, rate="60/min", pages_rate="300/min")
    sent = sum(admitted(door, "submit", NOW + second) for second in range(60))
    assert 50 <= sent <= 60
    assert admitted(door, "poll") == 100  # a rate is for submissions
    assert door.pages_wait_s(30, NOW) == 0.0
    assert door.pages_wait_s(30, NOW) > 1.0
    assert gate().pages_wait_s(10**6, NOW) == 0.0


def test_polls_that_fall_due_together_are_spread_and_leave_submissions_alone() -> None:
    door = gate(concurrency=1000)
    asked_at, now = [], NOW
    while len(asked_at) < 50:
        if door.admit("poll", len(asked_at), now):
            asked_at.append(now)
        again_at = door.opens_at("poll", now)
        assert again_at is not None
        assert again_at > now
        assert door.opens_at("submit", now) is None
        now = again_at
    assert asked_at[-1] - NOW == pytest.approx(49 / POLLS_PER_S, rel=0.01)


def test_a_lane_that_waits_for_its_rate_knows_when_to_look_again() -> None:
    door = gate(rate="60/min")
    sent = admitted(door, "submit")
    again_at = door.opens_at("submit", NOW)
    assert again_at is not None
    assert not door.admit("submit", sent, again_at - 0.01)
    assert door.admit("submit", sent, again_at)


def test_a_wrong_key_parks_at_once_an_outage_after_a_row_of_failures() -> None:
    door = gate()
    door.park(NOW, Parked("401", hint="check the key", needs_person=True))
    assert door.parked is not None
    assert (door.parked.reason, door.parked.hint, door.parked.needs_person) == ("401", "check the key", True)
    assert admitted(door, "submit") == admitted(door, "poll") == 0
    door = gate()
    for number in range(5):
        assert door.parked is None
        door.trouble(NOW + number, Unavailable("cut"))
    assert door.parked is not None


@pytest.mark.parametrize(
    ("error", "only_person"),
    [
        (Parked("401", needs_person=True), True),
        (Parked("401", needs_person=True, retry_after_s=5.0), False),
        (Parked("the month's quota", needs_person=True, renews=True), False),
        (Parked("down"), False),
    ],
)
def test_what_may_end_by_waiting_is_told_from_what_only_a_person_mends(error: Parked, only_person: bool) -> None:
    door = gate()
    door.park(NOW, error)
    assert door.parked is not None
    assert door.parked.only_person is only_person
    door.trouble(NOW, Unavailable("cut"))  # the answer to a request that was sent before
    assert door.parked.only_person is only_person
    assert door.admit("submit", 0, NOW + 5000)
    door.park(NOW + 5000, Parked("down"))  # the probe finds another trouble
    assert door.parked.only_person is False


def test_a_parked_provider_gets_one_request_as_a_probe() -> None:
    door = gate()
    door.park(NOW, Parked("down"))
    assert not door.is_probing
    assert admitted(door, "poll", NOW + 4000) == 1
    assert door.is_probing
    assert admitted(door, "submit", NOW + 4000) == 0
    door.succeeded(NOW + 4001)
    assert door.parked is None
