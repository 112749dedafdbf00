"""Reads Pulse's answers. Values in, values out; every field may be missing, null or spelled the older way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docferry.models import Json
from docferry.providers.base import JobCanceled, JobExpired, JobFailed, Pending
from docferry.providers.classify import blames_document, one_line, said_in
from docferry.providers.given import given_id, given_notes, given_number, given_whole

STATUSES = frozenset({"pending", "processing", "completed", "failed", "canceled", "cancelled", "expired"})
RESULT_KEYS = frozenset({"markdown", "content", "split_output", "schema_output", "results", "tables_output"})
ID_KEYS = ("extraction_id", "split_id", "schema_id", "tables_id")  # what later steps are sent with
NOTE_KEYS = ("extraction_url", "version", "excel_output_url")

# Under these names lies the content itself, of which a poll looks at nothing.
BULK = frozenset({
    "Text", "Title", "Header", "Footer", "Page Number", "Tables", "defined_names", "words", "chunking", "chunks",
    "footnoteReferences", "schema_output", "structured_output", "tables_output", "input_schema", "input_schemas",
    "metadata",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What a result or pointer tells besides its content."""

    outcome: Mapping[str, Json]
    pages: int | None
    credits: float | None
    warnings: tuple[str, ...]


def result_in(answer: Mapping[str, Json]) -> Mapping[str, Json] | None:
    """The result in any answer: a poll's ``result``, or the body itself when the call was synchronous."""
    if is_acknowledgement(answer):
        return None
    inner = answer.get("result")
    if isinstance(inner, dict) and not RESULT_KEYS & answer.keys():
        return inner
    return None if "status" in answer and "job_id" in answer and not RESULT_KEYS & answer.keys() else answer


def is_pointer(result: Mapping[str, Json]) -> bool:
    return result.get("is_url") is True


def is_acknowledgement(answer: Mapping[str, Json]) -> bool:
    """A job status and no result. A ``job_id`` alone proves nothing: full results carry one as well."""
    if RESULT_KEYS & answer.keys() or answer.get("result") or answer.get("is_url") is True:
        return False
    return isinstance(answer.get("status"), str) or (job_id(answer) is not None and len(answer) <= 2)


def job_id(answer: Mapping[str, Json]) -> str | None:
    return next((known for key in ("job_id", "tables_id", "jobId") if (known := given_id(answer.get(key)))), None)


def status_of(answer: Mapping[str, Json]) -> str:
    status = answer.get("status")
    word = status.strip().lower() if isinstance(status, str) else ""
    return "canceled" if word == "cancelled" else word


def ended_without_result(answer: Mapping[str, Json]) -> JobFailed | JobCanceled | JobExpired | None:
    """The end of a job that gives nothing, or None."""
    status = status_of(answer)
    if status == "failed":
        words = said_in(answer.get("error"))
        message = words.message or "the provider gave no reason"
        return JobFailed(message, words.code, retryable=not blames_document(words))
    if status == "canceled":
        return JobCanceled()
    if status == "expired":
        return JobExpired()
    return None


def pending(answer: Mapping[str, Json], retry_after_s: float | None, warnings: tuple[str, ...]) -> Pending:
    """For every status that is not an end, also one that nobody has documented yet."""
    status = status_of(answer)
    unknown = () if status in STATUSES else (one_line(f"the provider gave the job an unknown status: {status!r}"),)
    return Pending(status or "unknown", retry_after_s, (*warnings, *unknown))


def facts(result: Mapping[str, Json]) -> Facts:
    """Ids that later steps need, plan notes, pages, credits and warnings."""
    ids = {key: known for key in ID_KEYS if (known := given_id(result.get(key)))}
    notes = {key: result.get(key) for key in NOTE_KEYS} | {"plan_info": plan_info(result), "topics": topics(result)}
    return Facts(
        {**ids, **given_notes(notes)},
        given_whole(result.get("page_count")),
        given_number(result.get("credits_used")),
        _warnings(result),
    )


def plan_info(result: Mapping[str, Json]) -> Mapping[str, Json]:
    value = next((result[key] for key in ("plan_info", "plan-info", "planInfo") if result.get(key)), None)
    return value if isinstance(value, dict) else {}


def topics(result: Mapping[str, Json]) -> dict[str, Json]:
    """Page numbers by topic, from a split."""
    output = result.get("split_output")
    splits = output.get("splits") if isinstance(output, dict) else None
    return splits if isinstance(splits, dict) else {}


def _warnings(result: Mapping[str, Json]) -> tuple[str, ...]:
    given = result.get("warnings")
    lines = [one_line(said_in(line).message or str(line)) for line in given] if isinstance(given, list) else []
    if result.get("schema_error"):
        lines.append(one_line(f"schema: {result['schema_error']}"))
    if words_error := _word_boxes_error(result):
        lines.append(one_line(f"word boxes: {words_error}"))
    errors = result.get("errors")
    if isinstance(errors, dict):
        lines += [one_line(f"topic {topic}: {said_in(error).message}") for topic, error in errors.items()]
    return tuple(dict.fromkeys(lines))


def _word_boxes_error(result: Mapping[str, Json]) -> Json:
    value: Json = result
    for key in ("extensions", "altOutputs", "wlbb", "error"):
        value = value.get(key) if isinstance(value, dict) else None
    return value
