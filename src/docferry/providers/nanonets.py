"""Speaks the Nanonets extraction API: extract and classify, each as a job or in one call.

The API has no cancel, but a listing. Each upload carries a name that is unique to its attempt, so that a
submission whose answer was lost can be found there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from docferry.errors import Ambiguous, ProviderError, Rejected
from docferry.models import Json
from docferry.providers import nanonets_answers as answers
from docferry.providers import outputs_nanonets
from docferry.providers.base import (
    TOO_LONG_FOR_SYNC,
    Accepted,
    Answered,
    CancelAnswer,
    Capabilities,
    JobFailed,
    OutputSet,
    Pending,
    PollAnswer,
    ProviderHealth,
    RequestDescription,
    StoredAnswer,
    Submission,
)
from docferry.providers.body import Part, multipart_body
from docferry.providers.classify import (
    QUOTA_WORDS,
    RETIRED_WORDS,
    Call,
    Context,
    deprecation_notes,
    health,
    one_line,
    retry_after_s,
)
from docferry.providers.http import HttpClient, Reply, Request
from docferry.providers.options import ENDPOINTS, FORMATS, wire_options
from docferry.providers.wire import described, form_text

CALLS = frozenset(ENDPOINTS["nanonets"])
RESULTS = "/api/v1/extract/results"
MAX_SYNC_PAGES = 5
CLOCK_MARGIN_S = 300.0
LIST_PAGE_SIZE = 50
MAX_LIST_PAGES = 1000
BEFORE_SOURCE = ("output_format", "csv_options", "custom_instructions")
NO_CANCEL = "this provider cannot cancel: the job runs on and is paid for"


@dataclass(frozen=True, slots=True)
class Wire:
    """One submission as it goes over the wire."""

    path: str
    parts: tuple[Part, ...]


class NanonetsProvider:
    """One Nanonets account, or the engine's Nanonets dialect."""

    def __init__(
        self,
        http: HttpClient,
        *,
        honours_idempotency_key: bool,
        send_file_as: str = "file",
        warn_on_deprecation: bool = True,
    ) -> None:
        self.name = http.settings.name
        self.capabilities = Capabilities(
            endpoints=CALLS,
            sync_endpoints=CALLS,
            async_endpoints=CALLS,
            can_cancel=False,
            # Only a file part lets us choose the name that the record keeps.
            finds_lost_submissions=send_file_as == "file",
            honours_idempotency_key=honours_idempotency_key,
            formats=frozenset(FORMATS["nanonets"]),
            max_sync_pages=MAX_SYNC_PAGES,
        )
        self._http = http
        self._as_base64 = send_file_as == "base64"
        self._warn_on_deprecation = warn_on_deprecation

    def describe(self, submission: Submission) -> RequestDescription:
        wire = to_wire(submission, as_base64=self._as_base64)
        return RequestDescription(
            "POST", self._http.absolute(wire.path), _headers(submission), described(wire.parts, None)
        )

    async def submit(self, submission: Submission, answer: Path) -> Accepted | Answered:
        wire = to_wire(submission, as_base64=self._as_base64)
        body = multipart_body(wire.parts)
        synchronous = submission.mode == "sync"
        context = _context(Call.SUBMIT, synchronous=synchronous)
        timeout_s = submission.timeout_s if synchronous else None
        request = Request("POST", wire.path, context, body, _headers(submission), timeout_s=timeout_s)
        health_request = _list_request(1, page_size=1)
        try:
            async with self._http.submitting(request, health_request, answer, answers.BULK) as reply:
                taken = await self._taken(reply, submission, answer)
        except Rejected as error:
            raise _explained(error, submission) from error
        return replace(taken, sent=body.sent)

    async def _taken(self, reply: Reply, submission: Submission, answer: Path) -> Accepted | Answered:
        """What a 2xx answer means. A job may be finished at once, whichever way it was submitted."""
        if submission.endpoint == "classify":
            return await self._taken_for_classification(reply, answer)
        record = reply.value
        record_id = answers.record_id(record)
        if answers.status_of(record) == "completed" and answers.contents(record):
            return await self._finished(reply, answer, record_id)
        if record_id is not None:  # running, or failed: the poll says why
            notes = (
                *self._notes(reply),
                *answers.renamed(record, submission.upload_name if self._named(submission) else ""),
            )
            return Accepted(record_id, warnings=notes)
        if answers.status_of(record) == "failed" or record.get("success") is False:
            raise Rejected(f"{self.name}: extraction failed: {answers.failure(record).message}", status=reply.status)
        raise Ambiguous(f"{self.name}: the document was accepted, but the answer has no usable record_id")

    def _named(self, submission: Submission) -> bool:
        return submission.upload is not None and not self._as_base64

    async def _taken_for_classification(self, reply: Reply, answer: Path) -> Accepted | Answered:
        found = answers.classified(reply.value)
        if found and found.get("pages"):
            return await self._classified(reply, found, answer)
        record_id = answers.record_id(found or {}) or answers.record_id(reply.value)
        if record_id is not None:
            return Accepted(record_id, warnings=self._notes(reply))
        reason = (found or {}).get("error") or reply.value.get("message")
        if reply.value.get("success") is False or (found or {}).get("error"):
            raise Rejected(one_line(f"{self.name}: classification failed: {reason}"), status=reply.status)
        raise Ambiguous(f"{self.name}: the document was accepted, but the answer has no usable record_id")

    async def poll(self, endpoint: str, job_id: str, answer: Path) -> PollAnswer:
        # One call instead of two: while a job runs there is no content, and when it ends we want it.
        request = Request("GET", f"{RESULTS}/{quote(job_id, safe='')}", _context(Call.READ, by_id=True))
        async with self._http.asking(request, answer, answers.BULK) as reply:
            return await self._polled(endpoint, job_id, reply, answer)

    async def _polled(self, endpoint: str, job_id: str, reply: Reply, answer: Path) -> PollAnswer:
        record = reply.value
        status = answers.status_of(record)
        if status == "failed":
            return answers.failure(record)
        if status != "completed":
            return self._pending(reply, status)
        found = answers.classified(record) if endpoint == "classify" else None
        if found:
            return await self._classified(reply, found, answer)
        if not answers.contents(record):
            return JobFailed("the job is completed, but none of its results came", "no_result", retryable=True)
        return await self._finished(reply, answer, job_id)

    def _pending(self, reply: Reply, status: str) -> Pending:
        unknown = one_line(f"the provider gave the job an unknown status: {status!r}")
        notes = self._notes(reply) if status in answers.STATUSES else (*self._notes(reply), unknown)
        return Pending(status or "unknown", retry_after_s(reply.headers, self._http.now()), notes)

    async def _finished(self, reply: Reply, answer: Path, record_id: str | None) -> Answered:
        await self._http.keep(reply, answer)
        record = reply.value
        missing = tuple(f"{name} was asked for and is not in the result" for name in answers.missing_formats(record))
        return Answered(
            answers.notes(record), answers.pages(record), warnings=(*self._notes(reply), *missing), job_id=record_id
        )

    async def _classified(self, reply: Reply, found: Mapping[str, Json], answer: Path) -> Answered:
        await self._http.keep(reply, answer)
        outcome = answers.class_outcome(found)
        warnings = () if outcome else ("the classification names no category",)
        return Answered(
            outcome,
            answers.pages(found),
            warnings=(*self._notes(reply), *warnings),
            job_id=answers.record_id(found) or answers.record_id(reply.value),
        )

    async def fetch(self, pointed: str, answer: Path) -> Answered:
        raise Rejected(f"{self.name}: this provider gives no links to large results")

    async def cancel(self, job_id: str) -> CancelAnswer:
        return CancelAnswer(False, NO_CANCEL)

    async def find_lost(self, upload_names: Sequence[str], since: float) -> Accepted | None:
        """The earliest record under one of the names. Newest first, back to ``since`` less a margin for the clocks."""
        found: dict[str, answers.Match] = {}
        seen: set[str | None] = set()
        for page in range(1, MAX_LIST_PAGES + 1):
            reply = await self._http.send(_list_request(page))
            records = reply.value.get("results")
            records = [record for record in records if isinstance(record, dict)] if isinstance(records, list) else []
            found |= {match.record_id: match for match in answers.matches(records, upload_names)}
            ids = {answers.record_id(record) for record in records}
            oldest_at = answers.oldest(records)
            until = since + _clock_offset(reply.headers, self._http.now()) - CLOCK_MARGIN_S
            # A page without anything new is the end, or a server that ignores the page number.
            if ids <= seen or (oldest_at is not None and oldest_at < until):
                break
            seen |= ids
        ordered = sorted(found.values(), key=lambda match: match.created_at)
        if not ordered:
            return None
        surplus = [f"surplus record {match.record_id} of the same upload was paid for too" for match in ordered[1:]]
        return Accepted(ordered[0].record_id, warnings=tuple(surplus))

    def outputs(self, stored: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
        return outputs_nanonets.outputs(stored, formats)

    async def check(self) -> ProviderHealth:
        try:
            await self._http.send(_list_request(1, page_size=1))
        except ProviderError as error:
            return health(error)
        return ProviderHealth(True, True, "answers, and takes the key")

    async def aclose(self) -> None:
        await self._http.aclose()

    def _notes(self, reply: Reply) -> tuple[str, ...]:
        return deprecation_notes(reply.headers) if self._warn_on_deprecation else ()


def to_wire(submission: Submission, *, as_base64: bool = False) -> Wire:
    """The request that ``submission`` becomes. Pure."""
    options = wire_options("nanonets", submission.endpoint, submission.options)
    if submission.endpoint == "classify":
        return _classification(submission, options)
    mode = "sync" if submission.mode == "sync" else "async"
    texts = {name: form_text(value) for name, value in options.items()}
    parts = [Part(name, texts.pop(name)) for name in BEFORE_SOURCE if name in texts]
    if submission.file_url:
        parts.append(Part("file_url", submission.file_url))
    elif submission.upload and as_base64:
        parts.append(Part("file_base64", submission.upload, as_base64=True))
    parts += [Part(name, text) for name, text in texts.items()]
    if submission.upload and not as_base64 and not submission.file_url:
        parts.append(_file_part("file", submission))
    return Wire(f"/api/v1/extract/{mode}", tuple(parts))


def _classification(submission: Submission, options: Mapping[str, Json]) -> Wire:
    """One document in one call, or as a batch of one, which is how this API queues a classification."""
    if submission.upload is None:
        raise Rejected("classify takes a file, not an address")
    texts = [Part(name, json.dumps(value, ensure_ascii=False)) for name, value in options.items()]
    if submission.mode == "sync":
        return Wire("/api/v1/classify/sync", (*texts, _file_part("file", submission)))
    return Wire("/api/v1/classify/batch", (*texts, _file_part("files", submission)))


def _file_part(name: str, submission: Submission) -> Part:
    assert submission.upload is not None
    return Part(name, submission.upload, submission.upload_name, submission.upload.media_type)


def _headers(submission: Submission) -> dict[str, str]:
    return {"idempotency-key": submission.idempotency_key}


def _context(call: Call, *, by_id: bool = False, synchronous: bool = False) -> Context:
    return Context(
        call=call, by_id=by_id, synchronous=synchronous, quota_words=QUOTA_WORDS, permanent_words=RETIRED_WORDS
    )


def _list_request(page: int, page_size: int = LIST_PAGE_SIZE) -> Request:
    query = {"page": str(page), "page_size": str(page_size), "sort_by": "created_at", "sort_order": "desc"}
    return Request("GET", RESULTS, _context(Call.LOOK), query=query)


def _clock_offset(headers: Mapping[str, str], now: float) -> float:
    """How far the provider's clock is ahead of ours, as far as its Date header tells."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp() - now
    except (ValueError, OverflowError):
        return 0.0


def _explained(error: Rejected, submission: Submission) -> Rejected:
    if submission.mode == "sync" and error.status == 400 and "maximum" in error.message.lower():
        hint = f"synchronous calls take {MAX_SYNC_PAGES} pages: use `mode: async`"
        return Rejected(error.message, hint=hint, status=error.status, code=TOO_LONG_FOR_SYNC)
    return error
