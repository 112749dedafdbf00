"""When a file may be taken: every sign alone and together, and what must hold whatever the signs say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.intake.readiness import GiveUp, Inside, LookInside, Observation, Ready, Settings, WaitUntil, decide
from docferry.intake.structure import Structure
from docferry.intake.values import Hint

SETTINGS = Settings(settle_s=2.0, settle_max_s=600.0)
WHOLE = Inside(Structure.COMPLETE, writer=False)
PLAIN = Inside(Structure.UNKNOWN, writer=None)
SEEN = Observation(size_bytes=10, first_seen_at=100.0, changed_at=100.0)


def seen(**changes: object) -> Observation:
    return replace(SEEN, **changes)  # type: ignore[arg-type]


def test_a_file_is_opened_before_it_is_judged() -> None:
    assert decide(SEEN, 100.0, SETTINGS) == LookInside()


@pytest.mark.parametrize("hint", [Hint.CLOSED, Hint.MOVED_IN])
@pytest.mark.parametrize("structure", [Structure.COMPLETE, Structure.UNKNOWN])
def test_a_closed_or_moved_in_file_is_taken_at_once(hint: Hint, structure: Structure) -> None:
    assert decide(seen(hint=hint, inside=Inside(structure, None)), 100.0, SETTINGS) == Ready()


def test_a_whole_file_that_nobody_writes_is_taken_at_once_without_any_event() -> None:
    assert decide(seen(inside=WHOLE), 100.0, SETTINGS) == Ready()


def test_without_any_sign_a_file_must_be_quiet_between_our_own_looks() -> None:
    """Rows 14 and 15: no mtime is part of an observation, so none can lie."""
    assert decide(seen(inside=PLAIN), 101.0, SETTINGS) == WaitUntil(102.0, "2 s without a change")
    assert decide(seen(inside=PLAIN), 102.0, SETTINGS) == Ready()


def test_a_created_file_of_which_no_close_was_seen_must_be_quiet() -> None:
    assert isinstance(decide(seen(hint=Hint.CREATED, inside=PLAIN), 100.0, SETTINGS), WaitUntil)


@pytest.mark.parametrize("hint", list(Hint))
@pytest.mark.parametrize("size_bytes", [0, 10])
def test_a_file_that_is_open_for_writing_is_never_taken_or_given_up(hint: Hint, size_bytes: int) -> None:
    open_file = seen(size_bytes=size_bytes, hint=hint, inside=Inside(Structure.COMPLETE, True), aged_s=9e9)
    decision = decide(open_file, 9000.0, SETTINGS)
    assert isinstance(decision, WaitUntil)
    assert "open for writing" in decision.reason


def test_a_cut_off_file_waits_for_its_end_even_when_it_was_closed() -> None:
    """Row 12: a scanner that closes the file after each page."""
    cut = seen(hint=Hint.CLOSED, inside=Inside(Structure.INCOMPLETE, False))
    assert decide(cut, 699.0, SETTINGS) == WaitUntil(700.0, "its end (the file is cut off)")
    gave_up = decide(cut, 700.0, SETTINGS)
    assert isinstance(gave_up, GiveUp)
    assert "cut off" in gave_up.reason


def test_an_empty_file_is_given_up_after_settle_max() -> None:
    """Row 13."""
    empty = seen(size_bytes=0, hint=Hint.CLOSED, inside=PLAIN)
    assert isinstance(decide(empty, 699.0, SETTINGS), WaitUntil)
    assert isinstance(decide(empty, 700.0, SETTINGS), GiveUp)


def test_an_empty_file_that_lies_there_since_long_is_given_up_at_once() -> None:
    assert isinstance(decide(seen(size_bytes=0, aged_s=601.0, inside=PLAIN), 100.0, SETTINGS), GiveUp)


def test_a_tiff_is_given_time_for_its_next_page() -> None:
    """Row 12: a multi-page TIFF is whole after every page."""
    tiff = seen(hint=Hint.CLOSED, inside=Inside(Structure.OPEN_ENDED, False))
    assert decide(tiff, 101.0, SETTINGS) == WaitUntil(102.0, "2 s without a change")
    assert decide(tiff, 102.0, SETTINGS) == Ready()
    assert decide(replace(tiff, hint=Hint.MOVED_IN), 100.0, SETTINGS) == Ready()


def test_writers_that_reopen_their_files_are_given_their_usual_gap() -> None:
    closed = seen(hint=Hint.CLOSED, inside=WHOLE, gap_s=6.0)
    assert decide(closed, 105.9, SETTINGS) == WaitUntil(106.0, "6 s without a change")
    assert decide(closed, 106.0, SETTINGS) == Ready()


def test_the_filesystems_own_clock_proves_quiet_time_only_with_a_second_sign() -> None:
    aged = seen(aged_s=3.0)
    assert decide(replace(aged, inside=Inside(Structure.UNKNOWN, False)), 100.0, SETTINGS) == Ready()
    assert decide(replace(aged, inside=Inside(Structure.COMPLETE, None)), 100.0, SETTINGS) == Ready()
    assert isinstance(decide(replace(aged, inside=PLAIN), 100.0, SETTINGS), WaitUntil)
    assert isinstance(
        decide(replace(aged, inside=Inside(Structure.UNKNOWN, False), aged_s=1.9), 100.0, SETTINGS), WaitUntil
    )


def test_a_done_file_is_waited_for_and_then_believed() -> None:
    settings = replace(SETTINGS, done_file=True)
    waiting = decide(seen(hint=Hint.CLOSED, inside=WHOLE), 5000.0, settings)
    assert isinstance(waiting, WaitUntil)
    assert "NAME.done" in waiting.reason
    unfinished_by_its_looks = Inside(Structure.INCOMPLETE, False)
    assert decide(seen(has_done_file=True, inside=unfinished_by_its_looks), 100.0, settings) == Ready()


def test_a_required_sidecar_is_waited_for_and_an_optional_one_a_moment() -> None:
    required = replace(SETTINGS, sidecar_allowed=True, sidecar_required=True)
    optional = replace(SETTINGS, sidecar_allowed=True)
    closed = seen(hint=Hint.CLOSED, inside=WHOLE)
    assert isinstance(decide(closed, 5000.0, required), WaitUntil)
    assert decide(closed, 100.5, optional) == WaitUntil(101.0, "a sidecar that may follow it")
    assert decide(closed, 101.0, optional) == Ready()
    assert decide(replace(closed, has_sidecar=True), 100.0, required) == Ready()
    half = decide(replace(closed, has_sidecar=True, companion_is_settled=False), 100.0, optional)
    assert half == WaitUntil(102.0, "its sidecar to be complete")


observations = st.builds(
    Observation,
    size_bytes=st.integers(0, 3),
    first_seen_at=st.just(0.0),
    changed_at=st.floats(0, 1000),
    hint=st.sampled_from(Hint),
    inside=st.none() | st.builds(Inside, st.sampled_from(Structure), st.none() | st.booleans()),
    aged_s=st.none() | st.floats(-10, 1000),
    gap_s=st.floats(0, 45),
    has_done_file=st.booleans(),
    has_sidecar=st.booleans(),
    companion_is_settled=st.booleans(),
)
settings_values = st.builds(
    Settings,
    settle_s=st.floats(0.1, 60),
    settle_max_s=st.floats(60, 900),
    done_file=st.booleans(),
    sidecar_allowed=st.booleans(),
    sidecar_required=st.booleans(),
)


@given(observations, settings_values, st.floats(0, 2000))
def test_whatever_is_seen_no_file_is_taken_before_its_time(
    observation: Observation, settings: Settings, later_s: float
) -> None:
    now = observation.changed_at + later_s
    decision = decide(observation, now, settings)
    if isinstance(decision, Ready):
        assert observation.inside is not None
        assert not observation.inside.writer
        assert observation.size_bytes > 0
        assert observation.has_done_file or not settings.done_file
        assert observation.has_done_file or observation.inside.structure is not Structure.INCOMPLETE
    if isinstance(decision, WaitUntil):
        assert decision.at >= now
        assert decision.reason
    if isinstance(decision, GiveUp):
        assert max(later_s, observation.aged_s or 0.0) >= settings.settle_max_s - 1e-6


@given(observations, settings_values)
def test_every_file_without_a_writer_is_decided_in_the_end(observation: Observation, settings: Settings) -> None:
    """Nothing waits for ever, but for a writer or a companion that was asked for."""
    inside = observation.inside or Inside(Structure.UNKNOWN, None)
    late = replace(
        observation,
        inside=replace(inside, writer=None),
        has_done_file=True,
        has_sidecar=True,
        companion_is_settled=True,
    )
    assert isinstance(decide(late, observation.changed_at + 10_000, settings), Ready | GiveUp)
