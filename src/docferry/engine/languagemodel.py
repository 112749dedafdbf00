"""What understanding may use and may refuse, in terms of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docferry.engine.tasks import Task, TaskFailed
from docferry.engine.understanding import LanguageModel, LanguageModelError, SchemaRefused


def language_model(task: Task) -> LanguageModel | None:
    """The configured model, None if there is none."""
    llm = task.llm
    return LanguageModel(llm["url"], llm["model"], llm["key"]) if llm else None


@contextmanager
def understanding() -> Iterator[None]:
    """Refused schemas and failing models become the task's failure."""
    try:
        yield
    except SchemaRefused as error:
        raise TaskFailed("REQ_003", str(error)) from error
    except LanguageModelError as error:
        raise TaskFailed("PROC_006", str(error)) from error
