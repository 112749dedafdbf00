"""What workers can do: one function for each kind of job, and the facts the server is told of its result."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from docferry.engine.files import INPUT, to_json, write_json
from docferry.engine.nanonets import results as nanonets
from docferry.engine.pulse import later_results as later
from docferry.engine.pulse import pipeline_results
from docferry.engine.pulse import results as pulse
from docferry.engine.s3 import S3, S3Failed, settings_from_message
from docferry.engine.tasks import Json, Result, Task, TaskFailed, task_from_message

__all__ = ["TaskFailed", "perform", "warm"]

PERFORMERS: Mapping[str, Callable[[Task], Result]] = {
    "pulse.extract": pulse.extract,
    "pulse.split": later.split,
    "pulse.schema": later.schema,
    "pulse.tables": later.tables,
    "pulse.pipeline": pipeline_results.execute,
    "nanonets.extract": nanonets.extract,
    "nanonets.classify": nanonets.classify,
    "nanonets.chat": nanonets.chat,
}


def warm() -> None:
    """Load what most documents need, before the first of them comes.

    Recognition and embeddings wait for their first use: they take hundreds of megabytes.
    """
    importlib.import_module("docferry.engine.extraction.pdf")
    importlib.import_module("docferry.engine.extraction.office")


def kept_files(folder: Path) -> Iterator[Path]:
    """The files of a job that stay when its documents have been removed."""
    return (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(INPUT))


def write_to_s3(settings: Mapping[str, Any] | None, location: str, answer: Json) -> None:
    """A copy of the answer where the batch wants it."""
    if settings is None:
        raise TaskFailed("GENERAL_403", "the engine's settings no longer give access to S3 (settings.s3)")
    try:
        S3(settings_from_message(settings)).write(location, to_json(answer))
    except S3Failed as error:
        raise TaskFailed("GENERAL_503", f"the result was not delivered: {error.message}") from error


def perform(message: Mapping[str, Any], report: Callable[[Mapping[str, Any]], None]) -> Json:
    """Do the task and write its whole answer to ``result.json`` in its folder; what the server has to know of it."""
    task = task_from_message(message, report)
    result = PERFORMERS[task.kind](task)
    result_bytes = write_json(task.folder / "result.json", result.answer)
    if (copy := task.request.get("deliver_to")) is not None:
        Path(copy).parent.mkdir(parents=True, exist_ok=True)
        write_json(Path(copy), result.answer)
    if (location := task.request.get("deliver_to_s3")) is not None:
        write_to_s3(message["s3"], location, result.answer)
    return {
        "pages": result.pages,
        "credits": result.credits,
        "result_bytes": result_bytes,
        "kept_bytes": sum(file.stat().st_size for file in kept_files(task.folder)),
        "saved": [{"id": saved.id, "kind": saved.kind, "payload": dict(saved.payload)} for saved in result.saved],
        "pointer": result.pointer,
    }
