"""``POST /pipeline/execute``: several steps in one request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from docferry.engine.errors import Refusal
from docferry.engine.fetch import source_at
from docferry.engine.openapi import BINARY, form_body, schema_of
from docferry.engine.pulse import shapes
from docferry.engine.pulse.batch import documents
from docferry.engine.pulse.calls import Call, documents_in, enter, no_saved_configuration, read_form_or_json, respond
from docferry.engine.pulse.extraction import ERRORS
from docferry.engine.pulse.later import checked, for_topic, split_config
from docferry.engine.pulse.options import BatchInput, PipelineRequest, PipelineSteps
from docferry.engine.pulse.reading import plain, read_options
from docferry.engine.records import Source
from docferry.engine.uploads import Form, source_of

router = APIRouter(tags=["Pulse"])
ORDERS = {
    ("extract",),
    ("extract", "schema"),
    ("extract", "split"),
    ("extract", "split", "schema"),
    ("extract", "tables"),
    ("batch_extract",),
    ("batch_extract", "schema"),
}
NAMES = {plain(name): name for order in ORDERS for name in order}


@router.post(
    "/pipeline/execute",
    responses={200: {"model": shapes.PipelineResult}, 202: {"model": shapes.Acknowledgement}, **ERRORS},
    openapi_extra=form_body(schema_of(PipelineRequest), files={"file": BINARY}, json_too=True),
)
async def execute(request: Request) -> Response:
    """Extract, then split, read by a schema or list tables, in one request."""
    call = enter(request)
    values, form = await read_form_or_json(call, with_documents=True)
    with documents_in(form), ExitStack() as unclaimed:
        wanted = read_options(PipelineRequest, values)
        order = order_of(values)
        check_steps(wanted.steps)
        sources = await pipeline_sources(call, wanted, form, unclaimed)
        if wanted.steps.extract is not None and len(sources) != 1:
            raise Refusal("REQ_003", "the extract step takes one document; use batch_extract for several")
        details = {"steps": stored_steps(wanted.steps), "order": order, "auto_delete": wanted.auto_delete}
        job = await call.runtime.jobs.submit(call.new_job("pulse.pipeline", details, sources))
    return await respond(call, job, run_async=wanted.run_async)


def order_of(values: Mapping[str, Any]) -> list[str]:
    """The steps in the order of their keys."""
    raw = next(value for key, value in values.items() if plain(key) == "steps")
    given = json.loads(raw) if isinstance(raw, str) else raw
    order = [NAMES[plain(key)] for key, value in given.items() if plain(key) in NAMES and value is not None]
    if tuple(order) not in ORDERS:
        allowed = "; ".join(sorted(" → ".join(entry) for entry in ORDERS))
        raise Refusal("REQ_003", f"steps: {' → '.join(order) or 'none'} is no pipeline; offered are {allowed}")
    return order


def check_steps(steps: PipelineSteps) -> None:
    if steps.split is not None:
        split_config(steps.split, None)
    if steps.schema_step is not None:
        (checked if steps.split is None else for_topic)(steps.schema_step, "steps.schema")
    extraction = steps.extract or steps.batch_extract
    no_saved_configuration(extraction.extraction_config_id if extraction else None, "extractionConfigId")


async def pipeline_sources(call: Call, wanted: PipelineRequest, form: Form, unclaimed: ExitStack) -> list[Source]:
    """The documents, in whichever of the ways they came."""
    batch = wanted.steps.batch_extract
    embedded = BatchInput(file_urls=batch.file_urls, files=batch.files) if batch else BatchInput()
    has_embedded = embedded.file_urls is not None or embedded.files is not None
    ways = [bool(form.uploads), wanted.file_url is not None, has_embedded]
    if sum(ways) == 0:
        raise Refusal("REQ_001", "No file or URL provided")
    if sum(ways) > 1:
        raise Refusal("REQ_003", "give documents in one way: files, or URLs")
    if has_embedded:
        return await documents(call, embedded, unclaimed)
    return [source_of(upload) for upload in form.uploads] or [source_at(wanted.file_url or "")]


def stored_steps(steps: PipelineSteps) -> dict[str, Any]:
    """The steps as JSON that a worker reads again, without the documents in them."""
    without = {"batch_extract": {"file_urls", "files"}}
    return steps.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=without)
