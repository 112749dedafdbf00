"""``POST /split``, ``/schema`` and ``/tables``: requests about saved extractions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from docferry.engine.errors import Refusal
from docferry.engine.openapi import json_body
from docferry.engine.pulse import shapes
from docferry.engine.pulse.calls import Call, enter, no_saved_configuration, owned_artefact, read_json, respond
from docferry.engine.pulse.extraction import ERRORS
from docferry.engine.pulse.options import (
    SchemaConfig,
    SchemaRequest,
    SplitConfig,
    SplitRequest,
    TablesConfig,
    TablesRequest,
)
from docferry.engine.records import JobStatus
from docferry.engine.store import new_id

router = APIRouter(tags=["Pulse"])
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEMPLATE_LENGTH = 4 * 1024 * 1024  # of its base64; it is kept with its job in the ledger
ACKNOWLEDGED: dict[int | str, dict[str, Any]] = {202: {"model": shapes.Acknowledgement}, **ERRORS}


@router.post(
    "/split", responses={200: {"model": shapes.SplitResult}, **ACKNOWLEDGED}, openapi_extra=json_body(SplitRequest)
)
async def split(request: Request) -> Response:
    """Assign the pages of an extraction to topics."""
    call = enter(request)
    wanted = await read_json(call, SplitRequest)
    config = split_config(wanted.split_config, wanted.split_config_id)
    extraction = owned_artefact(call, wanted.extraction_id, "extraction")
    details = {"extraction_id": extraction.id, "config": dumped(config), "split_id": new_id()}
    job = await call.runtime.jobs.submit(call.new_job("pulse.split", details))
    return await respond(call, job, run_async=wanted.run_async)


@router.post(
    "/schema", responses={200: {"model": shapes.SchemaResult}, **ACKNOWLEDGED}, openapi_extra=json_body(SchemaRequest)
)
async def schema(request: Request) -> Response:
    """Read values by a JSON Schema out of one extraction, several, or the topics of a split."""
    call = enter(request)
    wanted = await read_json(call, SchemaRequest)
    sources = [wanted.extraction_id, wanted.extraction_ids, wanted.split_id]
    if sum(source is not None for source in sources) != 1:
        raise Refusal("REQ_004", "give exactly one of extraction_id, extraction_ids and split_id")
    details = topics_details(call, wanted) if wanted.split_id else await extraction_details(call, wanted)
    job = await call.runtime.jobs.submit(call.new_job("pulse.schema", details))
    return await respond(call, job, run_async=wanted.run_async)


@router.get(
    "/schema/{schema_id}/excel",
    response_class=FileResponse,
    responses={200: {"content": {WORKBOOK: {}}}, **ERRORS},
)
async def schema_workbook(request: Request, schema_id: str) -> Response:
    """The filled copy of the Excel template that a schema run was given."""
    call = enter(request)
    artefact = owned_artefact(call, schema_id, "schema")
    if "file" not in artefact.payload:
        raise Refusal("STORAGE_001", "the schema run has no workbook: it was given no template")
    path = call.runtime.store.folder(artefact.job_id) / Path(artefact.payload["file"]).name
    if not await asyncio.to_thread(path.is_file):
        raise Refusal("STORAGE_001", "the workbook is no longer kept")
    return FileResponse(path, media_type=WORKBOOK, filename=f"{schema_id}.xlsx")


@router.post(
    "/tables", responses={200: {"model": shapes.TablesResult}, **ACKNOWLEDGED}, openapi_extra=json_body(TablesRequest)
)
async def tables(request: Request) -> Response:
    """The tables of an extraction, as HTML or as records."""
    call = enter(request)
    wanted = await read_json(call, TablesRequest)
    extraction = owned_artefact(call, wanted.extraction_id, "extraction")
    details = {"extraction_id": extraction.id, "config": dumped(wanted.tables_config), "tables_id": new_id()}
    job = await call.runtime.jobs.submit(call.new_job("pulse.tables", details))
    return await respond(call, job, run_async=wanted.run_async)


async def extraction_details(call: Call, wanted: SchemaRequest) -> dict[str, Any]:
    no_saved_configuration(wanted.schema_config_id, "schema_config_id")
    config = checked(wanted.schema_config, "schema_config")
    ids = list(dict.fromkeys(extraction_ids(call, wanted.extraction_id, wanted.extraction_ids)))
    return await schema_details(call, config, ids, is_multiple=ids != [wanted.extraction_id])


async def schema_details(call: Call, config: SchemaConfig, ids: list[str], *, is_multiple: bool) -> dict[str, Any]:
    version = await call.runtime.store.count_up("schema-version:" + "+".join(sorted(ids)))
    return {
        "extraction_ids": ids,
        "is_multiple": is_multiple,
        "config": dumped(config),
        "schema_id": new_id(),
        "version": int(version),
    }


def topics_details(call: Call, wanted: SchemaRequest) -> dict[str, Any]:
    return split_schema_details(call, wanted.split_id or "", wanted.split_schema_config)


def split_schema_details(call: Call, split_id: str, configs: dict[str, SchemaConfig] | None) -> dict[str, Any]:
    if not configs:
        raise Refusal("REQ_004", "split_schema_config: missing")
    topics = {topic: dumped(for_topic(config, topic)) for topic, config in configs.items()}
    found = owned_artefact(call, split_id, "split")
    return {
        "extraction_ids": [found.payload["extraction_id"]],
        "splits": found.payload["splits"],
        "split_id": found.id,
        "topics": topics,
        "schema_id": new_id(),
    }


def extraction_ids(call: Call, single: str | None, several: tuple[str, ...] | None) -> list[str]:
    """The extractions that are meant; a batch extract job's id stands for those of all its documents."""
    if several is not None:
        if not several:
            raise Refusal("REQ_004", "extraction_ids: empty")
        return [owned_artefact(call, extraction_id, "extraction").id for extraction_id in several]
    assert single is not None
    return batch_extractions(call, single) or [owned_artefact(call, single, "extraction").id]


