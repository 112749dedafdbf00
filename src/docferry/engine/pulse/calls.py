"""What Pulse routes have in common: who asks, what was sent, and how a job is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from docferry.engine.access import Visitor, admit
from docferry.engine.answers import JsonResponse, read_result
from docferry.engine.errors import Refusal, refusal_of
from docferry.engine.pulse import shapes
from docferry.engine.pulse.options import Options
from docferry.engine.pulse.reading import plain, read_json_object, read_options
from docferry.engine.records import Api, Artefact, Job, JobStatus, NewJob, Source
from docferry.engine.runtime import Runtime, base_url, idempotency_key, runtime_of
from docferry.engine.uploads import Form, receive_body, receive_form

DOCUMENTS_BYTES = 128 * 1024 * 1024  # a JSON body is held in memory, whatever uploads may be
Model = TypeVar("Model", bound=Options)


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted request."""

    request: Request
    runtime: Runtime
    visitor: Visitor

    def new_job(self, kind: str, details: Mapping[str, Any], sources: Iterable[Source] = ()) -> NewJob:
        return NewJob(
            api=Api.PULSE,
            kind=kind,
            owner=self.visitor.owner,
            client=self.visitor.client,
            request={"base_url": base_url(self.request), **details},
            sources=tuple(sources),
            idempotency_key=idempotency_key(self.request, self.runtime.settings),
        )


def enter(request: Request) -> Call:
    """The request of someone who may ask; a Refusal otherwise."""
    runtime = runtime_of(request)
    visitor = admit(request.headers.get("x-api-key"), runtime.settings.keys, request)
    return Call(request, runtime, visitor)


async def read_json(call: Call, model: type[Model]) -> Model:
    return read_options(model, await json_values(call))


async def json_values(call: Call, *, with_documents: bool = False) -> dict[str, Any]:
    """The JSON object that was sent; a larger one if it may hold documents as base64."""
    body = await receive_body(call.request, body_limit(call, with_documents=with_documents))
    return await asyncio.to_thread(read_json_object, body) if with_documents else read_json_object(body)


def body_limit(call: Call, *, with_documents: bool) -> int:
    limits = call.runtime.settings.limits
    return max(limits.field_bytes, min(limits.upload_bytes, DOCUMENTS_BYTES)) if with_documents else limits.field_bytes


async def read_form_or_json(call: Call, *, with_documents: bool = False) -> tuple[dict[str, Any], Form]:
    """The fields that were sent, in either encoding, and the documents."""
    kind = call.request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind == "multipart/form-data":
        form = await receive_form(call.request, call.runtime.incoming, call.runtime.settings.limits)
        return dict(form.fields), form
    if kind and kind != "application/json":
        raise Refusal("REQ_002", f"the body must be multipart/form-data or application/json, not {kind[:80]}")
    body = await receive_body(call.request, body_limit(call, with_documents=with_documents))
    return (read_json_object(body) if body else {}), Form()


def documents_in(form: Form, name: str = "file") -> Form:
    """The form without documents of other names; they are nobody's."""
    others = [upload for upload in form.uploads if plain(upload.field) != name]
    with Form(uploads=others):
        form.uploads = [upload for upload in form.uploads if plain(upload.field) == name]
    return form


async def respond(call: Call, job: Job, *, run_async: bool) -> Response:
    """202 with the job's id, or 200 with its whole result once it has ended."""
    if run_async:
        return JsonResponse(shapes.acknowledgement(job), status_code=202)
    return JsonResponse(await finished_result(call, await call.runtime.jobs.ended(job.id)))


async def finished_result(call: Call, job: Job) -> Any:
    """An ended job's result; a Refusal if it has none."""
    if job.failure is not None:
        raise refusal_of(job.failure)
    if job.status is JobStatus.CANCELED:
        raise Refusal("JOB_002", "the job was canceled", status=400)
    return await kept_result(call, job)


async def kept_result(call: Call, job: Job) -> Any:
    """A completed job's result as JSON bytes, or its pointer; a Refusal (410) if it is no longer kept."""
    if (pointer := shapes.pointer(job, base_url(call.request))) is not None:
        return pointer
    try:
        return await read_result(call.runtime.jobs.result_path(job))
    except FileNotFoundError:
        raise Refusal("STORAGE_410", "the result is no longer kept") from None


def owned_job(call: Call, job_id: str) -> Job:
    """The visitor's Pulse job; the documented 404 or 403."""
    job = call.runtime.store.find(job_id)
    if job is None or job.api is not Api.PULSE:
        raise Refusal("JOB_001", "no such job")
    if job.owner != call.visitor.owner:
        raise Refusal("AUTH_004", "the job belongs to another key")
    return job


def owned_artefact(call: Call, artefact_id: str, kind: str) -> Artefact:
    artefact = call.runtime.store.artefact(artefact_id)
    if artefact is None or artefact.kind != kind or artefact.owner != call.visitor.owner:
        raise Refusal("STORAGE_001", f"no such {kind}: {artefact_id[:80]}")
    return artefact


def no_saved_configuration(configuration_id: str | None, field: str) -> None:
    if configuration_id is not None:
        raise Refusal("STORAGE_001", f"{field}: this engine keeps no saved configurations; send the values themselves")
