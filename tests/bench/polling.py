"""How late answers are noticed, and how many polls that costs: learned pacing against the two usual ways.

Run it: ``python tests/bench/polling.py [jobs]``. It prints, for each kind of service, the lag as a share of the
job's duration (median, mean, 90th percentile) and the polls for each job, all from the first job on, when nothing
is known yet. "at the same polls" is learned pacing with its budget set so that it makes as many polls a job as the
line above it. Where nothing explains the durations ("unexplained") the last line of each block is what no way of
asking could better, were the distribution known from the start (``polling_bounds``): there are not enough polls.
The last block puts all kinds of jobs of two seconds and more together, with one budget for all.
"""

from __future__ import annotations

import heapq
import json
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from docferry.pipeline.pacing import PaceModel, PaceSettings, next_poll_at

# Run as a script, this folder is on the path; imported by a test, its parent is.
try:
    from bench.polling_bounds import least_mean, least_median
except ModuleNotFoundError:
    from polling_bounds import least_mean, least_median  # type: ignore[no-redef]

JOBS = 1500
AT_ONCE = 8
RECORDED = Path(__file__).with_name("recorded_durations.json")


class Job(NamedTuple):
    """One simulated job: the truth that a policy has to find out."""

    duration_s: float
    pages: int
    size_bytes: int


class Outcome(NamedTuple):
    """What became of it: how late its end was noticed, as a share of its duration, after how many polls."""

    lag: float
    polls: int


Policy = Callable[[float, int, float, Job], float]  # submitted at, polls so far, now, job -> next poll at
Learn = Callable[[float, int, Job], None]  # took, polls, job


@dataclass(frozen=True)
class Scenario:
    name: str
    make: Callable[[random.Random, int, int], Job]
    quickest_s: float = 1.0


def scenarios() -> list[Scenario]:
    """Durations from 2 seconds to 20 minutes, unless the name says otherwise."""
    return [
        Scenario("log-normal, by pages", lambda rng, *_: _by_pages(rng, 0.3)),
        Scenario("bimodal: 3 s or 2 min", _bimodal),
        Scenario("drifting, by pages", _drifting),
        Scenario("60 s, then suddenly 4 s", _sudden),
        Scenario("log-normal, unexplained", _unexplained),
        Scenario("local engine, ms", _local, quickest_s=0.01),
        *([Scenario("recorded: local engine", _recorded(), quickest_s=0.01)] if RECORDED.exists() else []),
    ]


def _pages(rng: random.Random) -> int:
    return min(max(1, round(math.exp(rng.gauss(math.log(8), 1.2)))), 400)


def _job(rng: random.Random, duration_s: float, pages: int) -> Job:
    return Job(min(max(duration_s, 2.0), 1200.0), pages, int(pages * 30_000 * math.exp(rng.gauss(0, 0.5))))


def _by_pages(rng: random.Random, spread: float, factor: float = 1.0) -> Job:
    pages = _pages(rng)
    return _job(rng, (1.2 + 1.3 * pages) * factor * math.exp(rng.gauss(0, spread)), pages)


def _bimodal(rng: random.Random, *_: int) -> Job:
    fast = rng.random() < 0.6
    return _job(rng, 3 * math.exp(rng.gauss(0, 0.15)) if fast else 120 * math.exp(rng.gauss(0, 0.2)), 1)


def _drifting(rng: random.Random, number: int, count: int) -> Job:
    return _by_pages(rng, 0.25, math.exp(math.sin(12 * number / count)))


def _sudden(rng: random.Random, number: int, count: int) -> Job:
    return _job(rng, (60 if number < count / 2 else 4) * math.exp(rng.gauss(0, 0.2)), 1)


def _unexplained(rng: random.Random, *_: int) -> Job:
    return _job(rng, math.exp(rng.gauss(math.log(49), 1.3)), 1)


def _local(rng: random.Random, *_: int) -> Job:
    pages = _pages(rng)
    return Job((0.02 + 0.015 * pages) * math.exp(rng.gauss(0, 0.2)), pages, pages * 30_000)


def _recorded() -> Callable[[random.Random, int, int], Job]:
    """Jobs as the embedded engine did them, drawn again and again."""
    jobs = [Job(*values) for values in json.loads(RECORDED.read_text())]
    return lambda rng, *_: rng.choice(jobs)


def run(jobs: Sequence[Job], policy: Policy, learn: Learn | None = None) -> list[Outcome]:
    """Works through ``jobs``, some at a time; a job's slot is free when its end was noticed."""
    waiting = enumerate(jobs)
    polls: list[tuple[float, int, float, int]] = []  # at, job, submitted at, its number
    outcomes: dict[int, Outcome] = {}

    def submit(now: float) -> None:
        for number, job in waiting:
            heapq.heappush(polls, (policy(now, 0, now, job), number, now, 1))
            return

    for slot in range(AT_ONCE):
        submit(slot * 0.37)
    while polls:
        now, number, submitted_at, made = heapq.heappop(polls)
        job = jobs[number]
        if now - submitted_at < job.duration_s:
            heapq.heappush(polls, (policy(submitted_at, made, now, job), number, submitted_at, made + 1))
            continue
        outcomes[number] = Outcome((now - submitted_at - job.duration_s) / job.duration_s, made)
        if learn is not None:
            learn(now - submitted_at, made, job)
        submit(now)
    return [outcomes[number] for number in sorted(outcomes)]


