"""Whether and when a failed try is repeated: capped exponential backoff with full jitter. Pure.

The kind of error decides, never its text: what can only fail again is given up at once, what is the
provider's own trouble is repeated for ever, since its breaker holds the queue back meanwhile.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from docferry.errors import Ambiguous, DocferryError, Parked, Unavailable

FIRST_GAP_S = 1.0
LONGEST_GAP_S = 300.0
ATTEMPTS = 8  # with full jitter over about two minutes on average, at most four: longer outages park the provider

PATIENT_ATTEMPTS = ATTEMPTS - 1
"""The highest count of failed tries after which ``decide`` still says when to try again."""

LONGEST_RETRY_AFTER_S = 86_400.0  # a day; whoever asks for more has made a mistake in the unit


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How patient we are. The n-th gap is drawn from zero to ``first_gap_s * 2**n``, at most ``longest_gap_s``."""

    attempts: int = ATTEMPTS
    first_gap_s: float = FIRST_GAP_S
    longest_gap_s: float = LONGEST_GAP_S


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again, at this moment (Unix seconds)."""

    at: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again by yourself; ``reason`` in words."""

    reason: str


DEFAULTS = RetrySettings()


def decide(
    error: DocferryError, attempts: int, now: float, rng: random.Random, settings: RetrySettings = DEFAULTS
) -> RetryAt | GiveUp:
    """What to do after ``error``, when ``attempts`` tries had failed before this one.

    ``Retry-After`` is a lower bound: the jitter comes on top, so that documents which were refused together do
    not come back together.
    """
    if not isinstance(error, Unavailable | Ambiguous):
        return GiveUp("it would fail again in the same way")
    if attempts + 1 >= settings.attempts and not isinstance(error, Parked):
        return GiveUp(f"gave up after {attempts + 1} tries")
    gap_s = backoff_s(attempts, rng, settings)
    return RetryAt(now + _wished_s(error) + gap_s)


def backoff_s(attempts: int, rng: random.Random, settings: RetrySettings = DEFAULTS) -> float:
    """A gap drawn from zero to the capped exponential: full jitter parts those that failed at the same moment."""
    exponent = min(max(attempts, 0), 64)
    return rng.uniform(0.0, min(settings.longest_gap_s, settings.first_gap_s * 2.0**exponent))


def _wished_s(error: DocferryError) -> float:
    wish = error.retry_after_s if isinstance(error, Unavailable) else None
    return min(max(wish, 0.0), LONGEST_RETRY_AFTER_S) if wish is not None else 0.0
