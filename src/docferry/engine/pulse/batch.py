"""The batch endpoints: a parent job, and a child for each item that can fail alone."""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import os
import re
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from docferry.engine import s3
from docferry.engine.answers import JsonResponse
from docferry.engine.errors import Refusal
from docferry.engine.fetch import source_at
from docferry.engine.openapi import json_body
from docferry.engine.pulse import shapes
from docferry.engine.pulse.calls import Call, enter, json_values, no_saved_configuration
from docferry.engine.pulse.extraction import ERRORS, stored
from docferry.engine.pulse.later import (
    batch_extractions,
    checked,
    dumped,
    extraction_ids,
    schema_details,
    split_config,
    split_schema_details,
)
from docferry.engine.pulse.options import (
    BatchExtractRequest,
    BatchFile,
    BatchInput,
    BatchRequest,
    BatchSchemaRequest,
    BatchSplitRequest,
    BatchTablesRequest,
)
from docferry.engine.pulse.reading import read_options
from docferry.engine.records import JobStatus, NewJob, Source
from docferry.engine.store import new_id

router = APIRouter(tags=["Pulse"])
RESPONSES: dict[int | str, dict[str, Any]] = {202: {"model": shapes.BatchAcknowledgement}, **ERRORS}
NOT_DELIVERED = "output.local_path is not written to: the engine's settings name no folder for it; poll the items"
UNSAFE = re.compile(r"[^\w.-]+")


@router.post("/batch/extract", status_code=202, responses=RESPONSES, openapi_extra=json_body(BatchExtractRequest))
async def batch_extract(request: Request) -> Response:
    """Extract many documents, each as a job of its own."""
    call = enter(request)
    wanted = read_options(BatchExtractRequest, await json_values(call, with_documents=True))
    no_saved_configuration(wanted.extract_options.extraction_config_id, "extract_options.extractionConfigId")
    options = stored(wanted.extract_options)
    with ExitStack() as unclaimed:
        sources = await documents(call, wanted.input, unclaimed)
        children = [call.new_job("pulse.extract", {"options": options}, [source]) for source in sources]
        return await accept(call, "extract", wanted, children, "total_files")


@router.post("/batch/split", status_code=202, responses=RESPONSES, openapi_extra=json_body(BatchSplitRequest))
async def batch_split(request: Request) -> Response:
    """Split many extractions by the same topics."""
    call = enter(request)
    wanted = read_options(BatchSplitRequest, await json_values(call))
    config = dumped(split_config(wanted.split_config, None))
    children = [
        call.new_job("pulse.split", {"extraction_id": extraction_id, "config": config, "split_id": new_id()})
        for extraction_id in chosen(call, wanted.batch_extract_id, wanted.extraction_ids)
    ]
    return await accept(call, "split", wanted, children, "total_extractions")


@router.post("/batch/schema", status_code=202, responses=RESPONSES, openapi_extra=json_body(BatchSchemaRequest))
async def batch_schema(request: Request) -> Response:
    """Apply a schema to many extractions, or schemas to the topics of many splits."""
    call = enter(request)
    wanted = read_options(BatchSchemaRequest, await json_values(call))
    if wanted.batch_split_id is not None or wanted.split_ids is not None:
        return await batch_split_schema(call, wanted)
    config = checked(wanted.schema_config, "schema_config")
    children = []
    for extraction_id in chosen(call, wanted.batch_extract_id, wanted.extraction_ids):
        details = await schema_details(call, config, [extraction_id], is_multiple=False)
        children.append(call.new_job("pulse.schema", details | {"page_range": wanted.page_range}))
    return await accept(call, "schema", wanted, children, "total_extractions")


async def batch_split_schema(call: Call, wanted: BatchSchemaRequest) -> Response:
    ids = wanted.split_ids if wanted.split_ids is not None else batch_splits(call, wanted.batch_split_id or "")
    if not ids:
        raise Refusal("REQ_004", "split_ids: empty")
    children = []
    for split_id in ids:
        details = split_schema_details(call, split_id, wanted.split_schema_config)
        children.append(call.new_job("pulse.schema", details | {"page_range": wanted.page_range}))
    return await accept(call, "schema", wanted, children, "total_splits")


@router.post("/batch/tables", status_code=202, responses=RESPONSES, openapi_extra=json_body(BatchTablesRequest))
async def batch_tables(request: Request) -> Response:
    """The tables of many extractions."""
    call = enter(request)
    wanted = read_options(BatchTablesRequest, await json_values(call))
    config = dumped(wanted.tables_config)
    children = [
        call.new_job("pulse.tables", {"extraction_id": extraction_id, "config": config, "tables_id": new_id()})
        for extraction_id in chosen(call, wanted.batch_extract_id, wanted.extraction_ids)
    ]
    return await accept(call, "tables", wanted, children, "total_extractions")


async def accept(call: Call, step: str, wanted: BatchRequest, children: Sequence[NewJob], total: str) -> Response:
    """The acknowledgement of the batch that the children make up."""
    if wanted.output.s3_prefix is None and wanted.output.local_path is None:
        raise Refusal("REQ_004", "output: give s3_prefix, local_path or both")
    folder, warnings = output_folder(call, wanted.output.local_path)
    prefix = output_prefix(call, wanted.output.s3_prefix)
    parent = call.new_job(f"pulse.batch.{step}", {})
    alone = [dataclasses.replace(child, idempotency_key=None) for child in children]
    alone = [delivered(child, folder, prefix, number) for number, child in enumerate(alone, 1)]
    job, accepted = await call.runtime.jobs.submit_batch(parent, alone)
    answer: dict[str, Any] = {"batch_job_id": job.id, "status": job.status, total: len(accepted)}
    return JsonResponse(answer | ({"warnings": warnings} if warnings else {}), status_code=202)


