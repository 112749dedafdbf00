"""What Nanonets routes have in common: who asks, which document was sent, and how a record is answered."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from docferry.engine.access import Visitor, admit
from docferry.engine.answers import JsonResponse, read_result, with_member
from docferry.engine.errors import Refusal
from docferry.engine.fetch import source_at
from docferry.engine.nanonets import shapes
from docferry.engine.nanonets.options import given_fields
from docferry.engine.nanonets.refusals import bad_request, invalid, problem
from docferry.engine.records import Api, Job, JobStatus, NewJob, Source
from docferry.engine.runtime import Runtime, idempotency_key, runtime_of
from docferry.engine.uploads import Form, Upload, decode_base64, receive_form, source_of

BEARER = "Bearer "
BASE64_NAME = "document"
KINDS = ("nanonets.extract", "nanonets.classify")  # what has a record
FILES = ("files", "files[]")
ERRORS: dict[int | str, dict[str, Any]] = {
    422: {"model": shapes.Problems},
    **{status: {"model": shapes.Detail} for status in (400, 401, 403, 404, 408, 413, 429, 500, 502, 503)},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted request."""

    request: Request
    runtime: Runtime
    visitor: Visitor

    def new_job(self, kind: str, details: Mapping[str, Any], sources: Iterable[Source] = ()) -> NewJob:
        return NewJob(
            api=Api.NANONETS,
            kind=kind,
            owner=self.visitor.owner,
            client=self.visitor.client,
            request=details,
            sources=tuple(sources),
            idempotency_key=idempotency_key(self.request, self.runtime.settings),
        )


def enter(request: Request) -> Call:
    """The request of someone who may ask; a Refusal otherwise. The key is all that follows ``Bearer ``, untrimmed."""
    runtime = runtime_of(request)
    header = request.headers.get("authorization", "")
    key = header[len(BEARER) :] if header.startswith(BEARER) else None
    return Call(request, runtime, admit(key, runtime.settings.keys, request))


async def receive(call: Call) -> Form:
    limits = call.runtime.settings.limits
    return await receive_form(call.request, call.runtime.incoming, limits, documents_in_text={"file_base64"})


async def single_source(call: Call, form: Form) -> Source:
    """Exactly one document, in whichever of the three ways it came. Empty parts do not count."""
    fields = given_fields(form.fields)
    files = [upload for upload in form.uploads if upload.field == "file"]
    encoded = [upload for upload in form.uploads if upload.field == "file_base64"]
    url = fields.get("file_url")
    if len(files) + len(encoded) + (url is not None) == 0:
        raise bad_request("no document given: send file, file_url or file_base64")
    if len(files) + len(encoded) + (url is not None) > 1:
        raise bad_request("more than one document given: send exactly one of file, file_url and file_base64")
    if url is not None:
        return source_at(url)
    return not_empty(source_of(files[0]) if files else await decoded(call, form, encoded[0]))


async def decoded(call: Call, form: Form, encoded: Upload) -> Source:
    path = call.runtime.incoming / uuid.uuid4().hex
    try:
        size_bytes = await asyncio.to_thread(decode_base64, encoded.path, path)
    except ValueError:
        path.unlink(missing_ok=True)
        raise invalid([problem("file_base64", "is not base64")]) from None
    form.uploads.append(Upload("decoded", BASE64_NAME, path, size_bytes))  # so that it goes if nobody takes it
    if size_bytes > call.runtime.settings.limits.upload_bytes:
        raise Refusal("FILE_002", "the document is too large")
    return Source(BASE64_NAME, path=path, size_bytes=size_bytes)


def several_sources(call: Call, form: Form) -> list[Source]:
    """The documents of a batch: file parts, or the JSON list of URLs that one client sends instead."""
    sources = [source_of(upload) for upload in form.uploads if upload.field in FILES]
    sources += [source_at(url) for url in urls_in(given_fields(form.fields).get("urls"))]
    most = call.runtime.settings.limits.batch_files
    if not sources:
        raise bad_request("no document given: send files")
    if len(sources) > most:
        raise bad_request(f"{len(sources)} files are more than the maximum of {most}")
    return sources


def urls_in(text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        urls = json.loads(text)
    except (ValueError, RecursionError):
        urls = None
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise invalid([problem("urls", "wanted a JSON array of URLs", "value_error.json")])
    return urls


def not_empty(source: Source) -> Source:
    if source.size_bytes == 0:
        raise bad_request("the document is empty (0 bytes)")
    return source


def owned_job(call: Call, record_id: str) -> Job:
    """The visitor's job; a 404 for unknown, foreign and expired ones alike."""
    job = call.runtime.store.find(record_id)
    if job is None or job.kind not in KINDS or job.owner != call.visitor.owner or job.status is JobStatus.EXPIRED:
        raise Refusal("JOB_001", "no such record")
    return job


async def record_response(call: Call, job: Job, *, status: int = 200, with_result: bool = True) -> Response:
    """A job's record, with its result once it has completed."""
    answer = shapes.record(job)
    if not with_result or job.status is not JobStatus.COMPLETED:
        return JsonResponse(answer, status_code=status)
    return JsonResponse(with_member(answer, "result", await result_of(call, job)), status_code=status)


async def result_of(call: Call, job: Job) -> bytes:
    try:
        return await read_result(call.runtime.jobs.result_path(job))
    except FileNotFoundError:
        raise Refusal("JOB_001", "no such record") from None