def fixed(submitted_at: float, made: int, now: float, job: Job) -> float:
    """Every five seconds."""
    return now + 5.0


def exponential(submitted_at: float, made: int, now: float, job: Job) -> float:
    """After 1, 2, 4 … seconds, a minute at most."""
    return now + min(2.0**made, 60.0)


def learned(jobs: Sequence[Job], settings: PaceSettings, seed: int = 5) -> list[Outcome]:
    model, rng = PaceModel(settings), random.Random(seed)

    def policy(submitted_at: float, made: int, now: float, job: Job) -> float:
        return next_poll_at(
            model,
            submitted_at=submitted_at,
            polls=made,
            now=now,
            size_bytes=job.size_bytes,
            pages=job.pages,
            rng=rng,
        )

    def learn(took_s: float, made: int, job: Job) -> None:
        model.learn(took_s, polls=made, size_bytes=job.size_bytes, pages=job.pages)

    return run(jobs, policy, learn)


def learned_at(kinds: Sequence[Sequence[Job]], polls: float, quickest_s: float) -> list[Outcome]:
    """Learned pacing, for each kind of service anew, with the one budget for all that makes ``polls`` polls a job."""

    def all_kinds(budget: float) -> list[Outcome]:
        settings = PaceSettings(polls=budget, lag_share=0.0, quickest_s=quickest_s)
        return [outcome for jobs in kinds for outcome in learned(jobs, settings)]

    low, high = 1.5, 60.0
    for _ in range(7):
        budget = math.sqrt(low * high)
        if mean([outcome.polls for outcome in all_kinds(budget)]) > polls:
            high = budget
        else:
            low = budget
    return all_kinds(low)


def mean(values: Iterator[float] | Sequence[float]) -> float:
    kept = list(values)
    return sum(kept) / len(kept)


def median_lag(outcomes: Sequence[Outcome]) -> float:
    return sorted(outcome.lag for outcome in outcomes)[len(outcomes) // 2]


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    lags = sorted(outcome.lag for outcome in outcomes)
    shares = [lags[len(lags) // 2], mean(lags), lags[len(lags) * 9 // 10]]
    polls = mean(outcome.polls for outcome in outcomes)
    return f"  {name:24}" + "".join(f"{100 * share:9.1f} %" for share in shares) + f"{polls:9.1f}"


def bounds(jobs: Sequence[Job], polls: float) -> str:
    durations_s = [job.duration_s for job in jobs]
    shares = (least_median(durations_s, polls), least_mean(durations_s, polls))
    return f"  {'    never below':24}" + "".join(f"{100 * share:9.1f} %" for share in shares) + f"{polls:20.1f}"


def remote(count: int) -> list[list[Job]]:
    """The jobs of every kind that the usual ways can be compared with: not those that take milliseconds."""
    return [made(scenario, count) for scenario in scenarios() if scenario.quickest_s >= 1.0]


def made(scenario: Scenario, count: int) -> list[Job]:
    rng = random.Random(1)
    return [scenario.make(rng, number, count) for number in range(count)]


def usually(kinds: Sequence[Sequence[Job]], policy: Policy) -> list[Outcome]:
    return [outcome for jobs in kinds for outcome in run(jobs, policy)]


def block(name: str, kinds: Sequence[Sequence[Job]], quickest_s: float) -> None:
    """The lines about one kind of service, or about several together."""
    is_unexplained = "unexplained" in name
    print(name)
    print(row("learned", [it for jobs in kinds for it in learned(jobs, PaceSettings(quickest_s=quickest_s))]))
    if is_unexplained:
        print(bounds(kinds[0], 8.0))
    for usual, policy in (("every 5 s", fixed), ("exponential backoff", exponential)):
        outcomes = usually(kinds, policy)
        polls = mean([outcome.polls for outcome in outcomes])
        print(row(usual, outcomes))
        if quickest_s >= 1.0:  # nobody asks less than once: with ms jobs there is nothing to tune
            print(row("  at the same polls", learned_at(kinds, polls, quickest_s)))
        if is_unexplained:
            print(bounds(kinds[0], polls))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    print(f"{'lag as a share of the duration':26}{'median':>9}{'mean':>11}{'p90':>11}{'polls':>11}")
    for scenario in scenarios():
        block(scenario.name, [made(scenario, count)], scenario.quickest_s)
    block("all of 2 s and more together", remote(count), 1.0)


if __name__ == "__main__":
    main()
