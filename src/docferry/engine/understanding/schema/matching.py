"""How well a printed label fits a wanted field: by the vocabulary, by spelling, and, last, by meaning."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import fuzz

from docferry.engine.understanding import embeddings, labels
from docferry.engine.understanding.schema.fields import Wanted
from docferry.engine.understanding.vocabulary import Meaning, Vocabulary

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

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._meanings: dict[str, tuple[Meaning, ...]] = {}

    def meanings(self, label: str) -> tuple[Meaning, ...]:
        if label not in self._meanings:
            self._meanings[label] = self._vocabulary.meanings_of_label(label)
        return self._meanings[label]

    def fit(self, wanted: Wanted, label: str) -> tuple[float, Meaning | None]:
        """How well ``label`` names the field, 0..1, and the meaning of the label that did."""
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
    texts = [_telling(field) for field in fields]
    cleaned = [labels.variants(label)[0] if labels.variants(label) else label for label in found_labels]
    if not fields or not found_labels:
        return {}
    flat = [text for group in texts for text in group]
    vectors = embeddings.embed([*flat, *cleaned])
    near = vectors[: len(flat)] @ vectors[len(flat) :].T
    starts = [sum(len(group) for group in texts[:place]) for place in range(len(texts))]
    by_field = [near[start : start + len(group)].max(axis=0) for start, group in zip(starts, texts, strict=True)]
    fits: dict[int, dict[str, float]] = {}
    for place, row in enumerate(by_field):
        for column, label in enumerate(found_labels):
            similarity = float(row[column])
            rivals = [float(other[column]) for index, other in enumerate(by_field) if index != place]
            others = [
                float(row[index])
                for index in range(len(found_labels))
                if cleaned[index].lower() != cleaned[column].lower()
            ]
            lead = similarity - max([*rivals, *others], default=0.0)
            needed = _MIN_LEAD_IF_SURE if similarity >= _SURE_SIMILARITY else _MIN_LEAD
            if similarity >= _MIN_SIMILARITY and lead >= needed:
                fits.setdefault(place, {})[label] = _SIMILARITY_SCORE * min(1.0, similarity + 0.1)
    return fits


def _telling(field: Wanted) -> list[str]:
    """The texts that say what a field is, for comparison by meaning."""
    texts = [labels.words_of_name(field.leaf.name), *field.leaf.aliases]
    texts += [text for text in (field.leaf.title, field.leaf.description[:200]) if text]
    parents = [labels.words_of_name(step) for step in field.leaf.path[:-1] if step != "[]"]
    if parents:
        texts.append(f"{parents[-1]} {texts[0]}")
    return list(dict.fromkeys(texts))
