"""How well a printed label fits a wanted field: by the vocabulary, by spelling, and, last, by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rapidfuzz import fuzz

from docferry.engine.understanding import embeddings, labels
from docferry.engine.understanding.schema.fields import Wanted
from docferry.engine.understanding.vocabulary import Meaning, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPELLING_RATIO = 88.0
_SPELLING_MIN_LETTERS = 4
# Below this, pairs of labels that do not mean the same begin to outnumber those that do.
_MIN_SIMILARITY = 0.55
_SURE_SIMILARITY = 0.7
_MIN_LEAD = 0.12  # over the next nearest, either way
_MIN_LEAD_IF_SURE = 0.06
_SIMILARITY_SCORE = 0.75  # what the best pair by meaning alone is worth


class Matcher:
    """Fits labels to fields. What it learns about a label is kept for the next field."""

    def __init__(self, vocabulary: Vocabulary, language: str | None = None) -> None:
        self._vocabulary = vocabulary
        self._language = language
        self._meanings: dict[str, tuple[Meaning, ...]] = {}
        self._fits: dict[tuple[tuple[str, ...], str], tuple[float, Meaning | None]] = {}

    def meanings(self, label: str) -> tuple[Meaning, ...]:
        if label not in self._meanings:
            self._meanings[label] = self._vocabulary.meanings_of_label(label, self._language)
        return self._meanings[label]

    def fit(self, wanted: Wanted, label: str) -> tuple[float, Meaning | None]:
        """How well ``label`` names the field, 0..1, and the meaning of the label that did."""
        place = (wanted.leaf.path, label)
        if place not in self._fits:
            self._fits[place] = self._fit(wanted, label)
        return self._fits[place]

    def _fit(self, wanted: Wanted, label: str) -> tuple[float, Meaning | None]:
        known = self.meanings(label)
        best, by = 0.0, None
        for field_meaning in wanted.meanings:
            for place, label_meaning in enumerate(known):
                weight = self._weight(field_meaning, label_meaning) * (1 - 0.02 * place)
                if weight > best:
                    best, by = weight, label_meaning
        spelled = self._spelling(wanted, label, is_known=bool(known))
        if known and wanted.meanings and best == 0:
            spelled = spelled if spelled >= 0.97 else 0.0  # the label is known to mean something else
        return (best, by) if best >= spelled else (spelled, known[0] if known else None)

    def _weight(self, field_meaning: Meaning, label_meaning: Meaning) -> float:
        weight = field_meaning.weight * label_meaning.weight
        if label_meaning.concept == field_meaning.concept:
            return weight
        return weight * self._vocabulary.concepts[field_meaning.concept].also.get(label_meaning.concept, 0.0)

    def _spelling(self, wanted: Wanted, label: str, *, is_known: bool) -> float:
        best = 0.0
        for reading in labels.variants(label):
            words = labels.tokens(reading)
            reading_key = "".join(words)
            for place, phrase in enumerate(wanted.phrases):
                phrase_words = labels.tokens(phrase)
                if not reading_key or not phrase_words:
                    continue
                scale = 1 - 0.03 * min(place, 3)
                if reading_key == "".join(phrase_words) or sorted(words) == sorted(phrase_words):
                    best = max(best, scale)
                elif not is_known and min(len(reading_key), len("".join(phrase_words))) >= _SPELLING_MIN_LETTERS:
                    ratio = fuzz.ratio(" ".join(sorted(words)), " ".join(sorted(phrase_words)))
                    if ratio >= _SPELLING_RATIO:
                        best = max(best, ratio / 100 * 0.92 * scale)
        return best


def fits_by_meaning(fields: Sequence[Wanted], found_labels: Sequence[str]) -> dict[int, dict[str, float]]:
    """For each field, by its place, the labels that mean much the same in any language, with a score.

    A label counts for a field only where each is the other's nearest by a clear lead: otherwise it is a guess.
    """
    cleaned = list(dict.fromkeys(labels.variants(label)[0] for label in found_labels if labels.variants(label)))
    if not fields or not cleaned:
        return {}
    near = _nearness(fields, cleaned)
    fits: dict[int, dict[str, float]] = {}
    for place, column in zip(*np.nonzero(near >= _MIN_SIMILARITY), strict=True):
        similarity = float(near[place, column])
        rivals = np.concatenate([np.delete(near[:, column], place), np.delete(near[place], column), [0.0]])
        needed = _MIN_LEAD_IF_SURE if similarity >= _SURE_SIMILARITY else _MIN_LEAD
        if similarity - float(rivals.max()) >= needed:
            fits.setdefault(int(place), {})[cleaned[column]] = _SIMILARITY_SCORE * min(1.0, similarity + 0.1)
    return {
        place: {
            label: by_text[labels.variants(label)[0]]
            for label in found_labels
            if labels.variants(label) and labels.variants(label)[0] in by_text
        }
        for place, by_text in fits.items()
    }


def _nearness(fields: Sequence[Wanted], texts: Sequence[str]) -> NDArray[np.float32]:
    """Cosine similarity of each field, by the nearest of its own words, to each text."""
    telling = [_telling(field) for field in fields]
    flat = [text for group in telling for text in group]
    vectors = embeddings.embed([*flat, *texts])
    near = vectors[: len(flat)] @ vectors[len(flat) :].T
    ends = np.cumsum([len(group) for group in telling])
    return np.stack([near[end - len(group) : end].max(axis=0) for end, group in zip(ends, telling, strict=True)])


def _telling(field: Wanted) -> list[str]:
    """The texts that say what a field is, for comparison by meaning."""
    texts = [labels.words_of_name(field.leaf.name), *field.leaf.aliases]
    texts += [text for text in (field.leaf.title, field.leaf.description[:200]) if text]
    parents = [labels.words_of_name(step) for step in field.leaf.path[:-1] if step != "[]"]
    if parents:
        texts.append(f"{parents[-1]} {texts[0]}")
    return list(dict.fromkeys(texts))
