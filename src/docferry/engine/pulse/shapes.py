"""The shapes of Pulse answers: the small ones made here, all of them described for the OpenAPI page."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from docferry.engine.records import Job, JobStatus, Link, iso

Json = dict[str, Any]


class Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class ErrorDetail(Shape):
    code: str
    message: str
    details: Any = None


class ErrorBody(Shape):
    error: ErrorDetail


class Acknowledgement(Shape):
    job_id: str
    status: JobStatus
    message: str | None = None


class ExtractResult(Shape):
    markdown: str | None = None
    page_count: int | None = Field(default=None, ge=1)
    extraction_id: str | None = None
    bounding_boxes: Json | None = None
    extensions: Json | None = None
    plan_info: Json | None = None
    warnings: list[str] | None = None
    is_url: Literal[True] | None = None
    url: str | None = None


class JobAnswer(Shape):
    job_id: str
    status: JobStatus
    created_at: str
    updated_at: str | None = None
    result: Json | None = None
    error: str | None = None


class CancelAnswer(Shape):
    job_id: str
    message: str


class SplitResult(Shape):
    split_id: str
    split_output: Json


class SchemaResult(Shape):
    schema_id: str
    version: int | None = None
    schema_output: Json | None = None
    excel_output_url: str | None = None
    split_id: str | None = None
    results: Json | None = None
    errors: dict[str, str] | None = None


class TablesResult(Shape):
    tables_id: str
    tables_output: Json


class BatchAcknowledgement(Shape):
    batch_job_id: str
    status: JobStatus


class PipelineResult(Shape):
    status: str
    results: Json | None = None


def acknowledgement(job: Job) -> Json:
    ack: Json = {"job_id": job.id, "status": job.status, "message": "Job queued for processing"}
    return ack | ({"tables_id": job.id} if job.kind == "pulse.tables" else {})


def job_without_result(job: Job) -> Json:
    """A poll's answer but for the result, which is a file."""
    answer: Json = {
        "job_id": job.id,
        "status": job.status,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
    }
    if job.failure is not None:
        answer |= {"error": job.failure.message, "error_code": job.failure.code}
    return answer


def pointer(job: Job, base_url: str) -> Json | None:
    """What stands in for a large result; None if the result is handed out inline."""
    if job.link is Link.NONE:
        return None
    return {"is_url": True, "url": f"{base_url}/large_results/{job.id}", **job.facts}


def batch_result(children: list[Job]) -> Json:
    """A batch's progress, item by item; its shape is ours."""
    items = [
        {"job_id": child.id, "status": child.status, "filename": child.input_name, "error": child.error}
        for child in children
    ]
    return {
        "total": len(children),
        "completed": sum(child.status is JobStatus.COMPLETED for child in children),
        "failed": sum(child.status in {JobStatus.FAILED, JobStatus.CANCELED} for child in children),
        "items": items,
    }
