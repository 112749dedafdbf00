"""Speaks the Pulse API: extract, split, schema and tables, each as a job or in one call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from docferry.errors import Ambiguous, JobUnknown, ProviderError, Rejected, ResultGone, Unavailable
from docferry.models import Json
from docferry.providers import outputs_pulse, pulse_answers
from docferry.providers.answer_json import AnswerFault
from docferry.providers.base import (
    Accepted,
    Answered,
    CancelAnswer,
    Capabilities,
    JobFailed,
    OutputSet,
    Pointed,
    PollAnswer,
    ProviderHealth,
    RequestDescription,
    StoredAnswer,
    Submission,
)
from docferry.providers.body import Body, Part, json_body, multipart_body
from docferry.providers.classify import Call, Context, deprecation_notes, health, retry_after_s
from docferry.providers.given import given_link
from docferry.providers.http import HttpClient, Reply, Request
from docferry.providers.images import fetch_images
from docferry.providers.options import ENDPOINTS, FORMATS, wire_options
from docferry.providers.spill import outline_of
from docferry.providers.wire import described, form_text

OBJECT_FIELDS = ("figureProcessing", "extensions", "spreadsheet", "storage", "structuredOutput", "schema")
BEFORE_ASYNC = ("model", "extractionConfigId", "pages")
PLACEHOLDERS = {"extraction_id": "<of the extract step>", "split_id": "<of the split step>"}
HEALTH_JOB = "docferry-health-check"  # no such job exists; the answer tells whether the key is good
CALLS = frozenset(ENDPOINTS["pulse"])


@dataclass(frozen=True, slots=True)
class Wire:
    """One submission as it goes over the wire."""

    path: str
    parts: tuple[Part, ...] = ()  # a form, or
    value: Mapping[str, Json] | None = None  # a JSON object

    def body(self) -> Body:
        return multipart_body(self.parts) if self.value is None else json_body(self.value)


class PulseProvider:
    """One Pulse account, or the engine's Pulse dialect."""

    def __init__(self, http: HttpClient, *, honours_idempotency_key: bool, warn_on_deprecation: bool = True) -> None:
        self.name = http.settings.name
        self.capabilities = Capabilities(
            endpoints=CALLS,
            sync_endpoints=CALLS,
            async_endpoints=CALLS,
            can_cancel=True,
            finds_lost_submissions=False,
            honours_idempotency_key=honours_idempotency_key,
            formats=frozenset(FORMATS["pulse"]),
        )
        self._http = http
        self._warn_on_deprecation = warn_on_deprecation

    def describe(self, submission: Submission) -> RequestDescription:
        wire = to_wire(replace(submission, inputs=PLACEHOLDERS | dict(submission.inputs)))
        return RequestDescription(
            "POST", self._http.absolute(wire.path), _headers(submission), described(wire.parts, wire.value)
        )

    async def submit(self, submission: Submission, answer: Path) -> Accepted | Answered | Pointed:
        wire = to_wire(submission)
        body = wire.body()
        synchronous = submission.mode == "sync"
        by_id = submission.endpoint != "extract"
        context = Context(call=Call.SUBMIT, by_id=by_id, synchronous=synchronous)
        timeout_s = submission.timeout_s if synchronous else None
        request = Request("POST", wire.path, context, body, _headers(submission), timeout_s=timeout_s)
        async with self._http.submitting(request, _health_request(), answer, pulse_answers.BULK) as reply:
            taken = await self._taken(reply, answer, submission)
        return replace(taken, sent=body.sent)

    async def _taken(self, reply: Reply, answer: Path, submission: Submission) -> Accepted | Answered | Pointed:
        """What a 2xx answer means; the body decides, not the status code."""
        value = reply.value
        notes = self._notes(reply)
        result = pulse_answers.result_in(value)
        if result is None:
            job_id = pulse_answers.job_id(value)
            if job_id is None:
                raise Ambiguous(f"{self.name}: {submission.endpoint} was accepted, but the answer has no usable job id")
            return Accepted(job_id, credits=pulse_answers.facts(value).credits, warnings=notes)
        if not pulse_answers.is_pointer(result) and not pulse_answers.RESULT_KEYS & result.keys():
            raise Ambiguous(f"{self.name}: {submission.endpoint} answered with neither a job nor a result")
        finished = await self._finished(reply, result, answer)
        if isinstance(finished, JobFailed):
            raise Ambiguous(f"{self.name}: {submission.endpoint}: {finished.message}")
        return finished

    async def poll(self, endpoint: str, job_id: str, answer: Path) -> PollAnswer:
        request = Request("GET", f"/job/{quote(job_id, safe='')}", Context(call=Call.READ, by_id=True))
        async with self._http.asking(request, answer, pulse_answers.BULK) as reply:
            return await self._polled(reply, answer)

    async def _polled(self, reply: Reply, answer: Path) -> PollAnswer:
        ended = pulse_answers.ended_without_result(reply.value)
        if ended is not None:
            return ended
        notes = self._notes(reply)
        if pulse_answers.status_of(reply.value) != "completed":
            return pulse_answers.pending(reply.value, retry_after_s(reply.headers, self._http.now()), notes)
        result = reply.value.get("result")
        if not isinstance(result, dict) or not result:
            return JobFailed("the job is completed, but its result is missing", "no_result", retryable=True)
        return await self._finished(reply, result, answer)

    async def _finished(self, reply: Reply, result: Mapping[str, Json], answer: Path) -> Answered | Pointed | JobFailed:
        """Stores a result, or hands on the link to it; JobFailed where there is no link that could be followed."""
        facts = pulse_answers.facts(result)
        job_id = pulse_answers.job_id(reply.value)
        notes = (*self._notes(reply), *facts.warnings)
        if pulse_answers.is_pointer(result):
            link = given_link(result.get("url"))
            if link is None:
                return JobFailed("the large result has no usable link", "no_link", retryable=True)
            return Pointed(link, facts.outcome, facts.pages, facts.credits, notes, job_id=job_id)
        await self._http.keep(reply, answer)
        notes += await fetch_images(self._http, result, answer)
        return Answered(facts.outcome, facts.pages, facts.credits, notes, job_id=job_id)

    async def fetch(self, pointed: str, answer: Path) -> Answered:
        if not self._http.may_fetch(pointed):
            raise Rejected(f"{self.name}: the result's link is not HTTPS and not at this provider")
        request = Request("GET", pointed, Context(call=Call.FETCH))
        try:
            await self._http.download(request, answer)
        except ResultGone:
            # A crash after the last byte was stored and before that was recorded: the file has the answer.
            if not await self._http.blocking(answer.exists):
                raise
        try:
            value = await self._http.blocking(lambda: outline_of(answer, pulse_answers.BULK))
        except AnswerFault as fault:
            await self._http.blocking(answer.unlink)
            raise self._bad_result(fault) from fault
        result = pulse_answers.result_in(value) or value
        facts = pulse_answers.facts(result)
        notes = (*facts.warnings, *await fetch_images(self._http, result, answer))
        return Answered(facts.outcome, facts.pages, facts.credits, notes)

    def _bad_result(self, fault: AnswerFault) -> ProviderError:
        message = f"{self.name}: the large result is {fault}"
        if fault.passing:
            return Unavailable(message, hint="its link may work a second time", code=fault.code)
        return Rejected(message, code=fault.code)

    async def cancel(self, job_id: str) -> CancelAnswer:
        request = Request("DELETE", f"/job/{quote(job_id, safe='')}", Context(call=Call.READ, by_id=True))
        try:
            reply = await self._http.send(request)
        except (JobUnknown, ResultGone, Rejected) as error:
            return CancelAnswer(False, error.message)
        return CancelAnswer(True, str(reply.value.get("message") or ""))

    async def find_lost(self, upload_names: Sequence[str], since: float) -> Accepted | None:
        """Always None: the API has no listing."""
        return None

    def outputs(self, answers: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
        return outputs_pulse.outputs(answers, formats)

    async def check(self) -> ProviderHealth:
        try:
            await self._http.send(_health_request())
        except ProviderError as error:
            return health(error)
        return ProviderHealth(True, True, "answers")

    async def aclose(self) -> None:
        await self._http.aclose()

    def _notes(self, reply: Reply) -> tuple[str, ...]:
        return deprecation_notes(reply.headers) if self._warn_on_deprecation else ()


def _health_request() -> Request:
    return Request("GET", f"/job/{HEALTH_JOB}", Context(call=Call.READ, by_id=True))


def to_wire(submission: Submission) -> Wire:
    """The request that ``submission`` becomes. Pure."""
    options = wire_options("pulse", submission.endpoint, submission.options)
    if submission.endpoint == "extract":
        return Wire("/extract", tuple(_extract_parts(submission, options)))
    inputs = _inputs(submission.endpoint, options, submission.inputs)
    more: dict[str, Json] = {"async": True} if submission.mode != "sync" else {}
    return Wire(f"/{submission.endpoint}", value={**inputs, **options, **more})


def _inputs(endpoint: str, options: Mapping[str, Json], inputs: Mapping[str, Json]) -> dict[str, Json]:
    name = "split_id" if endpoint == "schema" and "split_schema_config" in options else "extraction_id"
    if not inputs.get(name):
        hint = "its storage was switched off, or the provider left the id out"
        raise Rejected(f"{endpoint} needs the {name} of an earlier step, which gave none", hint=hint)
    return {name: inputs[name]}


def _extract_parts(submission: Submission, options: Mapping[str, Json]) -> list[Part]:
    """Scalars, then the file, then objects: the order of the vendor's own client."""
    objects = {
        name: value for name, value in options.items() if name in OBJECT_FIELDS or isinstance(value, dict | list)
    }
    scalars = {name: form_text(value) for name, value in options.items() if name not in objects}
    early = {name: scalars.pop(name) for name in BEFORE_ASYNC if name in scalars}
    source = {"fileUrl": submission.file_url} if submission.file_url else {}
    flag = {"async": "true"} if submission.mode != "sync" else {}
    parts = [Part(name, text) for name, text in {**source, **early, **flag, **scalars}.items()]
    if submission.upload:
        upload = submission.upload
        parts.append(Part("file", upload, submission.upload_name, upload.media_type))
    for name in sorted(objects, key=_object_order):
        text = json.dumps(objects[name], ensure_ascii=False)
        parts.append(Part(name, text, content_type="application/json"))
    return parts


def _object_order(name: str) -> int:
    return OBJECT_FIELDS.index(name) if name in OBJECT_FIELDS else len(OBJECT_FIELDS)


def _headers(submission: Submission) -> dict[str, str]:
    return {"idempotency-key": submission.idempotency_key}
