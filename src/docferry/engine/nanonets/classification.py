"""``POST /classify/sync`` and ``/classify/batch``."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from docferry.engine.answers import JsonResponse, with_member
from docferry.engine.nanonets import shapes
from docferry.engine.nanonets.calls import ERRORS, enter, not_empty, receive, result_of, several_sources
from docferry.engine.nanonets.options import given_fields, read_categories
from docferry.engine.nanonets.refusals import bad_request
from docferry.engine.openapi import BINARY, form_body
from docferry.engine.records import JobStatus
from docferry.engine.uploads import source_of

router = APIRouter(prefix="/api/v1/classify", tags=["Nanonets"])
CATEGORIES: dict[str, Any] = {
    "type": "object",
    "properties": {"categories": {"type": "string", "description": "JSON array of {name, description}"}},
    "required": ["categories"],
}
SYNC_BODY = form_body(CATEGORIES, files={"file": BINARY}, required=("file",))
BATCH_BODY = form_body(CATEGORIES, files={"files": {"type": "array", "items": BINARY}}, required=("files",))
BATCH_RESPONSES: dict[int | str, dict[str, Any]] = {202: {"model": shapes.ClassifyBatchAnswer}, **ERRORS}


@router.post("/sync", responses={200: {"model": shapes.ClassifyAnswer}, **ERRORS}, openapi_extra=SYNC_BODY)
async def classify_sync(request: Request) -> Response:
    """Classify the pages of one document in the request."""
    call = enter(request)
    with await receive(call) as form:
        categories = read_categories(given_fields(form.fields).get("categories"))
        files = [upload for upload in form.uploads if upload.field == "file"]
        if len(files) != 1:
            raise bad_request("send exactly one document as file")
        sources = [not_empty(source_of(files[0]))]
        accepted = await call.runtime.jobs.submit(
            call.new_job("nanonets.classify", {"categories": categories}, sources)
        )
    job = await call.runtime.jobs.ended(accepted.id)
    if job.status is not JobStatus.COMPLETED:
        failed = {"success": False, "message": shapes.message(job), "result": shapes.file_result(job)}
        return JsonResponse(failed)
    return JsonResponse(with_member({"success": True, "message": "done"}, "result", await result_of(call, job)))


@router.post(
    "/batch",
    status_code=202,
    responses={202: {"model": shapes.ClassifyBatchAnswer}, **ERRORS},
    openapi_extra=BATCH_BODY,
)
async def classify_batch(request: Request) -> Response:
    """Queue up to 50 documents for classification; each file's record is polled like an extraction's."""
    call = enter(request)
    with await receive(call) as form:
        categories = read_categories(given_fields(form.fields).get("categories"))
        details = {"categories": categories}
        children = [
            dataclasses.replace(call.new_job("nanonets.classify", details, [source]), idempotency_key=None)
            for source in several_sources(call, form)
        ]
        parent, jobs = await call.runtime.jobs.submit_batch(call.new_job("nanonets.batch.classify", {}), children)
    answer = {
        "success": True,
        "message": f"{len(jobs)} files queued",
        "batch_id": parent.id,
        "total_files": len(jobs),
        "successful_files": len(jobs),
        "failed_files": 0,
        "results": [shapes.file_result(job) for job in jobs],
    }
    return JsonResponse(answer, status_code=202)
