"""The extraction calls: async, sync, stream and batch, and the records they make."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from docferry.engine.answers import JsonResponse
from docferry.engine.errors import Refusal
from docferry.engine.nanonets import shapes
from docferry.engine.nanonets.calls import (
    ERRORS,
    KINDS,
    Call,
    enter,
    owned_job,
    receive,
    record_response,
    several_sources,
    single_source,
)
from docferry.engine.nanonets.options import ExtractForm, given_fields, read_extract_form
from docferry.engine.nanonets.stream import events
from docferry.engine.openapi import BINARY, form_body
from docferry.engine.records import Job

router = APIRouter(prefix="/api/v1/extract", tags=["Nanonets"])
TOO_MANY_PAGES = "FILE_007"

OPTIONS: dict[str, Any] = {
    "output_format": {"type": "string", "minLength": 1, "examples": ["markdown", "markdown,json"]},
    "custom_instructions": {"type": "string", "maxLength": 8000},
    "prompt_mode": {"type": "string", "enum": ["append", "replace"], "default": "append"},
    "json_options": {"type": "string", "description": "hierarchy_output, table-of-contents, field list or JSON Schema"},
    "csv_options": {"type": "string"},
    "include_metadata": {"type": "string", "description": "bounding_boxes, confidence_score"},
}
SINGLE = {"file": BINARY, "file_url": {"type": "string"}, "file_base64": {"type": "string"}}
STREAMING = {"enable_streaming": {"type": "boolean", "default": True}}
FORM: dict[str, Any] = {"type": "object", "properties": OPTIONS, "required": ["output_format"]}
SINGLE_BODY = form_body(FORM, files=SINGLE)
STREAM_BODY = form_body(FORM, files=SINGLE | STREAMING)
BATCH_BODY = form_body(FORM, files={"files": {"type": "array", "items": BINARY}}, required=("files",))
EVENT_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


class SortBy(StrEnum):
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    FILENAME = "original_filename"
    SIZE = "file_size"
    STATUS = "processing_status"


class SortOrder(StrEnum):
    ASCENDING = "asc"
    DESCENDING = "desc"


@router.post("/async", status_code=202, responses={202: {"model": shapes.Record}, **ERRORS}, openapi_extra=SINGLE_BODY)
async def extract_async(request: Request) -> Response:
    """Queue one document."""
    call = enter(request)
    _, job = await accept(call, {})
    return await record_response(call, job, status=202)


@router.post("/sync", responses={200: {"model": shapes.Record}, **ERRORS}, openapi_extra=SINGLE_BODY)
async def extract_sync(request: Request) -> Response:
    """Extract one short document in the request. What fails in the document is a record that failed."""
    call = enter(request)
    most = call.runtime.settings.limits.sync_pages
    _, accepted = await accept(call, {"max_pages": most})
    job = await call.runtime.jobs.ended(accepted.id)
    if job.failure is not None and job.failure.code == TOO_MANY_PAGES:
        await call.runtime.jobs.remove(job)
        message = f"the document has more than the maximum of {most} pages of a synchronous call; use /extract/async"
        raise Refusal("REQ_003", message)
    return await record_response(call, job)


@router.post(
    "/stream", response_class=StreamingResponse, responses={**EVENT_STREAM, **ERRORS}, openapi_extra=STREAM_BODY
)
async def extract_stream(request: Request) -> Response:
    """Extract one document and send the output as server-sent events."""
    call = enter(request)
    form, job = await accept(call, {})
    return StreamingResponse(events(call, job, form), media_type="text/event-stream")


@router.post(
    "/batch", status_code=202, responses={202: {"model": shapes.BatchAnswer}, **ERRORS}, openapi_extra=BATCH_BODY
)
async def extract_batch(request: Request) -> Response:
    """Queue up to 50 documents with the same options."""
    call = enter(request)
    with await receive(call) as form:
        options = read_extract_form(given_fields(form.fields))
        details = job_details(call, options, {})
        children = [
            dataclasses.replace(call.new_job("nanonets.extract", details, [source]), idempotency_key=None)
            for source in several_sources(call, form)
        ]
        parent, jobs = await call.runtime.jobs.submit_batch(call.new_job("nanonets.batch.extract", {}), children)
    answer = {
        "success": True,
        "message": f"{len(jobs)} files queued",
        "batch_id": parent.id,
        "total_files": len(jobs),
        "accepted_files": len(jobs),
        "rejected_files": 0,
        "records": [shapes.record(job) for job in jobs],
    }
    return JsonResponse(answer, status_code=202)


@router.get("/results", responses={200: {"model": shapes.ListAnswer}, **ERRORS})
async def results(
    request: Request,
    page: Annotated[int, Query(ge=1, le=2**31)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 10,
    sort_by: SortBy = SortBy.CREATED_AT,
    sort_order: SortOrder = SortOrder.DESCENDING,
) -> Response:
    """The key's records, without their results. A page past the end is empty."""
    call = enter(request)
    found = call.runtime.store.page(
        KINDS,
        call.visitor.owner,
        sort_by=sort_by,
        descending=sort_order is SortOrder.DESCENDING,
        page=page,
        page_size=page_size,
    )
    return JsonResponse(shapes.listing(found.jobs, page, page_size, found.total))


@router.get("/results/{record_id}", responses={200: {"model": shapes.Record}, **ERRORS})
async def result(request: Request, record_id: str, include_content: bool = True) -> Response:
    """One record, whatever its status."""
    call = enter(request)
    return await record_response(call, owned_job(call, record_id), with_result=include_content)


async def accept(call: Call, more: dict[str, Any]) -> tuple[ExtractForm, Job]:
    """The job that the request has become, or became when it was first sent."""
    with await receive(call) as form:
        options = read_extract_form(given_fields(form.fields))
        source = await single_source(call, form)
        new = call.new_job("nanonets.extract", job_details(call, options, more), [source])
        return options, await call.runtime.jobs.submit(new)


def job_details(call: Call, options: ExtractForm, more: dict[str, Any]) -> dict[str, Any]:
    return {"options": options.stored(), "json_as_string": call.runtime.settings.json_as_string, **more}
