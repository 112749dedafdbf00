"""Assigns the pages of a document to topics.

A page belongs to exactly one topic. A page without any text goes with its neighbours if both have the same topic,
and to none otherwise. A page with text belongs to no topic only if no topic is near it at all, by the vectors or by
name, and its neighbours do not agree on one either.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from docferry.engine.extraction.model import Document
from docferry.engine.understanding.answers import Topic
from docferry.engine.understanding.llm.errors import LanguageModelError
from docferry.engine.understanding.llm.model import LanguageModel
from docferry.engine.understanding.llm.pages import ask_for_topics
from docferry.engine.understanding.pages.similarity import centred, levelled, named, nearness, smoothed
from docferry.engine.understanding.pages.texts import PageText, page_texts

log = logging.getLogger(__name__)

_NEIGHBOUR_WEIGHT = 0.15
_NOTHING_NEAR = 0.0  # what has nothing to do with each other has cosines about this


def split_pages(document: Document, topics: Sequence[Topic], llm: LanguageModel | None = None) -> dict[str, list[int]]:
    """Each topic's pages, from 1, in order; every topic is present. Falls back to the built-in way if ``llm`` fails."""
    pages = page_texts(document)
    assigned: list[str | None] | None = None
    if llm is not None and topics:
        try:
            assigned = ask_for_topics(pages, topics, llm)
        except LanguageModelError as error:
            log.warning("the language model did not split the document, the built-in way is used reason=%s", error)
    if assigned is None:
        assigned = assign(pages, topics)
    return {
        topic.name: [page.number for page, name in zip(pages, assigned, strict=True) if name == topic.name]
        for topic in topics
    }


def assign(pages: Sequence[PageText], topics: Sequence[Topic]) -> list[str | None]:
    """The name of the topic of each page, or None."""
    if not topics or not pages:
        return [None] * len(pages)
    near = nearness(pages, topics)
    bonus = named(pages, topics)
    scores = smoothed(levelled(centred(near, topics)) + bonus, _NEIGHBOUR_WEIGHT)
    assigned: list[str | None] = []
    for row, page in enumerate(pages):
        is_unlike_all = near[row].max() < _NOTHING_NEAR and not bonus[row].any()
        assigned.append(None if page.is_blank or is_unlike_all else topics[int(np.argmax(scores[row]))].name)
    return _filled_from_neighbours(assigned)


def _filled_from_neighbours(assigned: Sequence[str | None]) -> list[str | None]:
    filled = list(assigned)
    for place, name in enumerate(assigned):
        if name is not None:
            continue
        before = next((each for each in reversed(assigned[:place]) if each is not None), None)
        after = next((each for each in assigned[place + 1 :] if each is not None), None)
        if before is not None and before == after:
            filled[place] = before
    return filled
