"""How much we ask of a provider at once and per minute. Pure: a state and a moment in, a new state out.

``Concurrency`` finds out how many requests a provider takes at a time: one more while all is well, a part
fewer when it says 429 or 503 or grows slow (additive increase, multiplicative decrease). ``Bucket`` keeps a
rate, in requests, pages or polls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

THROTTLED_FACTOR = 0.5
SLOW_FACTOR = 0.8
SLOW_RATIO = 2.0  # so many times its usual answer time counts as slow
SLOW_FLOOR_S = 0.25  # below this nobody waits for the provider, and noise is large
CALM_S = 5.0  # refusals that come this close together are answers to one burst: one decrease
BURST_SHARE = 0.1  # of a rate's count may go at once, after a pause

_ROUNDING_S = 1e-5  # who waits until ``ready_at`` must not find that the last digit of Unix time was missing

_FAST_WEIGHT = 0.2  # the mean of about the last 10 answers …
_USUAL_WEIGHT = 0.01  # … against that of about the last 200


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many requests may be in flight: a learned ``limit`` within the configured ``ceiling``, never below one."""

    ceiling: int
    limit: float
    decreased_at: float = -math.inf
    recent_s: float | None = None
    usual_s: float | None = None

    @classmethod
    def start(cls, ceiling: int) -> Self:
        """Begins at the configured number: it is what the operator says the provider takes."""
        return cls(max(1, ceiling), float(max(1, ceiling)))

    @property
    def places(self) -> int:
        return max(1, int(self.limit))

    def allows(self, in_flight: int) -> bool:
        return in_flight < self.places

    def succeeded(self) -> Self:
        """One more place after about as many good answers as there are places."""
        return replace(self, limit=min(float(self.ceiling), self.limit + 1.0 / self.limit))

    def throttled(self, now: float) -> Self:
        """The provider said 429 or 503."""
        return self._decreased(now, THROTTLED_FACTOR)

    def timed(self, took_s: float, now: float) -> Self:
        """An answer took so long. For calls of one kind whose work does not grow with the document, such as polls."""
        recent_s = _mean(self.recent_s, took_s, _FAST_WEIGHT)
        usual_s = _mean(self.usual_s, took_s, _USUAL_WEIGHT)
        state = replace(self, recent_s=recent_s, usual_s=usual_s)
        if recent_s > max(SLOW_FLOOR_S, SLOW_RATIO * usual_s):
            return state._decreased(now, SLOW_FACTOR)
        return state

    def _decreased(self, now: float, factor: float) -> Self:
        if 0.0 <= now - self.decreased_at < CALM_S:  # a clock that was set back must not freeze this
            return self
        return replace(self, limit=max(1.0, self.limit * factor), decreased_at=now)


def _mean(mean: float | None, value: float, weight: float) -> float:
    return value if mean is None else mean + weight * (value - mean)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate that holds over every window: never more than ``count`` in any ``per_s`` seconds.

    One take may be larger than the whole bucket (a thousand pages at 100 a minute): it goes when the bucket is
    full and leaves a debt that the following ones wait for.
    """

    burst: float
    refill_per_s: float
    tokens: float
    at: float

    @classmethod
    def start(cls, count: float, per_s: float, now: float) -> Self:
        # A full bucket may go in the same window as all that is refilled in it: both together make the count.
        burst = max(1.0, math.floor(count * BURST_SHARE))
        refill_per_s = (count - burst + 1.0) / per_s
        return cls(burst, refill_per_s, burst, now)

    @classmethod
    def even(cls, count: float, per_s: float, now: float) -> Self:
        """Spaced evenly, nothing saved up in a pause: a thousand polls that fall due together go one by one."""
        return cls(1.0, count / per_s, 1.0, now)

    def ready_at(self, amount: float, now: float) -> float:
        """When ``amount`` can be taken; ``now`` if it can be at once."""
        missing = min(amount, self.burst) - self._refilled(now).tokens
        wait_s = missing / self.refill_per_s
        return now if wait_s <= _ROUNDING_S else now + wait_s

    def take(self, amount: float, now: float) -> Self | None:
        """The bucket without ``amount``; None where that has to wait until ``ready_at``."""
        bucket = self._refilled(now)
        if bucket.ready_at(amount, now) > now:
            return None
        return replace(bucket, tokens=bucket.tokens - amount)

    def _refilled(self, now: float) -> Self:
        passed_s = max(0.0, now - self.at)  # a clock that was set back gives nothing, and starts anew from there
        return replace(self, tokens=min(self.burst, self.tokens + passed_s * self.refill_per_s), at=now)
