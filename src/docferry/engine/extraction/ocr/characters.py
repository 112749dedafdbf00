"""Where the characters of a recognised line stand, and what that tells: words, and spaces that were overlooked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from docferry.engine.extraction.ocr.lines import LineWord

HALF_STEP = 0.5
LEAST_PAIRS = 4  # neighbouring digits that must be there to know their usual distance
PARTED = 1.3  # steps more than the mean distance: digits of nearly every font are equally wide


class Placed(NamedTuple):
    """A character and the step of the line at which it was read; spaces stand nowhere."""

    text: str
    step: int | None
    confidence: float


def place_characters(text: str, columns: Sequence[Sequence[int]], confidences: Sequence[float]) -> list[Placed]:
    """The characters with the steps at which the recogniser read them; nothing if the counts do not match."""
    steps = [column for word in columns for column in word]
    visible = sum(not character.isspace() for character in text)
    if len(steps) != visible or len(confidences) != len(text):
        return []
    remaining = iter(steps)
    return [
        Placed(character, None if character.isspace() else next(remaining), confidence)
        for character, confidence in zip(text, confidences, strict=True)
    ]


def part_digits(characters: Sequence[Placed]) -> list[Placed]:
    """The characters with a space wherever two digits stand clearly farther apart than the others do.

    The recogniser reads "5001 0517" as "50010517" now and then, which spoils account numbers.
    """
    gaps = [gap for first, second in pairwise(characters) if (gap := digit_gap(first, second)) is not None]
    if len(gaps) < LEAST_PAIRS:
        return list(characters)
    usual = (sum(gaps) - max(gaps)) / (len(gaps) - 1)
    parted = list(characters[:1])
    for first, second in pairwise(characters):
        gap = digit_gap(first, second)
        if gap is not None and gap > usual + PARTED:
            parted.append(Placed(" ", None, second.confidence))
        parted.append(second)
    return parted


def digit_gap(first: Placed, second: Placed) -> int | None:
    if first.step is None or second.step is None or not (first.text.isdecimal() and second.text.isdecimal()):
        return None
    return second.step - first.step


def words_of(characters: Sequence[Placed], steps: float) -> tuple[LineWord, ...]:
    """The words between spaces, with their extent in fractions of the line, which has so many steps."""
    words: list[LineWord] = []
    group: list[Placed] = []
    margin = half_width(characters)
    for character in [*characters, Placed(" ", None, 0.0)]:
        if character.step is not None:
            group.append(character)
        elif group:
            words.append(word_of(group, margin, max(steps, 1.0)))
            group = []
    return tuple(words)


def word_of(group: Sequence[Placed], margin: float, steps: float) -> LineWord:
    places = [character.step + HALF_STEP for character in group if character.step is not None]
    confidence = sum(character.confidence for character in group) / len(group)
    text = "".join(character.text for character in group)
    start, end = max(0.0, (places[0] - margin) / steps), min(1.0, (places[-1] + margin) / steps)
    return LineWord(text, start, max(start, end), confidence)


def half_width(characters: Sequence[Placed]) -> float:
    """Half of the usual distance between neighbouring characters, in steps."""
    gaps = [
        second.step - first.step
        for first, second in pairwise(characters)
        if first.step is not None and second.step is not None
    ]
    return median(gaps) / 2 if gaps else 1.0
