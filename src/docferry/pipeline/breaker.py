"""Whether a provider is asked at all: closed, parked, probing. Pure: a state and a moment in, a new state out.

A parked provider's documents wait and spend no attempt. One request at a time is let through as a probe, at
growing gaps; the first success lets everything through again. A wrong key or exhausted credit parks at once
and is probed slowly, since a person has to mend it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

FAILURES_TO_PARK = 5  # in a row, without one good answer between

OUTAGE_GAPS_S = (2.0, 300.0)  # first and longest gap between probes
PERSON_GAPS_S = (300.0, 3600.0)

PROBE_LOST_S = 600.0  # a probe that has not come back by then is counted as never sent


class BreakerState(StrEnum):
    CLOSED = "closed"  # all is well: requests go
    PARKED = "parked"  # nothing goes before probe_at
    PROBING = "probing"  # one request is out; its outcome decides


@dataclass(frozen=True, slots=True)
class Breaker:
    """One provider's breaker. Every method gives the next state; nothing here looks at a clock."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0  # in a row
    parked_at: float | None = None
    probe_at: float = 0.0
    probe_sent_at: float = 0.0
    probes: int = 0  # that failed since it was parked
    reason: str = ""
    needs_person: bool = False

    def admits(self, now: float) -> bool:
        """Whether a request may go now. Where it does, ``sent`` gives the next state."""
        match self.state:
            case BreakerState.CLOSED:
                return True
            case BreakerState.PARKED:
                return now >= self.probe_at or self._is_absurd(now)
            case BreakerState.PROBING:
                return not 0.0 <= now - self.probe_sent_at < PROBE_LOST_S

    def sent(self, now: float) -> Self:
        """A request is going: when not closed, it is the probe."""
        if self.state is BreakerState.CLOSED:
            return self
        return replace(self, state=BreakerState.PROBING, probe_sent_at=now)

    def succeeded(self) -> Self:
        """A good answer, whichever request it belongs to: the provider works."""
        return type(self)()

    def failed(self, now: float, rng: random.Random, reason: str, *, retry_after_s: float | None = None) -> Self:
        """No connection, a timeout or 5xx: parks after some in a row, at once when it was a probe."""
        failures = self.failures + 1
        if self.state is BreakerState.CLOSED and failures < FAILURES_TO_PARK:
            return replace(self, failures=failures, reason=reason)
        return replace(self, failures=failures).parked(now, rng, reason, retry_after_s=retry_after_s)

    def parked(
        self,
        now: float,
        rng: random.Random,
        reason: str,
        *,
        needs_person: bool = False,
        retry_after_s: float | None = None,
    ) -> Self:
        """Parks at once: a wrong key, no credit, no such host, a certificate that cannot be trusted.

        While it is parked already, an answer to a request sent before changes neither gap nor number of probes.
        """
        if self.state is BreakerState.PARKED and needs_person <= self.needs_person:
            return replace(self, reason=reason)
        probes = self.probes + 1 if self.state is BreakerState.PROBING else 0
        gap_s = max(_gap_s(probes, needs_person, rng), min(retry_after_s or 0.0, PERSON_GAPS_S[1]))
        return replace(
            self,
            state=BreakerState.PARKED,
            parked_at=now if self.parked_at is None else self.parked_at,
            probe_at=now + gap_s,
            probes=probes,
            reason=reason,
            needs_person=needs_person,
        )

    def released(self) -> Self:
        """The probe ended without saying anything about the provider (cut off by us): another may go."""
        if self.state is not BreakerState.PROBING:
            return self
        return replace(self, state=BreakerState.PARKED)

    def _is_absurd(self, now: float) -> bool:
        """The clock was set back: no gap is that long."""
        return self.probe_at - now > 2.0 * PERSON_GAPS_S[1]


def _gap_s(probes: int, needs_person: bool, rng: random.Random) -> float:
    """Doubles with every failed probe up to the longest, a quarter more or less by chance."""
    first_s, longest_s = PERSON_GAPS_S if needs_person else OUTAGE_GAPS_S
    doublings = min(probes, math.ceil(math.log2(longest_s / first_s)))
    return min(longest_s, first_s * 2.0**doublings) * rng.uniform(0.75, 1.25)
