"""How late the ends of jobs must be noticed at best, for so many polls a job, by one who knows the distribution.

For durations that nothing explains: every job is asked about at the same moments.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

CELLS = 150


def most_noticed(durations_s: Sequence[float], lag: float, polls: float) -> float:
    """The largest share of jobs that can be noticed within ``lag`` of their duration.

    A poll at ``t`` notices the jobs that ended since ``t / (1 + lag)`` and costs as much as jobs still run then.
    Where the hazard grows with the logarithm of time, as it does for log-normal durations, the longest jobs are the
    cheapest to notice; so it is best to begin late and go on in steps of ``1 + lag``.
    """
    ordered = sorted(durations_s)
    count = len(ordered)
    for skipped in range(0, count, max(1, count // 400)):
        moment, made = ordered[skipped] * (1.0 + lag), 1.0
        while moment < ordered[-1] and made <= polls:
            made += (count - bisect_right(ordered, moment)) / count
            moment *= 1.0 + lag
        if made <= polls:
            return (count - skipped) / count
    return 0.0


def least_median(durations_s: Sequence[float], polls: float) -> float:
    """The median lag below which nobody comes."""
    low, high = 0.0, 8.0
    for _ in range(20):
        middle = (low + high) / 2.0
        if most_noticed(durations_s, middle, polls) >= 0.5:
            high = middle
        else:
            low = middle
    return low


def least_mean(durations_s: Sequence[float], polls: float) -> float:
    """The mean lag of the best schedule, by dynamic programming over a grid of moments, a price paid for each poll."""
    lowest, highest = 1e-4, 10.0
    for _ in range(16):
        price = math.sqrt(lowest * highest)
        lag, made = _best_at(durations_s, price)
        if made > polls:
            lowest = price
        else:
            highest = price
    return lag


def _best_at(durations_s: Sequence[float], price: float) -> tuple[float, float]:
    """Mean lag and polls a job of the schedule that is best when a poll costs ``price`` of lag."""
    ordered = sorted(durations_s)
    count, first, last = len(ordered), math.log(ordered[0]), math.log(ordered[-1])
    grid = [0.0, *(math.exp(first + (last - first) * cell / CELLS) for cell in range(CELLS)), ordered[-1]]
    ended = [bisect_right(ordered, moment) if moment else bisect_left(ordered, moment) for moment in grid]
    inverse = [0.0]
    for duration_s in ordered:
        inverse.append(inverse[-1] + 1.0 / duration_s)

    def lag_between(before: int, after: int) -> float:
        return grid[after] * (inverse[ended[after]] - inverse[ended[before]]) - (ended[after] - ended[before])

    end = len(grid) - 1
    costs, following = [0.0] * len(grid), [0] * len(grid)
    for at in range(end - 1, -1, -1):  # the poll at ``at`` was made: when is the next?
        asked = price * (count - ended[at])
        costs[at], following[at] = min(
            (lag_between(at, later) + asked + costs[later], later) for later in range(at + 1, end + 1)
        )
    lag, made, at = 0.0, 0, 0
    while at < end:
        made += count - ended[at]
        lag += lag_between(at, following[at])
        at = following[at]
    return lag / count, made / count
