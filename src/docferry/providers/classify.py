"""From an HTTP answer or a broken transfer to the error the pipeline acts on. Values in, errors out.

The question behind every line: may this call have been accepted (and be paid for), whose trouble is it, and
does waiting help?
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

from docferry.errors import (
    Ambiguous,
    JobUnknown,
    Parked,
    ProviderError,
    Rejected,
    ResultGone,
    Unavailable,
)
from docferry.models import Json
from docferry.providers.answer_json import AnswerFault, looks_like_html, read_json
from docferry.providers.base import ProviderHealth

MAX_WAIT_S = 86_400.0  # a provider that asks for more is asked again after a day
MESSAGE_CHARACTERS = 300
CODE_CHARACTERS = 60

# Cloudflare's codes for "the origin was never reached": the request was certainly not accepted.
ORIGIN_NEVER_REACHED = frozenset({521, 523, 525, 526})

# Nanonets answers 429 for four reasons, told apart by text alone (contract, 1.4).
RETIRED_WORDS = re.compile(r"deprecat|migrate", re.IGNORECASE)
QUOTA_WORDS = re.compile(r"daily|month|quota|credit|balance|insufficient", re.IGNORECASE)


class Call(StrEnum):
    """What a request was for: that decides what its failure means."""

    SUBMIT = "submit"  # starts work that is paid for
    READ = "read"  # of a job
    FETCH = "fetch"  # of a large result, whose link works once
    LOOK = "look"  # at something that is no job: a listing, a health check


@dataclass(frozen=True, slots=True)
class Answer:
    """The facts of an answer that is not 2xx."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # its beginning

    @property
    def is_html(self) -> bool:
        return "html" in self.headers.get("content-type", "") or looks_like_html(self.body[:512].lstrip())


@dataclass(frozen=True, slots=True)
class Said:
    """What the provider says went wrong."""

    code: str | None
    message: str

    @property
    def family(self) -> str:
        return (self.code or "").partition("_")[0].upper()


def said(answer: Answer) -> Said:
    """Reads every known error body: Pulse's, FastAPI's (``detail`` as text or list), plain text, a proxy's page."""
    if answer.is_html:
        title = re.search(rb"<title[^>]*>(.*?)</title>", answer.body, re.IGNORECASE | re.DOTALL)
        return Said(None, one_line(f"an HTML page: {_text(title[1])}" if title else "an HTML page"))
    try:
        value = read_json(answer.body)
    except AnswerFault:
        return Said(None, one_line(_text(answer.body)))
    return said_in(value)


def said_in(value: Json) -> Said:
    """The same for a decoded body, or for the ``error`` of a failed job."""
    if isinstance(value, str):
        return Said(None, one_line(value))
    if not isinstance(value, dict):
        return Said(None, one_line(str(value)) if value else "")
    inner = next((value[key] for key in ("error", "detail", "message") if value.get(key)), None)
    code = value.get("code")
    if isinstance(inner, dict):
        nested = said_in(inner)
        return Said(nested.code or _code(code), nested.message)
    if isinstance(inner, list):
        return Said(None, one_line("; ".join(_validation_line(entry) for entry in inner[:5])))
    message = inner if inner is not None else value.get("msg", "")
    return Said(_code(code), one_line(str(message)))


def _code(value: Json) -> str | None:
    return one_line(str(value))[:CODE_CHARACTERS] if value else None


def _validation_line(entry: Json) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    place = entry.get("loc")
    where = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    return f"{where}: {entry.get('msg', entry)}" if where else str(entry.get("msg", entry))


def one_line(text: str) -> str:
    """``text`` as one printable line of bounded length: it comes from a stranger and will be shown."""
    words = "".join(character if character.isprintable() else " " for character in text[:5000]).split()
    line = " ".join(words)
    return line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 1] + "…"


