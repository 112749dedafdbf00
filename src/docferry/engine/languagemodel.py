"""The language model a task may use, and what its trouble means for the job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from docferry.engine.tasks import Task

if TYPE_CHECKING:
    from docferry.engine.understanding import LanguageModel


@contextmanager
def language_model(task: Task) -> Iterator[LanguageModel | None]:
    """The configured model, None if there is none."""
    from docferry.engine.understanding import LanguageModel

    llm = task.llm
    yield LanguageModel(llm["url"], llm["model"], llm["key"]) if llm else None