def batch_extractions(call: Call, batch_id: str) -> list[str]:
    """The extractions of a batch; none if this is no batch's id."""
    store = call.runtime.store
    job = store.find(batch_id)
    if job is None or job.kind != "pulse.batch.extract" or job.owner != call.visitor.owner:
        return []
    if not job.status.has_ended:
        raise Refusal("REQ_003", "the batch has not ended yet")
    done = [child for child in store.children(job.id) if child.status is JobStatus.COMPLETED]
    found = [artefact.id for child in done for artefact in store.artefacts_of(child.id)]
    if not found:
        raise Refusal("REQ_003", "the batch has no extractions that could be used")
    return found


def split_config(config: SplitConfig | None, config_id: str | None) -> SplitConfig:
    no_saved_configuration(config_id, "split_config_id")
    if config is None:
        raise Refusal("REQ_004", "split_config: missing")
    names = [topic.name for topic in config.split_input]
    if len(set(names)) != len(names):
        raise Refusal("REQ_003", "split_config.split_input: a topic's name must be unique")
    return config


def checked(config: SchemaConfig | None, field: str) -> SchemaConfig:
    if config is None:
        raise Refusal("REQ_004", f"{field}: missing")
    no_saved_configuration(config.schema_config_id, f"{field}.schema_config_id")
    if config.excel_template is None and config.wanted is None:
        raise Refusal("REQ_004", f"{field}.input_schema: missing")
    if config.excel_template is not None:
        check_template(config, field)
    return config


def check_template(config: SchemaConfig, field: str) -> None:
    """Whether the Excel template may be used; a worker finds out whether it can be."""
    if config.wanted is not None:
        raise Refusal("REQ_003", f"{field}: give either input_schema or excel_template")
    if len(config.excel_template or "") > TEMPLATE_LENGTH:
        raise Refusal("REQ_003", f"{field}.excel_template: larger than {TEMPLATE_LENGTH} characters of base64")


def for_topic(config: SchemaConfig, field: str) -> SchemaConfig:
    """A topic's configuration, which has a schema."""
    if config.excel_template is not None:
        raise Refusal("REQ_003", f"{field}.excel_template: not for topics; send a schema, or no split")
    return checked(config, field)


def dumped(config: SplitConfig | SchemaConfig | TablesConfig) -> dict[str, Any]:
    """The configuration as JSON that a worker reads again."""
    return config.model_dump(mode="json", by_alias=True, exclude_unset=True)
