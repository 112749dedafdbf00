"""One provider's door: how many requests may go, at which rate, and whether it is asked at all.

The decisions are the pure values of ``limits`` and ``breaker``; this keeps their present state.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from docferry.config.models import ProviderConfig
from docferry.errors import Parked, ProviderError, Unavailable
from docferry.pipeline.breaker import Breaker, BreakerState
from docferry.pipeline.limits import Bucket, Concurrency

POLLS_PER_S = 300.0
"""Questions about jobs, evenly spaced: a thousand that fall due together would keep a new document from its upload."""


@dataclass(frozen=True, slots=True)
class ParkedState:
    """Why a provider's queue waits."""

    reason: str
    hint: str | None
    since: float
    needs_person: bool
    only_person: bool  # waiting alone mends nothing
    next_probe_at: float


class Gate:
    """Asked before every request, told after it. One for each provider, in the loop's thread."""

    def __init__(self, config: ProviderConfig, now: float, rng: random.Random) -> None:
        self._rng = rng
        self._submits = Concurrency.start(config.concurrency)
        self._polls = Concurrency.start(config.concurrency)
        self._breaker = Breaker()
        self.proven = False  # whether the provider has answered in this run
        self._hint: str | None = None
        self._only_person = False
        self._rates = {"poll": Bucket.even(POLLS_PER_S, 1.0, now)}
        if config.rate is not None:
            self._rates["submit"] = Bucket.start(config.rate.count, config.rate.per_s, now)
        self._pages = Bucket.start(config.pages_rate.count, config.pages_rate.per_s, now) if config.pages_rate else None

    @property
    def parked(self) -> ParkedState | None:
        breaker = self._breaker
        if breaker.state is BreakerState.CLOSED:
            return None
        return ParkedState(
            breaker.reason,
            self._hint,
            breaker.parked_at or 0.0,
            breaker.needs_person,
            breaker.needs_person and self._only_person,
            breaker.probe_at,
        )

    @property
    def is_probing(self) -> bool:
        """Whether one request was let through to find out how a parked provider is."""
        return self._breaker.state is BreakerState.PROBING

    def admit(self, kind: str, running: int, now: float) -> bool:
        """Whether one more ``submit`` or ``poll`` may go now; when it may, it is counted as gone."""
        limit = self._submits if kind == "submit" else self._polls
        if not limit.allows(running) or not self._breaker.admits(now):
            return False
        bucket = self._rates.get(kind)
        if bucket is not None:
            taken = bucket.take(1.0, now)
            if taken is None:
                return False
            self._rates[kind] = taken
        self._breaker = self._breaker.sent(now)
        return True

    def opens_at(self, kind: str, now: float) -> float | None:
        """When a ``submit`` or ``poll`` that was refused is worth another look, if a moment is known."""
        moments = []
        if self._breaker.state is BreakerState.PARKED:
            moments.append(self._breaker.probe_at)
        bucket = self._rates.get(kind)
        if bucket is not None:
            moments.append(bucket.ready_at(1.0, now))
        later = [moment for moment in moments if moment > now]
        return min(later) if later else None

    def pages_wait_s(self, pages: int, now: float) -> float:
        """Takes ``pages`` from the page rate and returns 0, or how long they must wait."""
        if self._pages is None or pages <= 0:
            return 0.0
        taken = self._pages.take(float(pages), now)
        if taken is None:
            return self._pages.ready_at(float(pages), now) - now
        self._pages = taken
        return 0.0

    def succeeded(self, now: float) -> None:
        """A good answer: the provider works."""
        self.proven = True
        self._breaker = self._breaker.succeeded()
        self._submits = self._submits.succeeded()
        self._polls = self._polls.succeeded()

    def answered(self) -> None:
        """An answer that refuses one document (4xx): the provider works, nothing is learned of its limits."""
        self.proven = True
        self._breaker = self._breaker.succeeded()

    def timed(self, took_s: float, now: float) -> None:
        """A poll took so long: growing answer times mean that we ask for too much at once."""
        self._polls = self._polls.timed(took_s, now)

    def trouble(self, now: float, error: ProviderError) -> None:
        """A request failed for a reason that may pass."""
        if isinstance(error, Unavailable) and error.throttled:
            self._submits = self._submits.throttled(now)
            self._polls = self._polls.throttled(now)
            self._breaker = self._breaker.released()
            return
        retry_after_s = error.retry_after_s if isinstance(error, Unavailable) else None
        self._hint = error.hint
        self._breaker = self._breaker.failed(now, self._rng, error.message, retry_after_s=retry_after_s)

    def park(self, now: float, error: Parked) -> None:
        """The provider's own trouble: its whole queue waits."""
        self._hint = error.hint
        if error.needs_person:
            self._only_person = error.only_person
        self._breaker = self._breaker.parked(
            now, self._rng, error.message, needs_person=error.needs_person, retry_after_s=error.retry_after_s
        )

    def try_now(self, now: float) -> None:
        """A person says that the cause is mended: the next request is the probe."""
        if self._breaker.state is BreakerState.PARKED:
            self._breaker = replace(self._breaker, probe_at=now)

    def released(self) -> None:
        """A request ended without saying anything about the provider."""
        self._breaker = self._breaker.released()
