"""Lists of words written as running text, which reads better than a column of quoted words."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of ``text``, which are separated by blanks."""
    return frozenset(text.split())


def phrase_set(text: str) -> frozenset[str]:
    """The phrases of ``text``, which are separated by commas."""
    return frozenset(" ".join(phrase.split()) for phrase in text.split(","))
