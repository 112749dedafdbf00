"""What understanding may use and may refuse, in terms of tasks.

Understanding is imported where it is used: loading it costs more than the rest of a worker, and most documents are
extracted without being asked anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from docferry.engine.tasks import Task, TaskFailed

if TYPE_CHECKING:
    from docferry.engine.understanding import LanguageModel


def language_model(task: Task) -> LanguageModel | None:
    """The configured model, None if there is none."""
    from docferry.engine.understanding import LanguageModel

    llm = task.llm
    return LanguageModel(llm["url"], llm["model"], llm["key"]) if llm else None


@contextmanager
def understanding() -> Iterator[None]:
    """Refused schemas and failing models become the task's failure."""
    from docferry.engine.understanding import LanguageModelError, SchemaRefused

    try:
        yield
    except SchemaRefused as error:
        raise TaskFailed("REQ_003", str(error)) from error
    except LanguageModelError as error:
        raise TaskFailed("PROC_006", str(error)) from error
