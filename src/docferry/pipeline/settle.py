"""What to do about a submission whose answer never came: a pure decision, in the order the design gives.

The idempotency key first (the same key again gives the same job), then the provider's listing, then the
rule's ``on_ambiguous``. Whatever is done, the ledger says so: a document that may be paid for twice is
never sent again silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from docferry.models import Step
from docferry.providers.base import Capabilities

LISTING_DELAYS_S = (0.0, 15.0, 30.0, 60.0)
"""When to look into the listing, after the answer was missed: nothing promises that a record shows at once."""

MAX_LOST_ANSWERS = 3
"""After so many submissions of one step without an answer a person must look, whatever the rule says."""


class Settlement(StrEnum):
    RESEND = "resend"  # same idempotency key
    LOOK = "look"  # into the listing
    WAIT = "wait"  # until the listing is worth another look
    RESUBMIT = "resubmit"  # may be paid twice
    HOLD = "hold"  # for a person


@dataclass(frozen=True, slots=True)
class Verdict:
    what: Settlement
    reason: str
    at: float = 0.0  # for WAIT: when to look again


def decide(
    capabilities: Capabilities, step: Step, on_ambiguous: str, *, lost_at: float, looks: int, now: float
) -> Verdict:
    """``lost_at`` is when the answer was missed, ``looks`` how often the listing was read since, in vain."""
    if capabilities.honours_idempotency_key:
        return Verdict(Settlement.RESEND, "the provider honours our idempotency key: the same job or none")
    if capabilities.finds_lost_submissions and looks < len(LISTING_DELAYS_S):
        look_at = lost_at + LISTING_DELAYS_S[looks]
        if now >= look_at:
            return Verdict(Settlement.LOOK, "looking for the upload in the provider's listing")
        return Verdict(Settlement.WAIT, "the provider's listing may lag", look_at)
    if step.lost_answers >= MAX_LOST_ANSWERS:
        return Verdict(Settlement.HOLD, f"{step.lost_answers} submissions got no answer")
    if capabilities.finds_lost_submissions:
        return Verdict(Settlement.RESUBMIT, "the provider's listing does not have it: it never arrived")
    if on_ambiguous == "hold":
        return Verdict(Settlement.HOLD, "the answer was lost, the provider cannot be asked, and the rule says hold")
    return Verdict(Settlement.RESUBMIT, "the answer was lost and the provider cannot be asked: this may be paid twice")


def had_its_time(step: Step, job_timeout_s: float, now: float) -> bool:
    """Whether this call was waited for as long as a job may take, and is synchronous: the answer is the job's end."""
    return step.mode == "sync" and step.intent_at is not None and now - step.intent_at >= job_timeout_s
