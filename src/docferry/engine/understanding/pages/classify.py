"""Tells for each page which of the given categories it is, how surely and why."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from docferry.engine.extraction.model import Document
from docferry.engine.understanding.answers import PageClass, Topic
from docferry.engine.understanding.doctypes import document_type, titled
from docferry.engine.understanding.layout.lines import lines_of
from docferry.engine.understanding.llm.errors import LanguageModelError
from docferry.engine.understanding.llm.model import LanguageModel
from docferry.engine.understanding.llm.pages import ask_for_categories
from docferry.engine.understanding.pages.similarity import centred, named, nearness
from docferry.engine.understanding.pages.texts import PageText, page_texts

log = logging.getLogger(__name__)

OTHER = "Other"
_TITLE_WEIGHT = 0.15
_SHARPNESS = 14.0  # turns differences of similarity into shares
_MIN_NEARNESS = 0.12  # a page less near than this to its best category is something else
_MIN_ABOVE_USUAL = 0.05


def classify_pages(
    document: Document, categories: Sequence[Topic], llm: LanguageModel | None = None
) -> list[PageClass]:
    """The category of every page. Falls back to the built-in way if ``llm`` fails."""
    pages = page_texts(document)
    kinds = {page.number: _kind_of(document, page.number) for page in document.pages}
    if llm is not None and categories:
        try:
            answered = ask_for_categories(pages, categories, llm)
            return [
                PageClass(page.number, name, confidence, reasoning, kinds[page.number])
                for page, (name, confidence, reasoning) in zip(pages, answered, strict=True)
            ]
        except LanguageModelError as error:
            log.warning("the language model did not classify the document, the built-in way is used reason=%s", error)
    return classify_texts(pages, categories, kinds)


def classify_texts(
    pages: Sequence[PageText], categories: Sequence[Topic], kinds: dict[int, str | None]
) -> list[PageClass]:
    """The categories by similarity, headings and titles alone."""
    if not categories or not pages:
        return [PageClass(page.number, OTHER, 0, "No categories were given.", kinds.get(page.number)) for page in pages]
    near = nearness(pages, categories)
    bonus = named(pages, categories)
    titles = np.array([[_is_titled(kinds.get(page.number), topic) for topic in categories] for page in pages])
    scores = centred(near, categories) + _TITLE_WEIGHT * np.maximum(bonus, 2.0 * titles)
    return [
        _classified(page, categories, near[row], scores[row], bool((bonus[row] > 0).any() or titles[row].any()), kinds)
        for row, page in enumerate(pages)
    ]


def _classified(
    page: PageText,
    categories: Sequence[Topic],
    near: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    is_named: bool,
    kinds: dict[int, str | None],
) -> PageClass:
    kind = kinds.get(page.number)
    if page.is_blank:
        return PageClass(page.number, OTHER, 100, "The page has no text.", None)
    best = int(np.argmax(scores))
    shares = np.exp(_SHARPNESS * (scores - scores[best]))
    share = float(shares[best] / shares.sum())
    if not is_named and (near[best] < _MIN_NEARNESS or scores[best] < _MIN_ABOVE_USUAL):
        distance = min(1.0, max(0.0, (_MIN_NEARNESS + 0.15 - float(near[best])) / 0.35))
        reasoning = (
            f"No category is near: the nearest is '{categories[best].name}' with a similarity of {near[best]:.2f}."
        )
        return PageClass(page.number, OTHER, round(50 + 49 * distance), reasoning, kind)
    sure = min(0.99, share * (1.0 if is_named else min(1.0, 0.55 + float(near[best]))))
    return PageClass(page.number, categories[best].name, round(100 * sure), _reason(categories, near, best, kind), kind)


def _reason(
    categories: Sequence[Topic], near: np.ndarray[tuple[int, ...], np.dtype[np.float64]], best: int, kind: str | None
) -> str:
    titled_as = f"The page's title says it is a document of the kind '{kind}'. " if kind else ""
    others = [place for place in range(len(categories)) if place != best]
    text = f"{titled_as}Similarity to '{categories[best].name}' is {near[best]:.2f}"
    if not others:
        return text + "."
    rival = max(others, key=lambda place: float(near[place]))
    return f"{text}; the next category, '{categories[rival].name}', has {near[rival]:.2f}."


def _is_titled(kind: str | None, topic: Topic) -> bool:
    return kind is not None and document_type(topic.name.replace("_", " ")) == kind


def _kind_of(document: Document, page: int) -> str | None:
    found = titled(lines_of(document, [page]))
    return found[0] if found else None
