"""What workers can do: one function for each kind of job, and the facts the server is told of its result."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from docferry.engine.files import write_json
from docferry.engine.pulse import results as pulse
from docferry.engine.tasks import Json, Result, Task, TaskFailed, task_from_message

__all__ = ["TaskFailed", "perform", "warm"]

PERFORMERS: Mapping[str, Callable[[Task], Result]] = {
    "pulse.extract": pulse.extract,
    "pulse.split": pulse.split,
    "pulse.schema": pulse.schema,
    "pulse.tables": pulse.tables,
}


def warm() -> None:
    """Load what most documents need, before the first of them comes.

    Recognition and embeddings wait for their first use: they take hundreds of megabytes.
    """
    importlib.import_module("docferry.engine.extraction.pdf")
    importlib.import_module("docferry.engine.extraction.office")


def perform(message: Mapping[str, Any], report: Callable[[Mapping[str, Any]], None]) -> Json:
    """Do the task and write its whole answer to ``result.json`` in its folder; what the server has to know of it."""
    task = task_from_message(message, report)
    result = PERFORMERS[task.kind](task)
    result_bytes = write_json(task.folder / "result.json", result.answer)
    return {
        "pages": result.pages,
        "credits": result.credits,
        "result_bytes": result_bytes,
        "saved": [{"id": saved.id, "kind": saved.kind, "payload": dict(saved.payload)} for saved in result.saved],
        "pointer": result.pointer,
    }
