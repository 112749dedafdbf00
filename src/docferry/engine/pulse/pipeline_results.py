"""``POST /pipeline/execute`` as a worker does it: one step after the other on the documents in hand."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from docferry.engine.extraction.model import Document
from docferry.engine.pulse import billing
from docferry.engine.pulse.later_results import (
    schema_answer,
    tables_answer,
    topic_pages,
    topic_values,
    workbook_payload,
)
from docferry.engine.pulse.options import (
    BatchExtractStep,
    ExtractOptions,
    PipelineSteps,
    SchemaConfig,
    SplitConfig,
    TablesConfig,
)
from docferry.engine.pulse.results import extraction_result, read_options_of, source_of_missing_words
from docferry.engine.pulse.sourced import joined
from docferry.engine.tasks import Json, Result, Saved, Task, delete_saved, read


@dataclass(slots=True)
class Progress:
    """What the steps so far have given."""

    ids: list[str]
    documents: list[Document]
    splits: dict[str, list[int]] | None
    saved: list[Saved]
    results: Json
    pages: int
    credits: float


def execute(task: Task) -> Result:
    steps = PipelineSteps.model_validate(task.request["steps"])
    started_at = time.monotonic()
    progress = Progress([], [], None, [], {}, 0, 0.0)
    for name in task.request["order"]:
        step_at = time.monotonic()
        answer = perform_step(task, name, steps, progress)
        progress.results[name] = answer | {"latency": round(time.monotonic() - step_at, 3)}
    keeps = not task.request["auto_delete"]
    answer = {
        "status": "completed",
        "total_latency": round(time.monotonic() - started_at, 3),
        "auto_delete": not keeps,
        "results": progress.results,
    }
    if not keeps:
        delete_saved(task, progress.saved)
        progress.results.get("schema", {}).pop("excel_output_url", None)  # it would lead nowhere
    saved = tuple(progress.saved) if keeps else ()
    return Result(answer, pages=progress.pages, credits=progress.credits, saved=saved)


def perform_step(task: Task, name: str, steps: PipelineSteps, progress: Progress) -> Json:
    if name == "extract" and steps.extract is not None:
        return extract_step(task, steps.extract, progress)
    if name == "batch_extract" and steps.batch_extract is not None:
        return batch_extract_step(task, steps.batch_extract, progress)
    if name == "split" and steps.split is not None:
        return split_step(task, steps.split, progress)
    if name == "schema" and steps.schema_step is not None:
        return schema_step(task, steps.schema_step, progress)
    assert steps.tables is not None
    return tables_step(task, steps.tables, progress)


def extract_step(task: Task, options: ExtractOptions, progress: Progress) -> Json:
    answer = extract_documents(task, options, progress)[0]
    return answer | {"pages": answer["page_count"]}


def batch_extract_step(task: Task, options: BatchExtractStep, progress: Progress) -> Json:
    extract_documents(task, options, progress)
    return {"extraction_ids": progress.ids, "total_files": len(progress.documents)}


def extract_documents(task: Task, options: ExtractOptions, progress: Progress) -> Sequence[Json]:
    answers = []
    for entry in task.inputs:
        wanted = read_options_of(entry, options, values_follow="schema" in task.request["order"])
        document = read(task, entry, wanted)
        result = extraction_result(task, document, options, source_of_missing_words(entry, wanted))
        progress.documents.append(document)
        progress.ids.append(result.answer.get("extraction_id", entry.name))
        progress.saved += result.saved
        progress.pages += result.pages or 0
        progress.credits += result.credits
        answers.append(result.answer)
    return answers


def split_step(task: Task, config: SplitConfig, progress: Progress) -> Json:
    progress.splits = topic_pages(task, progress.documents[0], config)
    split_id = str(uuid.uuid4())
    progress.saved.append(Saved(split_id, "split", {"extraction_id": progress.ids[0], "splits": progress.splits}))
    progress.credits += billing.SPLIT
    split_input = [topic.model_dump(exclude_none=True) for topic in config.split_input]
    return {"split_id": split_id, "split_output": {"splits": progress.splits}, "split_input": split_input}


def schema_step(task: Task, config: SchemaConfig, progress: Progress) -> Json:
    """One schema for the whole, or for each topic after a split."""
    schema_id = str(uuid.uuid4())
    answer: Json = {"schema_id": schema_id}
    progress.credits += billing.of_schema(config.effort)
    if progress.splits is not None:
        configs = {topic: config for topic, pages in progress.splits.items() if pages}
        return answer | topic_values(task, progress.documents[0], progress.splits, configs)
    found, warnings = schema_answer(task, joined(progress.ids, progress.documents), config, schema_id)
    if payload := workbook_payload(config, schema_id):
        progress.saved.append(Saved(schema_id, "schema", payload))
    return answer | found | ({"warnings": warnings} if warnings else {})


def tables_step(task: Task, config: TablesConfig, progress: Progress) -> Json:
    answer: Json = {"tables_id": str(uuid.uuid4()), **tables_answer(progress.documents[0], config)}
    progress.credits += billing.of_tables(len(answer["tables_output"]["tables"]), config.merge)
    return answer
