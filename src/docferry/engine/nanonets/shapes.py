"""The shapes of Nanonets answers: records, lists, batches, classifications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from docferry.engine.nanonets.refusals import Json
from docferry.engine.records import Job, JobStatus, iso

MESSAGES = {JobStatus.PENDING: "queued", JobStatus.PROCESSING: "processing", JobStatus.COMPLETED: "done"}


class Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class Detail(Shape):
    detail: str


class Problem(Shape):
    loc: list[str | int]
    msg: str
    type: str


class Problems(Shape):
    detail: list[Problem]


class Record(Shape):
    success: bool
    message: str
    record_id: str
    status: Literal["completed", "processing", "failed"]
    result: Json | None = None
    processing_time: float | None = None
    filename: str | None = None
    output_format: str | None = None
    file_size: int | None = None
    pages_processed: int | None = None
    created_at: str | None = None


class BatchAnswer(Shape):
    success: bool
    message: str
    batch_id: str
    total_files: int
    accepted_files: int
    rejected_files: int
    records: list[Record]


class ListAnswer(Shape):
    success: bool
    results: list[Record]
    pagination: Json


class ClassifyAnswer(Shape):
    success: bool
    message: str
    result: Json | None = None


class ClassifyBatchAnswer(Shape):
    success: bool
    message: str
    batch_id: str
    total_files: int
    successful_files: int
    failed_files: int
    results: list[Json]


class Completion(Shape):
    choices: list[Json]


def record(job: Job) -> Json:
    """The record but for its result, which is a file."""
    status = "processing" if not job.status.has_ended else "failed"
    if job.status is JobStatus.COMPLETED:
        status = "completed"
    answer: Json = {
        "success": status != "failed",
        "message": message(job),
        "record_id": job.id,
        "status": status,
        "created_at": iso(job.created_at),
    }
    optional: Json = {
        "filename": job.input_name,
        "output_format": job.request.get("options", {}).get("output_format"),
        "file_size": job.input_bytes,
        "pages_processed": job.pages,
        "processing_time": processing_time_s(job),
        "warnings": job.facts.get("warnings") or None,
    }
    return answer | {name: value for name, value in optional.items() if value is not None}


def message(job: Job) -> str:
    if job.failure is not None:
        return job.failure.message
    return MESSAGES.get(job.status, "canceled")


def processing_time_s(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return round(job.finished_at - job.started_at, 3)


def listing(jobs: Sequence[Job], page: int, page_size: int, total: int) -> Json:
    pages = math.ceil(total / page_size)
    pagination = {
        "page": page,
        "page_size": page_size,
        "total_count": total,
        "total_pages": pages,
        "has_next": page < pages,
        "has_previous": page > 1,
    }
    return {"success": True, "results": [record(job) for job in jobs], "pagination": pagination}


def file_result(job: Job) -> Json:
    """A file's classification while there is none: queued, or failed."""
    answer: Json = {
        "filename": job.input_name or "document",
        "total_pages": 0,
        "pages": [],
        "record_id": job.id,
        "file_id": job.id,
    }
    return answer | ({"error": job.failure.message} if job.failure else {})


def completion_chunks(completion: Json) -> list[Json]:
    """An OpenAI-style completion as the chunks of a stream."""
    head = {name: completion.get(name) for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    chunks: list[Json] = []
    for choice in completion["choices"]:
        index = choice.get("index", 0)
        chunks.append(head | {"choices": [{"index": index, "delta": choice.get("message", {}), "finish_reason": None}]})
        reason: Any = choice.get("finish_reason", "stop")
        chunks.append(head | {"choices": [{"index": index, "delta": {}, "finish_reason": reason}]})
    return chunks
