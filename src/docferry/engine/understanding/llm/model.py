"""A language model behind an OpenAI-compatible server: one call, with limits on time and size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docferry.engine.understanding.answers import Json
from docferry.engine.understanding.llm.errors import LanguageModelError

if TYPE_CHECKING:
    import httpx

_CONNECT_TIMEOUT_S = 10.0
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Where a model is and what may be spent on one answer. Its key shows in no representation of it."""

    url: str  # the base, such as http://localhost:11434/v1
    model: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = 120.0  # for a whole answer, however slowly it comes
    max_answer_bytes: int = 4_000_000
    max_document_characters: int = 60_000  # of one question; longer documents are asked about in parts

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("the language model's url must begin with http:// or https://")


def complete(
    llm: LanguageModel,
    messages: Sequence[Mapping[str, Any]],
    *,
    wants_json: bool = False,
    options: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Json]:
    """The server's whole completion object. Raises ``LanguageModelError`` for anything but one.

    Redirects are not followed: they could carry the key and the document to another host.
    """
    import httpx  # here, since nearly all workers live without a model

    body: dict[str, Any] = {"model": llm.model, "messages": list(messages), "stream": False, **(options or {})}
    if wants_json:
        body |= {"response_format": {"type": "json_object"}, "temperature": 0}
    headers = {"Accept-Encoding": "identity"}  # a packed answer could unpack to any size
    if llm.key:
        headers["Authorization"] = f"Bearer {llm.key}"
    deadline = clock() + llm.timeout_s
    timeout = httpx.Timeout(llm.timeout_s, connect=min(_CONNECT_TIMEOUT_S, llm.timeout_s))
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", llm.url.rstrip("/") + "/chat/completions", json=body, headers=headers) as response,
        ):
            raw = _read_within(response, llm, deadline, clock)
            status = response.status_code
    except httpx.TimeoutException as error:
        raise LanguageModelError(f"the language model did not answer within {llm.timeout_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LanguageModelError(f"the language model cannot be reached: {type(error).__name__}") from error
    if status != httpx.codes.OK:
        raise LanguageModelError(f"the language model's server answered with status {status}")
    return _completion(raw)


def _read_within(response: httpx.Response, llm: LanguageModel, deadline: float, clock: Callable[[], float]) -> bytes:
    received = bytearray()
    for chunk in response.iter_bytes():
        received += chunk
        if len(received) > llm.max_answer_bytes:
            raise LanguageModelError(f"the language model's answer is larger than {llm.max_answer_bytes} bytes")
        if clock() > deadline:  # httpx limits the wait for each piece only, and a server may send many small ones
            raise LanguageModelError(f"the language model did not answer within {llm.timeout_s:g} s")
    return bytes(received)


def _completion(raw: bytes) -> dict[str, Json]:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise LanguageModelError("the language model's server sent no JSON") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("choices"), list) or not answer["choices"]:
        raise LanguageModelError("the language model's server sent no completion")
    return answer


def text_of(completion: Mapping[str, Json]) -> str:
    """The text of a completion's first choice."""
    choice = completion["choices"][0]
    message = choice.get("message") if isinstance(choice, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str) or not content.strip():
        raise LanguageModelError("the language model sent an empty answer")
    return content


def json_of(text: str) -> Json:
    """The JSON value in a model's answer, with or without a code fence around it."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.split("\n", 1)[-1].rsplit("```", 1)[0]
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError):
        start, end = stripped.find("{"), stripped.rfind("}")
    try:
        return json.loads(stripped[start : end + 1])
    except (ValueError, RecursionError) as error:
        shown = " ".join(text.split())[:_MAX_SHOWN]
        raise LanguageModelError(f"the language model's answer is not JSON, it begins: {shown}") from error
