"""Where the characters of a recognised line stand, and what that tells: words, and spaces that were overlooked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from docferry.engine.extraction.ocr.lines import Blank, LineWord

HALF_STEP = 0.5
# Blanks in heights of the ink, which is 0.72 font sizes high: digits stand 0.1 apart, "1" and "1" up to 0.43,
# and a space adds 0.39.
CERTAIN_BLANK = 0.58
LIKELY_BLANK = 0.42
FARTHER = 0.4  # steps


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


def part_digits(characters: Sequence[Placed], steps: float, blanks: Sequence[Blank]) -> list[Placed]:
    """The characters with a space wherever there is one between two digits that the recogniser overlooked.

    It reads "5001 0517" as "50010517" now and then, which spoils account numbers. A wide blank tells; where
    it could be but the white about a "1", the digits must also have been read farther apart than others.
    """
    gaps = [gap for first, second in pairwise(characters) if (gap := digit_gap(first, second)) is not None]
    usual = sum(gaps) / len(gaps) if gaps else 0.0
    parted = list(characters[:1])
    for first, second in pairwise(characters):
        gap = digit_gap(first, second)
        blank = blank_between(first, second, steps, blanks)
        if gap is not None and (blank > CERTAIN_BLANK or (blank > LIKELY_BLANK and gap > usual + FARTHER)):
            parted.append(Placed(" ", None, second.confidence))
        parted.append(second)
    return parted


def digit_gap(first: Placed, second: Placed) -> int | None:
    if first.step is None or second.step is None or not (first.text.isdecimal() and second.text.isdecimal()):
        return None
    return second.step - first.step


def blank_between(first: Placed, second: Placed, steps: float, blanks: Sequence[Blank]) -> float:
    """The width of the blank between two characters, in heights of the ink; 0 if there is none to speak of."""
    if first.step is None or second.step is None or steps <= 0:
        return 0.0
    start, end = (first.step + HALF_STEP) / steps, (second.step + HALF_STEP) / steps
    return max((blank.width for blank in blanks if start <= (blank.start + blank.end) / 2 <= end), default=0.0)


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
