"""When to ask about a job: learned from how long this provider's jobs of that size took. Pure.

A forecast is a density over the logarithm of a job's duration, since lag matters as a share of it. Polls are
placed so that the typical lag is least for their number: where jobs end with hazard ``h`` at a moment (of those
that still run, the share ending per unit), the gap between polls is proportional to ``h ** (-2/3)``. That follows
from minimising the integral of ``f * sqrt(gap)`` (the root of the lag, ``f`` the density) plus a price times the
integral of ``S / gap`` (polls made, ``S`` the share still running). The lag itself instead of its root would give
``h ** (-1/2)``: a mean that is a little less, since single late answers count more, and a median that is a sixth
larger (``tests/bench/polling.py``). A steeper power asks ever more about the longest jobs alone: with 9/10, where
nothing explains the durations, the median is a tenth less and the mean two thirds more. So nothing is asked while no
answer is likely, most is asked where most jobs end, and gaps grow with the time waited.

The model keeps the last durations, the newest counting most: an outlier is one among many, two modes stay two
modes, and drift is followed. A poll only shows that the job ended since the poll before, so what is kept is that
interval, never the moment of the poll itself: a model learning from its own delays would drift to ever later polls.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Self

from docferry.models import Json

SAMPLES = 96
HALF_LIFE_SAMPLES = 32.0
LONGEST_GAP_S = 900.0

_VERSION = 1
_LOWEST = math.log(0.004)  # the grid: from 4 ms …
_STEP = 0.05
_BINS = 340  # … to 27 hours, in steps of five per cent

_CHANCE = 0.1  # of the way to the next poll
_CHANCE_OF_FIRST = 0.5
_URGENCY = 2.0 / 3.0  # the power of the hazard with which polls follow each other

_NEIGHBOUR_SHARE = 8  # a sample is smeared as far as its 1/8-th nearest neighbour: narrow in a mode, wide in a tail
_NARROWEST = 0.04
_WIDEST = 1.0
_SURPRISE = 1.5  # log units by which a job may fall outside all that is known …
_SURPRISE_WEIGHT = 0.2  # … in samples' worth of density
_PRIOR_WEIGHT = 0.5
_UNKNOWN_POLLS_FACTOR = 1.6  # while nothing is known, polls buy knowledge
_EARLY_HITS = 4  # so many answers in a row at the very first poll: jobs have become faster than all that is known

_KERNEL_WIDTH = 0.7  # log units of size or pages within which documents are alike
_FAR_WEIGHT = 0.02  # of documents of quite another size, whose durations are scaled by the line
_DOUBT = 0.1  # how far off a scaled duration may be, for each log unit of distance
_POSITION_STEP = 0.2
_MIN_FOR_LINE = 6
_STEEPEST = 1.3
_GAIN_FOR_LINE = 0.75  # size or pages are used when they leave less than this part of the spread


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """``polls`` is the budget for an average job; where fewer suffice for ``lag_share`` of its duration, fewer go.

    ``quickest_s`` is the earliest moment at which an answer of an unknown service can be expected: milliseconds
    for the local engine, about a second over the internet.
    """

    polls: float = 7.0
    lag_share: float = 0.02
    quickest_s: float = 1.0


class Sample(NamedTuple):
    """One finished job; all logarithms. It ended between ``low`` and ``high``."""

    pages: float | None
    size: float
    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


class Line(NamedTuple):
    """By what durations are told apart: ``slope`` log units for each of ``by``; "" when nothing helps."""

    by: str = ""
    slope: float = 0.0

    def position(self, sample: Sample) -> float | None:
        if self.by == "pages":
            return sample.pages
        return sample.size if self.by == "size" else 0.0


class Forecast:
    """How many polls should have been made by each moment of a job's life."""

    __slots__ = ("_due",)

    def __init__(self, density: Sequence[float], polls: float, lag_share: float) -> None:
        total = sum(density)
        urgencies, surviving = [], []
        running, effort, lag = 1.0, 0.0, 0.0  # polls made, and the mean lag, while the gap is 1 / urgency
        for mass in density:
            share = mass / total
            still = max(running - share / 2, 1e-9)
            running -= share
            urgency = math.pow(share / _STEP / still, _URGENCY)
            urgencies.append(urgency)
            surviving.append(still)
            effort += still * urgency * _STEP
            lag += share / (2.0 * urgency) if urgency else 0.0
        gap_factor = max(lag_share / lag, effort / polls)
        rates = (
            max(urgency / gap_factor, _least_rate(still)) * _STEP
            for urgency, still in zip(urgencies, surviving, strict=True)
        )
        self._due = [0.0, *accumulate(rates)]

    def polls_by(self, elapsed_s: float) -> float:
        place = _place(_log(elapsed_s))
        index = int(place)
        return self._due[index] + (place - index) * (self._due[index + 1] - self._due[index])

    def elapsed_at(self, polls: float) -> float:
        """The moment by which so many polls should have been made (seconds after submission)."""
        if polls >= self._due[-1]:
            return math.exp(_LOWEST + _BINS * _STEP)
        index = bisect_right(self._due, polls) - 1
        part = (polls - self._due[index]) / (self._due[index + 1] - self._due[index])
        return math.exp(_LOWEST + (index + part) * _STEP)


