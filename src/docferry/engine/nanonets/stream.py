"""``POST /extract/stream``: a job's life as server-sent events.

Every ``data:`` payload is JSON, since clients parse them all: there is no ``[DONE]``. A stream that breaks off without
``done``, ``error`` or ``async_queued`` says nothing about the job, which goes on and can be polled.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from docferry.engine.answers import encode
from docferry.engine.errors import Refusal
from docferry.engine.nanonets.calls import Call, result_of
from docferry.engine.nanonets.options import ExtractForm
from docferry.engine.nanonets.refusals import Json
from docferry.engine.nanonets.shapes import message, processing_time_s
from docferry.engine.records import Job, JobStatus

PIECE_LENGTH = 2000
KEEP_ALIVE_S = 10.0
MODEL = "docferry-engine"
COMMENT = b": working\n\n"


async def events(call: Call, job: Job, form: ExtractForm) -> AsyncIterator[bytes]:
    """The stream's lines until the job has ended, or is known to be too long to wait for."""
    mode = "pieces" if form.streams_pieces else "complete"
    yield event("metadata", model=MODEL, streaming_mode=mode, record_id=job.id)
    try:
        async for line, is_last in waiting_events(call, job):
            yield line
            if is_last:
                return
        ended = await call.runtime.jobs.ended(job.id)
        outputs = json.loads(await result_of(call, ended)) if ended.status is JobStatus.COMPLETED else None
    except Refusal:  # the server stops, or the result went: nothing can be said about the job
        return
    if outputs is None:
        yield event("error", error=message(ended), record_id=job.id)
        return
    for line in output_events(outputs, in_pieces=form.streams_pieces):
        yield line
    yield event("done", record_id=job.id, processing_time=processing_time_s(ended))


async def waiting_events(call: Call, job: Job) -> AsyncIterator[tuple[bytes, bool]]:
    """What can be said while the job goes on; True with the event that ends the stream before the job has ended."""
    jobs = call.runtime.jobs
    is_told = False
    while (current := jobs.find(job.id)) is not None and not current.status.has_ended:
        total_pages = jobs.announced_pages(job.id)
        if total_pages is not None and total_pages > call.runtime.settings.limits.stream_pages:
            yield event("async_queued", record_id=job.id, total_pages=total_pages), True
        elif total_pages is not None and not is_told:
            is_told = True
            yield event("progress", progress=0, message=f"{total_pages} pages"), False
        elif not await jobs.changed(job.id, KEEP_ALIVE_S):
            yield COMMENT, False


def output_events(outputs: Mapping[str, Json], *, in_pieces: bool) -> Iterator[bytes]:
    """The output, one format after the other: in pieces to be appended, or all at once."""
    if not in_pieces:
        contents = {name: part["content"] for name, part in outputs.items()}
        yield event("complete", data=next(iter(contents.values())) if len(contents) == 1 else contents)
        return
    for name, part in outputs.items():
        content = part["content"]
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        for start in range(0, len(text), PIECE_LENGTH):
            yield event("content", data=text[start : start + PIECE_LENGTH], format=name)


def event(kind: str, **values: Any) -> bytes:
    return event_of({"type": kind, **values})


def event_of(value: Json) -> bytes:
    return b"data: " + encode(value) + b"\n\n"