def _text(data: bytes) -> str:
    return data[:5000].decode("utf-8", "replace")


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """The wait that the provider asks for.

    Read are ``retry-after-ms``, ``Retry-After`` (seconds or date) and ``X-RateLimit-Reset``, in this order.
    Zero and unreadable values are no wish, as in the vendors' own clients.
    """
    for wish in (_milliseconds(headers), _retry_after(headers, now), _rate_limit_reset(headers, now)):
        if wish is not None and wish > 0:
            return min(wish, MAX_WAIT_S)
    return None


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\s*\d{1,15}(\.\d{1,9})?\s*", text) else None


def _milliseconds(headers: Mapping[str, str]) -> float | None:
    value = _number(headers.get("retry-after-ms"))
    return None if value is None else value / 1000


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _rate_limit_reset(headers: Mapping[str, str], now: float) -> float | None:
    value = _number(headers.get("x-ratelimit-reset"))
    if value is None:
        return None
    # Documented as Unix seconds; many servers give the seconds that are left instead.
    return value - now if value > 1e9 else value


def deprecation_notes(headers: Mapping[str, str]) -> tuple[str, ...]:
    """One line for each header by which a provider announces that a call will go away."""
    notes = []
    if "deprecation" in headers or "sunset" in headers:
        parts = [f"{name}: {headers[name]}" for name in ("deprecation", "sunset") if name in headers]
        notes.append(one_line("the provider announces that this call will go away (" + ", ".join(parts) + ")"))
    warning = headers.get("warning", "")
    if warning.lstrip().startswith("299"):
        notes.append(one_line(f"the provider warns: {warning}"))
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about the call that failed. The dialect fills in what it means, the client the rest."""

    call: Call
    provider: str = ""
    path: str = ""  # for the message: method and path, without query
    now: float = 0.0
    complete: bool = True  # the request's last byte was handed to the network
    by_id: bool = False  # the request names something made earlier, which may be unknown
    synchronous: bool = False  # the answer to this submission is the result itself
    quota_words: re.Pattern[str] | None = None  # dialects whose 429 must be told apart by its text
    permanent_words: re.Pattern[str] | None = None

    def message(self, answer: Answer, text: str) -> str:
        return f"{self.provider}: {self.path} answered {answer.status}" + (f": {text}" if text else "")


def refusal(answer: Answer, context: Context) -> ProviderError:
    """The error for an answer that is not 2xx."""
    words = said(answer)
    message = context.message(answer, f"{words.code}: {words.message}" if words.code else words.message)
    status, code = answer.status, words.code
    wait_s = retry_after_s(answer.headers, context.now)
    if _is_gone(status, words, context.call):
        hint = "the link worked once or has expired; extracting again is billed again"
        return ResultGone(message, hint=hint, status=status, code=code)
    if status in (401, 403, 407) or words.family in ("AUTH", "BILLING") or status == 402:
        return Parked(
            message, hint=_park_hint(status, words), status=status, code=code, retry_after_s=wait_s, needs_person=True
        )
    if status == 429:
        return _throttled(message, code, wait_s, words, context)
    if status in (300, 301, 302, 303, 307, 308):
        hint = "redirects are not followed; correct the provider's url"
        return Parked(message, hint=hint, status=status, needs_person=True)
    if status >= 500 or status in (408, 409, 425):
        return _server_trouble(message, status, code, wait_s, context)
    if status in (405, 501) or (answer.is_html and status != 413):
        hint = "this does not look like the provider's API; check its url and any proxy in between"
        return Parked(message, hint=hint, status=status, needs_person=True)
    if status == 404 and context.call is Call.READ:
        return JobUnknown(message, status=status, code=code)
    return _rejected(message, status, words, context)


def _is_gone(status: int, words: Said, call: Call) -> bool:
    if call is Call.FETCH:  # storage services answer an expired link with 403
        return status in (404, 410) or (status == 403 and words.family != "AUTH")
    return call is Call.READ and status == 410


def _park_hint(status: int, words: Said) -> str:
    if status == 407:
        return "the proxy wants a login: put it into the provider's proxy setting"
    if words.family == "BILLING" or status == 402:
        return "top up or raise the account's limit; work goes on by itself afterwards"
    if status == 403:
        return "the key may not do this; check its permissions at the provider"
    return "check the provider's key"


def _throttled(message: str, code: str | None, wait_s: float | None, words: Said, context: Context) -> ProviderError:
    if context.permanent_words and context.permanent_words.search(words.message):
        hint = "this endpoint is retired; check the provider's url"
        return Parked(message, hint=hint, status=429, code=code, needs_person=True)
    if context.quota_words and context.quota_words.search(words.message):
        hint = "a quota is used up; raise it or wait until it is renewed"
        return Parked(message, hint=hint, status=429, code=code, retry_after_s=wait_s, needs_person=True, renews=True)
    return Unavailable(message, status=429, code=code, retry_after_s=wait_s, throttled=True)


def _server_trouble(
    message: str, status: int, code: str | None, wait_s: float | None, context: Context
) -> ProviderError:
    throttled = status == 503
    if status == 501:
        return Parked(message, hint="check the provider's url", status=status, needs_person=True)
    # A 503 that says when to come back is a refusal (RFC 9110, 15.6.4); without it nobody knows.
    refused = (
        not context.complete or status in ORIGIN_NEVER_REACHED or status == 425 or (throttled and wait_s is not None)
    )
    if context.call is Call.SUBMIT and not refused:
        return Ambiguous(message, hint="it may have been accepted all the same", status=status, code=code)
    return Unavailable(message, status=status, code=code, retry_after_s=wait_s, throttled=throttled)


def _rejected(message: str, status: int, words: Said, context: Context) -> ProviderError:
    code = words.code
    if status == 404 and context.call is Call.SUBMIT and not context.by_id:
        hint = "the provider does not have this endpoint; check its url"
        return Parked(message, hint=hint, status=status, code=code, needs_person=True)
    if status == 404 and context.by_id:
        hint = "the provider no longer has what an earlier step made; `retry` runs the document again from the start"
        return Rejected(message, hint=hint, status=status, code=code)
    if context.call is Call.SUBMIT and not context.by_id and words.message:  # what a person must know comes first
        where = f"{context.path}: {status}" + (f" {code}" if code else "")
        message = f"{context.provider} refuses the document: {words.message} ({where})"
    remedy = "the file is too large for this provider" if status == 413 else None
    return Rejected(message, hint=remedy, status=status, code=code)


def unusable(fault: AnswerFault, context: Context, status: int) -> ProviderError:
    """The error for a 2xx answer that cannot be read."""
    message = f"{context.provider}: {context.path} answered {status} with {fault}"
    # A finished answer that is bad in itself would be bad, and paid for, every time.
    if context.call is Call.SUBMIT and (fault.passing or not context.synchronous):
        return Ambiguous(message, hint="it was accepted, but its answer is lost", status=status, code=fault.code)
    if fault.passing:
        return Unavailable(message, status=status, code=fault.code)
    return Rejected(message, hint="the same request would give the same answer", status=status, code=fault.code)


def health(error: ProviderError) -> ProviderHealth:
    """What a health check that was refused tells about the provider."""
    if error.status in (401, 403):
        return ProviderHealth(True, False, str(error))
    if isinstance(error, JobUnknown):
        return ProviderHealth(True, True, "answers, and takes the key")
    down = error.status is None or error.status >= 500
    return ProviderHealth(error.status is not None, None, str(error), down)


_DOCUMENT_WORDS = re.compile(
    r"corrupt|damaged|password|encrypt|unsupported|not supported|invalid|empty|no pages|page range|too (large|many|big)"
    r"|malformed|cannot be (read|opened)|could not be (read|opened)|no matching|exceeds|maximum"
    r"|content is no|is not a|defect",
    re.IGNORECASE,
)
_DOCUMENT_FAMILIES = frozenset({"FILE", "REQ", "SCHEMA", "BILLING"})


def blames_document(words: Said) -> bool:
    """Whether a failed job's reason lies in the document or the request, so that a second run would fail alike."""
    return words.family in _DOCUMENT_FAMILIES or _DOCUMENT_WORDS.search(words.message) is not None
