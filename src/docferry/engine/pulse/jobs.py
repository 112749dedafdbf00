"""Polling, cancelling, and the downloads that belong to a job."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from docferry.engine.answers import JsonResponse, with_member
from docferry.engine.errors import Refusal
from docferry.engine.pulse import shapes
from docferry.engine.pulse.calls import enter, kept_result, owned_job
from docferry.engine.pulse.extraction import ERRORS
from docferry.engine.pulse.large import LargeResultResponse, open_large_result
from docferry.engine.records import JobStatus
from docferry.engine.runtime import runtime_of

router = APIRouter(tags=["Pulse"])
IMAGE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}\.(png|jpg)")
MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg"}


@router.get("/job/{job_id}", responses={200: {"model": shapes.JobAnswer}, **ERRORS})
async def poll(request: Request, job_id: str) -> Response:
    """A job's status and, when it has completed, its whole result."""
    call = enter(request)
    job = owned_job(call, job_id)
    answer = shapes.job_without_result(job)
    if job.is_batch:
        return JsonResponse(answer | {"result": shapes.batch_result(call.runtime.store.children(job.id))})
    if job.status is not JobStatus.COMPLETED:
        return JsonResponse(answer)
    result = await kept_result(call, job)
    whole = with_member(answer, "result", result) if isinstance(result, bytes) else answer | {"result": result}
    return JsonResponse(whole)


@router.delete("/job/{job_id}", responses={200: {"model": shapes.CancelAnswer}, **ERRORS})
async def cancel(request: Request, job_id: str) -> Response:
    """Stop a job that has not ended; its worker is stopped before the answer leaves. An ended job stays as it is."""
    call = enter(request)
    job = owned_job(call, job_id)
    had_ended = job.status.has_ended
    after = await call.runtime.jobs.cancel(job)
    canceled = after.status is JobStatus.CANCELED and not had_ended
    message = "Job cancelled successfully" if canceled else f"Job had already ended: {after.status}"
    return JsonResponse({"job_id": job.id, "message": message})


@router.post("/cancel/{job_id}", deprecated=True, responses={200: {"model": shapes.CancelAnswer}, **ERRORS})
async def cancel_by_post(request: Request, job_id: str) -> Response:
    """As `DELETE /job/{job_id}`, which should be used instead."""
    return await cancel(request, job_id)


@router.get(
    "/large_results/{job_id}",
    responses={200: {"model": shapes.ExtractResult}, 410: {"model": shapes.ErrorBody}, **ERRORS},
)
async def large_result(request: Request, job_id: str) -> Response:
    """A large result, once. The link is the permission: no key is asked for."""
    runtime = runtime_of(request)
    path, size_bytes = open_large_result(runtime, job_id)
    return LargeResultResponse(runtime, job_id, path, size_bytes)


@router.get("/results/{job_id}/pdf", responses=ERRORS)
async def form_pdf(request: Request, job_id: str) -> Response:
    """The PDF of a form job. This engine has no form jobs, so there never is one."""
    owned_job(enter(request), job_id)
    raise Refusal("STORAGE_001", "the job has no PDF: it is no form job")


@router.get(
    "/results/{job_id}/images/{filename}",
    response_class=FileResponse,
    responses={200: {"content": {"image/png": {}, "image/jpeg": {}}}, **ERRORS},
)
async def image(request: Request, job_id: str, filename: str) -> Response:
    """One picture of a result."""
    call = enter(request)
    job = owned_job(call, job_id)
    if IMAGE_NAME.fullmatch(filename) is None:
        raise Refusal("REQ_003", "that is no name of a picture")
    path: Path = call.runtime.store.folder(job.id) / "images" / filename
    if not await asyncio.to_thread(path.is_file):
        raise Refusal("STORAGE_001", "the job has no such picture, or it is no longer kept")
    return FileResponse(path, media_type=MEDIA_TYPES[filename.rsplit(".", 1)[1]])