def output_folder(call: Call, local_path: str | None) -> tuple[Path | None, list[str]]:
    """Where on this machine results are to be written as well. Only below the folder that the settings name."""
    if local_path is None:
        return None, []
    root = call.runtime.settings.batch_output
    if root is None:
        return None, [NOT_DELIVERED]
    folder = Path(os.path.normpath(root / local_path))
    if not folder.resolve().is_relative_to(root.resolve()):
        raise Refusal("AUTH_004", "output.local_path lies outside the folder that batches may write to")
    return folder, []


def output_prefix(call: Call, prefix: str | None) -> str | None:
    """The folder in S3 to which results are to be written as well, with a slash at its end."""
    if prefix is None:
        return None
    objects_for(call)
    bucket, key = s3_location("output.s3_prefix", prefix)
    return f"{s3.SCHEME}{bucket}/{s3.as_folder(key) or ''}"


def delivered(child: NewJob, folder: Path | None, prefix: str | None, number: int) -> NewJob:
    """The child, told to leave a copy of its result in ``folder`` and below ``prefix``, where there are such."""
    kind = child.kind.rsplit(".", 1)[1]
    name = f"{number:04d}-{UNSAFE.sub('_', child.sources[0].name)[:100] if child.sources else kind}.json"
    targets = {
        **({"deliver_to": str(folder / name)} if folder is not None else {}),
        **({"deliver_to_s3": f"{prefix}{name}"} if prefix is not None else {}),
    }
    return dataclasses.replace(child, request={**child.request, **targets})


def objects_for(call: Call) -> s3.S3:
    """S3 as the settings give access to it."""
    settings = call.runtime.settings.s3
    if settings is None:
        raise Refusal("AUTH_004", "s3_prefix: the engine's settings give it no access to S3 (settings.s3)")
    return s3.S3(settings)


def s3_location(field: str, location: str) -> tuple[str, str]:
    try:
        return s3.split_location(location)
    except s3.S3Failed as error:
        raise Refusal(error.code, f"{field}: {error.message}") from error


async def listed(call: Call, prefix: str) -> list[Source]:
    """The documents below an S3 prefix."""
    objects = objects_for(call)
    s3_location("input.s3_prefix", prefix)
    limits = call.runtime.settings.limits
    try:
        async with asyncio.timeout(limits.fetch_time_s):
            return await objects.documents(prefix, limits.batch_files)
    except s3.S3Failed as error:
        raise Refusal("REQ_003", f"input.s3_prefix: {error.message}") from error
    except TimeoutError:
        raise Refusal("GENERAL_503", "input.s3_prefix: S3 does not answer in time") from None


async def documents(call: Call, given: BatchInput, unclaimed: ExitStack) -> list[Source]:
    """The documents of a batch; files that no job takes over are removed when ``unclaimed`` closes."""
    if sum(value is not None for value in (given.s3_prefix, given.file_urls, given.files)) != 1:
        raise Refusal("REQ_003", "input: give exactly one of s3_prefix, file_urls and files")
    objects = await listed(call, given.s3_prefix) if given.s3_prefix is not None else []
    count = len(objects or given.file_urls or given.files or ())
    most = call.runtime.settings.limits.batch_files
    if not 1 <= count <= most:
        found = f"more than {most}" if count > most and objects else count
        raise Refusal("REQ_003", f"input: {found} documents, wanted 1 to {most}")
    if objects:
        return objects
    if given.file_urls is not None:
        return [source_at(url) for url in given.file_urls]
    return [await embedded(call, file, unclaimed) for file in given.files or ()]


async def embedded(call: Call, file: BatchFile, unclaimed: ExitStack) -> Source:
    """A document that came as base64 inside JSON."""
    path = call.runtime.incoming / uuid.uuid4().hex
    unclaimed.callback(path.unlink, missing_ok=True)
    try:
        data = await asyncio.to_thread(base64.b64decode, file.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("REQ_003", f"files: the content of {file.filename[:80]!r} is not base64") from error
    await asyncio.to_thread(path.write_bytes, data)
    return Source(file.filename, path=path, size_bytes=len(data))


def chosen(call: Call, batch_id: str | None, ids: tuple[str, ...] | None) -> list[str]:
    if (batch_id is None) == (ids is None):
        raise Refusal("REQ_004", "give either batch_extract_id or extraction_ids")
    if batch_id is None:
        return extraction_ids(call, None, ids)
    if found := batch_extractions(call, batch_id):
        return found
    raise Refusal("STORAGE_001", f"no such batch of extractions: {batch_id[:80]}")


def batch_splits(call: Call, batch_id: str) -> list[str]:
    store = call.runtime.store
    job = store.find(batch_id)
    if job is None or job.kind != "pulse.batch.split" or job.owner != call.visitor.owner:
        raise Refusal("STORAGE_001", f"no such batch of splits: {batch_id[:80]}")
    if not job.status.has_ended:
        raise Refusal("REQ_003", "the batch has not ended yet")
    done = [child for child in store.children(job.id) if child.status is JobStatus.COMPLETED]
    return [artefact.id for child in done for artefact in store.artefacts_of(child.id)]