def _least_rate(still: float) -> float:
    """Polls per log unit at least: about one where some jobs have ended, more for one that outlasts nearly all."""
    ended = 1.0 - still
    return ended**2 + 1.5 * ended**24


class PaceModel:
    """How long the jobs of one endpoint of one provider take. Changed by ``learn`` only, and small as JSON."""

    def __init__(
        self, settings: PaceSettings | None = None, samples: Sequence[Sample] = (), early_hits: int = 0
    ) -> None:
        self.settings = settings or PaceSettings()
        self._samples: deque[Sample] = deque(samples, maxlen=SAMPLES)
        self._early_hits = early_hits
        self._unused = 0  # samples that the cached forecasts do not know
        self._lines: dict[bool, Line] = {}
        self._forecasts: dict[tuple[str, float], Forecast] = {}

    def __len__(self) -> int:
        return len(self._samples)

    def learn(self, took_s: float, *, polls: int, size_bytes: int, pages: int | None) -> None:
        """A job's answer came ``took_s`` after its submission, at the ``polls``-th poll (0: it was synchronous)."""
        high = _log(took_s)
        low = high - _STEP if polls == 0 else self._lower_bound(took_s, polls, size_bytes, pages)
        self._samples.append(Sample(_log(pages) if pages else None, _log(size_bytes), min(low, high - 1e-3), high))
        self._note_early(polls == 1)
        self._unused += 1
        if self._early_hits <= _EARLY_HITS and self._unused * _NEIGHBOUR_SHARE >= len(self._samples):
            self._forget_forecasts()

    def forecast(self, size_bytes: int, pages: int | None) -> Forecast:
        """For a document of this size. Kept until an eighth of the samples is new."""
        line = self._line(pages is not None)
        asked = Sample(_log(pages) if pages else None, _log(size_bytes), 0.0, 0.0)
        position = round((line.position(asked) or 0.0) / _POSITION_STEP) * _POSITION_STEP
        key = (line.by, position)
        if key not in self._forecasts:
            polls = self.settings.polls * (_UNKNOWN_POLLS_FACTOR if len(self._samples) < 2 else 1.0)
            self._forecasts[key] = Forecast(self._density(line, position), polls, self.settings.lag_share)
        return self._forecasts[key]

    def to_json(self) -> Json:
        samples = [[None if value is None else round(value, 3) for value in sample] for sample in self._samples]
        return {"version": _VERSION, "early_hits": self._early_hits, "samples": samples}

    @classmethod
    def from_json(cls, data: Json, settings: PaceSettings | None = None) -> Self:
        """What ``to_json`` gave. Anything else begins anew: a model is a convenience, never a reason to stop."""
        try:
            samples = [_sample(values) for values in data["samples"]] if data["version"] == _VERSION else []
            return cls(settings, samples, int(data["early_hits"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return cls(settings)

    def _lower_bound(self, took_s: float, polls: int, size_bytes: int, pages: int | None) -> float:
        """The moment of the poll before, by the forecast that placed it; for a first poll, where jobs rarely end."""
        forecast = self.forecast(size_bytes, pages)
        due = forecast.polls_by(took_s)
        if polls > 1:
            return _log(forecast.elapsed_at(max(due - 1.0, 0.0)))
        if self._early_hits + 1 >= _EARLY_HITS:
            return _log(took_s) - _SURPRISE
        return max(_log(forecast.elapsed_at(0.4 * due)), _log(took_s) - _SURPRISE)

    def _note_early(self, at_first_poll: bool) -> None:
        """After a run of answers at the first poll only these count: the older ones hide how fast jobs are now.

        While it goes on, all is reckoned anew ever more rarely: quick jobs come by the hundred each second.
        """
        self._early_hits = self._early_hits + 1 if at_first_poll else 0
        if self._early_hits >= _EARLY_HITS and self._early_hits.bit_count() == 1:
            self._samples = deque(list(self._samples)[-_EARLY_HITS:], maxlen=SAMPLES)
            self._forget_forecasts()

    def _forget_forecasts(self) -> None:
        self._unused = 0
        self._lines.clear()
        self._forecasts.clear()

    def _line(self, pages_known: bool) -> Line:
        if pages_known not in self._lines:
            self._lines[pages_known] = _best_line(self._samples, pages_known)
        return self._lines[pages_known]

    def _density(self, line: Line, position: float) -> list[float]:
        """Where jobs of such documents end: the samples smeared, a little everywhere for what nobody has seen."""
        changes = [0.0] * (_BINS + 1)  # of the density from bin to bin: a smear touches two numbers, not a hundred
        weighted = sorted(self._weighted(line, position))
        known = sum(weight for _, weight, _, _ in weighted)
        surprise = _SURPRISE_WEIGHT / (len(weighted) + 5)
        reach = max(1, round(len(weighted) / _NEIGHBOUR_SHARE))
        middles = [middle for middle, _, _, _ in weighted]
        for index, (middle, weight, low, high) in enumerate(weighted):
            width = _width(middles, index, reach)
            _spread(changes, min(low, middle - width), max(high, middle + width), weight * (1.0 - surprise))
            _spread(changes, low - _SURPRISE, high + _SURPRISE, weight * surprise)
        prior = _PRIOR_WEIGHT / (1.0 + 0.05 * known * known)
        _spread(changes, _log(self.settings.quickest_s), math.log(1200.0), 0.9 * prior)
        _spread(changes, math.log(1200.0), math.log(20_000.0), 0.1 * prior)
        return _smoothed([max(0.0, value) for value in accumulate(changes[:-1])])

    def _weighted(self, line: Line, position: float) -> list[tuple[float, float, float, float]]:
        """Each sample as if its document had the asked-for size: middle, weight, low, high."""
        near = [(sample, position - at) for sample in self._samples if (at := line.position(sample)) is not None]
        closest = min((abs(distance) for _, distance in near), default=0.0)
        found = []
        for age, (sample, distance) in enumerate(reversed(near)):
            # Alike in comparison with the closest: for a size never seen, the line is all that is known.
            likeness = math.exp(0.5 * (closest**2 - distance**2) / _KERNEL_WIDTH**2) + _FAR_WEIGHT
            weight = likeness * 0.5 ** (age / HALF_LIFE_SAMPLES)
            shift, doubt = line.slope * distance, _DOUBT * abs(distance)
            found.append((sample.middle + shift, weight, sample.low + shift - doubt, sample.high + shift + doubt))
        return found


def next_poll_at(
    model: PaceModel,
    *,
    submitted_at: float,
    polls: int,
    now: float,
    size_bytes: int,
    pages: int | None,
    rng: random.Random,
    retry_after_s: float | None = None,
) -> float:
    """When to ask next about a job that was submitted at ``submitted_at`` and asked about ``polls`` times.

    Never before ``now``, nor earlier than the provider's own wish. Chance parts jobs that were submitted together,
    most at the first poll: they then keep apart. Beyond some polls for one job the gaps grow faster.
    """
    settings = model.settings
    forecast = model.forecast(size_bytes, pages)
    elapsed_s = max(now - submitted_at, 0.0)
    patience = 1.35 ** min(max(0.0, polls - 2.5 * settings.polls), 20.0)
    chance = _CHANCE_OF_FIRST if polls == 0 else _CHANCE
    due = forecast.polls_by(elapsed_s) + rng.uniform(1.0 - chance, 1.0 + chance) * patience
    least_s = elapsed_s + max(0.01 * elapsed_s, settings.quickest_s / 10.0)
    at_s = min(max(forecast.elapsed_at(due), least_s), elapsed_s + LONGEST_GAP_S)
    return now + max(at_s - elapsed_s, retry_after_s or 0.0)


def _best_line(samples: Sequence[Sample], pages_known: bool) -> Line:
    """Pages or size, whichever tells durations apart clearly; neither, where that could be chance."""
    best, least_spread = Line(), math.inf
    candidates = ["", "size", "pages"] if pages_known else ["", "size"]
    for by in candidates:
        points = [(at, sample.middle) for sample in samples if (at := Line(by).position(sample)) is not None]
        if by and len(points) < max(_MIN_FOR_LINE, 2 * len(samples) // 3):
            continue
        line = Line(by, _resistant_slope(points) if by else 0.0)
        if by and line.slope <= 0.0:
            continue
        spread = _spread_around(points, line.slope) / (_GAIN_FOR_LINE if by else 1.0)
        if spread < least_spread:
            best, least_spread = line, spread
    return best


def _resistant_slope(points: Sequence[tuple[float, float]]) -> float:
    """Tukey's resistant line: from the medians of the lower and the upper third, which outliers do not move."""
    ordered = sorted(points)
    third = len(ordered) // 3
    lower, upper = ordered[:third], ordered[-third:]
    run = _median([x for x, _ in upper]) - _median([x for x, _ in lower])
    if run < 2 * _POSITION_STEP:
        return 0.0
    rise = _median([y for _, y in upper]) - _median([y for _, y in lower])
    return min(rise / run, _STEEPEST)


def _spread_around(points: Sequence[tuple[float, float]], slope: float) -> float:
    rests = [y - slope * x for x, y in points]
    if not rests:
        return 0.0
    middle = _median(rests)
    return sum(abs(rest - middle) for rest in rests) / len(rests)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _width(middles: Sequence[float], index: int, reach: int) -> float:
    """How far one sample is smeared: to its ``reach``-th neighbour on the nearer side, wider while there are few."""
    left = middles[index] - middles[index - reach] if index >= reach else math.inf
    right = middles[index + reach] - middles[index] if index + reach < len(middles) else math.inf
    return min(max(min(left, right), _NARROWEST), _WIDEST) + 0.5 / len(middles)


def _spread(changes: list[float], low: float, high: float, mass: float) -> None:
    first, last = int(_place(low)), int(_place(high))
    share = mass / (last - first + 1)
    changes[first] += share
    changes[last + 1] -= share


def _smoothed(density: Sequence[float]) -> list[float]:
    padded = [density[0], *density, density[-1]]
    return [
        (before + 2 * here + after) / 4 for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)
    ]


def _place(logarithm: float) -> float:
    """Where on the grid; below its last bin's end."""
    return min(max((logarithm - _LOWEST) / _STEP, 0.0), _BINS - 1e-6)


def _log(value: float) -> float:
    return math.log(max(value, 0.001))


def _sample(values: Json) -> Sample:
    """One stored sample; ValueError, TypeError or OverflowError for anything that is none."""
    pages, size, low, high = values
    sample = Sample(None if pages is None else float(pages), float(size), float(low), float(high))
    if not all(abs(value) < 100.0 for value in sample if value is not None):  # not a number is not small either
        raise ValueError("not a sample")
    return sample
