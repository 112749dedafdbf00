"""A lost answer is settled in the design's order: the key, the listing, the rule; and never for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.pipeline.settle import LISTING_DELAYS_S, MAX_LOST_ANSWERS, Settlement, decide, had_its_time
from docferry.providers.base import Capabilities
from ledger.documents import make_document, make_step

NONE = frozenset[str]()


def capabilities(*, honours_idempotency_key: bool, finds_lost_submissions: bool) -> Capabilities:
    return Capabilities(NONE, NONE, NONE, False, finds_lost_submissions, honours_idempotency_key, NONE)


WISHES = st.sampled_from(["resubmit", "hold"])


@given(
    key=st.booleans(),
    listing=st.booleans(),
    wish=WISHES,
    lost=st.integers(0, 6),
    looks=st.integers(0, 6),
    passed_s=st.floats(0, 200),
)
def test_order_of_what_is_tried(key: bool, listing: bool, wish: str, lost: int, looks: int, passed_s: float) -> None:
    able = capabilities(honours_idempotency_key=key, finds_lost_submissions=listing)
    step = make_step(make_document(), lost_answers=lost)
    verdict = decide(able, step, wish, lost_at=1000.0, looks=looks, now=1000.0 + passed_s)
    assert verdict.reason
    if key:
        assert verdict.what is Settlement.RESEND, "the same key gives the same job, so nothing else is ever tried"
    elif listing and looks < len(LISTING_DELAYS_S):
        assert verdict.what in (Settlement.LOOK, Settlement.WAIT)
        assert (verdict.what is Settlement.LOOK) == (passed_s >= LISTING_DELAYS_S[looks])
        if verdict.what is Settlement.WAIT:
            assert verdict.at == 1000.0 + LISTING_DELAYS_S[looks]
    elif lost >= MAX_LOST_ANSWERS:
        assert verdict.what is Settlement.HOLD, "a document is not paid for without end"
    elif listing:
        assert verdict.what is Settlement.RESUBMIT, "the listing says that it never arrived"
    else:
        assert verdict.what is (Settlement.HOLD if wish == "hold" else Settlement.RESUBMIT)


@pytest.mark.parametrize("listing", [True, False])
@pytest.mark.parametrize("wish", ["resubmit", "hold"])
def test_settling_always_ends(listing: bool, wish: str) -> None:
    """However often the answer is lost, after a bounded number of decisions the document is held for a person."""
    able: Capabilities = capabilities(honours_idempotency_key=False, finds_lost_submissions=listing)
    lost, looks, now, submissions = 1, 0, 0.0, 1
    for _ in range(100):
        step = make_step(make_document(), lost_answers=lost)
        verdict = decide(able, step, wish, lost_at=0.0, looks=looks, now=now)
        match verdict.what:
            case Settlement.WAIT:
                now = verdict.at
            case Settlement.LOOK:
                looks += 1
            case Settlement.RESUBMIT:
                lost, looks, now, submissions = lost + 1, 0, 0.0, submissions + 1
            case _:
                break
    assert verdict.what is Settlement.HOLD
    assert submissions <= MAX_LOST_ANSWERS


def test_only_a_synchronous_call_is_over_with_its_time() -> None:
    call = make_step(make_document(), mode="sync", intent_at=100.0)
    assert had_its_time(call, 60.0, 160.0)
    assert not had_its_time(call, 60.0, 159.0)
    assert not had_its_time(replace(call, mode="async"), 60.0, 1000.0)
