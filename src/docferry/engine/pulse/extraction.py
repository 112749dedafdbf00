"""``POST /extract`` and its deprecated twin."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from docferry.engine.errors import Refusal
from docferry.engine.fetch import source_at
from docferry.engine.openapi import BINARY, form_body, schema_of
from docferry.engine.pulse import shapes
from docferry.engine.pulse.calls import (
    Call,
    documents_in,
    enter,
    no_saved_configuration,
    read_form_or_json,
    respond,
)
from docferry.engine.pulse.options import ExtractOptions, ExtractRequest
from docferry.engine.pulse.reading import read_options
from docferry.engine.records import Job
from docferry.engine.uploads import Form, source_of

router = APIRouter(tags=["Pulse"])
BODY = form_body(schema_of(ExtractRequest), files={"file": BINARY}, json_too=True)
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": shapes.ErrorBody} for status in (400, 401, 403, 404, 408, 410, 413, 429, 500, 502, 503)
}
DEPRECATED_SINCE = "@1735689600"  # 2025-01-01, in the form RFC 9745 wants


@router.post(
    "/extract",
    responses={200: {"model": shapes.ExtractResult}, 202: {"model": shapes.Acknowledgement}, **ERRORS},
    openapi_extra=BODY,
)
async def extract(request: Request) -> Response:
    """Extract one document: the whole result, or with `async` a job id at once."""
    call = enter(request)
    options, job = await accept(call)
    return await respond(call, job, run_async=options.run_async)


@router.post(
    "/extract_async",
    status_code=202,
    deprecated=True,
    responses={202: {"model": shapes.Acknowledgement}, **ERRORS},
    openapi_extra=BODY,
)
async def extract_async(request: Request) -> Response:
    """As `/extract` with `async`, which should be used instead."""
    call = enter(request)
    _, job = await accept(call)
    response = await respond(call, job, run_async=True)
    response.headers["Deprecation"] = DEPRECATED_SINCE
    response.headers["Warning"] = '299 - "/extract_async is deprecated, use /extract with async: true"'
    return response


async def accept(call: Call) -> tuple[ExtractRequest, Job]:
    """The job that the request has become, or became when it was first sent."""
    values, form = await read_form_or_json(call)
    with documents_in(form):
        options = read_options(ExtractRequest, values)
        check_source(options.file_url, form)
        no_saved_configuration(options.extraction_config_id, "extractionConfigId")
        sources = [source_of(upload) for upload in form.uploads] or [source_at(options.file_url or "")]
        new = call.new_job("pulse.extract", {"options": stored(options)}, sources)
        return options, await call.runtime.jobs.submit(new)


def check_source(file_url: str | None, form: Form) -> None:
    """Exactly one document."""
    if not form.uploads and not file_url:
        raise Refusal("REQ_001", "No file or URL provided")
    if len(form.uploads) + bool(file_url) > 1:
        raise Refusal("REQ_003", "give either one file or one URL, not both")
    if form.uploads and form.uploads[0].size_bytes == 0:
        raise Refusal("FILE_004", "the file is empty (0 bytes); send it again once it is complete")


def stored(options: ExtractOptions) -> dict[str, Any]:
    """The options as JSON that a worker reads again; what was not given stays absent."""
    return ExtractOptions.model_validate(options.model_dump(by_alias=True, exclude_unset=True)).model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
