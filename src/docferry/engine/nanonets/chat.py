"""``POST /v1/chat/completions``: a conversation about documents, through the configured language model."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from docferry.engine.answers import JsonResponse
from docferry.engine.errors import Refusal, refusal_of
from docferry.engine.fetch import source_at
from docferry.engine.nanonets import shapes
from docferry.engine.nanonets.calls import ERRORS, Call, enter, result_of
from docferry.engine.nanonets.refusals import invalid, problem
from docferry.engine.nanonets.stream import event_of
from docferry.engine.openapi import json_body
from docferry.engine.records import Source
from docferry.engine.uploads import decode_base64, receive_body

router = APIRouter(prefix="/v1/chat", tags=["Nanonets"])
BODY_BYTES = 96 * 1024 * 1024  # a data URL of 64 MB as base64


class Location(BaseModel):
    url: str = Field(min_length=1)


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ImagePart(BaseModel):
    type: Literal["image_url"]
    image_url: Location


class FilePart(BaseModel):
    type: Literal["file_url"]
    file_url: Location


class Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str | list[Annotated[TextPart | ImagePart | FilePart, Field(discriminator="type")]]


class ChatRequest(BaseModel):
    """Further fields that the model's server knows, such as ``temperature``, are passed on."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False


@router.post(
    "/completions", responses={200: {"model": shapes.Completion}, **ERRORS}, openapi_extra=json_body(ChatRequest)
)
async def completions(request: Request) -> Response:
    """An OpenAI-style completion. Documents behind `file_url` are extracted here and shown to the model as text."""
    call = enter(request)
    wanted = read_request(await receive_body(request, BODY_BYTES))
    if call.runtime.settings.llm is None:
        raise Refusal("GENERAL_403", "chat needs a language model, and none is configured for this engine (engine.llm)")
    with ExitStack() as unclaimed:
        messages, sources = await with_sources(call, wanted, unclaimed)
        details = {"messages": messages, "options": wanted.model_extra or {}}
        accepted = await call.runtime.jobs.submit(call.new_job("nanonets.chat", details, sources))
    completion = await completed(call, accepted.id)
    if wanted.stream:
        return StreamingResponse(chunks(completion), media_type="text/event-stream")
    return JsonResponse(completion)


def read_request(body: bytes) -> ChatRequest:
    try:
        return ChatRequest.model_validate(json.loads(body))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        raise invalid({**entry, "loc": ["body", *entry["loc"]]} for entry in problems) from error
    except (ValueError, RecursionError) as error:
        raise invalid([problem("body", "is not valid JSON", "value_error.jsondecode")]) from error


async def with_sources(call: Call, wanted: ChatRequest, unclaimed: ExitStack) -> tuple[list[Any], list[Source]]:
    """The messages with each document's place among the sources instead of its URL, and the sources."""
    sources: list[Source] = []
    messages = []
    for message in wanted.messages:
        content: Any = message.content
        if not isinstance(message.content, str):
            content = [await prepared(call, part, sources, unclaimed) for part in message.content]
        messages.append({"role": message.role, "content": content})
    return messages, sources


async def prepared(
    call: Call, part: TextPart | ImagePart | FilePart, sources: list[Source], unclaimed: ExitStack
) -> dict[str, Any]:
    """The part as a worker takes it; its document, if it has one, is appended to ``sources``."""
    if isinstance(part, TextPart):
        return part.model_dump()
    url = part.image_url.url if isinstance(part, ImagePart) else part.file_url.url
    sources.append(await source_of_url(call, url, unclaimed))
    return {"type": part.type, "input": len(sources) - 1}


async def source_of_url(call: Call, url: str, unclaimed: ExitStack) -> Source:
    """A document behind a URL, or inside a data URL."""
    if not url.startswith("data:"):
        return source_at(url)
    encoded, path = (call.runtime.incoming / uuid.uuid4().hex for _ in range(2))
    for leftover in (encoded, path):
        unclaimed.callback(leftover.unlink, missing_ok=True)
    await asyncio.to_thread(encoded.write_text, url, encoding="utf-8")
    try:
        size_bytes = await asyncio.to_thread(decode_base64, encoded, path)
    except ValueError:
        raise invalid([problem("messages", "a data URL is not base64")]) from None
    return Source("document", path=path, size_bytes=size_bytes)


async def completed(call: Call, job_id: str) -> dict[str, Any]:
    job = await call.runtime.jobs.ended(job_id)
    if job.failure is not None:
        raise refusal_of(job.failure)
    completion = json.loads(await result_of(call, job))
    assert isinstance(completion, dict)
    return completion


async def chunks(completion: dict[str, Any]) -> AsyncIterator[bytes]:
    for chunk in shapes.completion_chunks(completion):
        yield event_of(chunk)
