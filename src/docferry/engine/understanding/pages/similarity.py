"""How near each page is to each topic, in any language: sentence embeddings, headings, and the topic's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from docferry.engine.understanding import embeddings, labels
from docferry.engine.understanding.answers import Topic
from docferry.engine.understanding.doctypes import document_type
from docferry.engine.understanding.pages.texts import PageText

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

_BEST_WINDOWS = 3
_HEADING_WEIGHT = 0.35
_NAMED_BONUS = 1.0  # for a heading that bears the topic's name, or says the page is of that kind of document
_MAX_PARTS = 12
_SMALL_SPREAD = 0.05
_PRIOR_PAGES = 2.0  # what the general texts count for, in pages, when a topic's usual nearness is estimated
# What business pages say, whatever their topic: how near these come to a topic is how near any page comes to it.
_GENERAL_TEXTS = (
    "The parties agree to the following provisions.",
    "Please contact us if you have any questions about this document.",
    "This page describes the background and the details of the matter.",
    "The total amount and the date are given in the table below.",
    "The company was founded many years ago and has several employees.",
    "Our team works with customers and partners in many countries.",
    "The following figure shows the results of the last year.",
    "The device must be installed and used according to the instructions.",
    "The patient was examined and the treatment was explained.",
    "Students and teachers met to discuss the plan for the new term.",
)


def nearness(pages: Sequence[PageText], topics: Sequence[Topic]) -> Matrix:
    """Similarity of each page (row) to each topic (column), with headings counted more than running text."""
    result = np.zeros((len(pages), len(topics)))
    vectors = embeddings.embed([text for page in pages for text in (*page.headings, *page.windows)])
    near = _to_topics(vectors, topics)
    at = 0
    for row, page in enumerate(pages):
        count = len(page.headings) + len(page.windows)
        if count:
            result[row] = _of_page(near[at : at + len(page.headings)], near[at + len(page.headings) : at + count])
        at += count
    return result


def _to_topics(vectors: embeddings.Vectors, topics: Sequence[Topic]) -> Matrix:
    """Similarity of each text to each topic: between that to the nearest of the topic's wordings and that to all."""
    columns = []
    for topic in topics:
        near = vectors @ embeddings.embed(_wordings(topic)).T
        columns.append((near.max(axis=1) + near.mean(axis=1)) / 2)
    return np.asarray(np.stack(columns, axis=1), np.float64)


def _wordings(topic: Topic) -> list[str]:
    """The name, the description with it, and each of the things that the description lists."""
    name = labels.words_of_name(topic.name)
    if not topic.description:
        return [name]
    listed = [part.strip() for part in re.split(r"[,;.]| and ", topic.description) if part.strip()]
    return list(dict.fromkeys([name, f"{name}. {topic.description}", *listed[:_MAX_PARTS]]))


def _of_page(headings: Matrix, windows: Matrix) -> Matrix:
    parts = []
    if len(windows):
        best = np.sort(windows, axis=0)[-_BEST_WINDOWS:].mean(axis=0)
        parts.append((1.0, 0.6 * best + 0.4 * windows.mean(axis=0)))
    if len(headings):
        weight = _HEADING_WEIGHT if len(windows) else 1.0
        parts.append((weight, headings.max(axis=0)))
    total = sum(weight for weight, _ in parts)
    combined = sum(weight * values for weight, values in parts) / total
    return np.asarray(combined, np.float64)


def named(pages: Sequence[PageText], topics: Sequence[Topic]) -> Matrix:
    """A bonus for each page and topic whose name the page's headings, or its first words, bear."""
    bonus = np.zeros((len(pages), len(topics)))
    for row, page in enumerate(pages):
        openings = [*page.headings, *(window[:60] for window in page.windows[:1])]
        kinds = {kind for text in openings if (kind := document_type(_first_words(text))) is not None}
        for column, topic in enumerate(topics):
            if _is_named(topic, page.headings) or document_type(labels.words_of_name(topic.name)) in kinds:
                bonus[row, column] = _NAMED_BONUS
    return bonus


def _first_words(text: str) -> str:
    return re.split(r"[.:,;|–—]|\s-\s", text, maxsplit=1)[0]


def _is_named(topic: Topic, headings: Sequence[str]) -> bool:
    name = [word for word in labels.tokens(labels.words_of_name(topic.name)) if len(word) > 2]
    return bool(name) and any(set(name) <= set(labels.tokens(heading)) for heading in headings)


def centred(near: Matrix, topics: Sequence[Topic]) -> Matrix:
    """The similarities without what is usual for each topic: some topics are near to every text there is.

    What is usual is learned from the document's own pages and from texts about nothing in particular; the latter
    keep a short document, or one with a single topic, from having its own topic explained away.
    """
    general = _to_topics(embeddings.embed(_GENERAL_TEXTS), topics)
    usual = (near.sum(axis=0) + _PRIOR_PAGES * general.mean(axis=0)) / (len(near) + _PRIOR_PAGES)
    return np.asarray(near - usual, np.float64)


def levelled(scores: Matrix) -> Matrix:
    """Centred scores on one scale: topics differ in how far their own pages stand out from the others."""
    spread = np.sqrt((scores**2).mean(axis=0))
    return np.asarray(scores / (spread + _SMALL_SPREAD), np.float64)


def smoothed(scores: Matrix, weight: float) -> Matrix:
    """Each page's scores mixed with those of the pages beside it, since topics run over pages."""
    if len(scores) < 2:
        return scores
    before = np.vstack([scores[:1], scores[:-1]])
    after = np.vstack([scores[1:], scores[-1:]])
    return np.asarray((1 - 2 * weight) * scores + weight * (before + after), np.float64)
