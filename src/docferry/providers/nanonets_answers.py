"""Reads Nanonets' answers. Values in, values out. ``status`` decides, never ``success``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from docferry.models import Json
from docferry.providers.answer_json import read_json
from docferry.providers.base import JobFailed
from docferry.providers.classify import blames_document, one_line, said_in
from docferry.providers.given import given_id, given_notes, given_number, given_whole

STATUSES = frozenset({"completed", "processing", "failed"})
FORMATS = ("markdown", "html", "json", "csv")
BULK = frozenset({"content", "metadata"})  # the content itself, of which a poll looks at nothing
NOTED = ("processing_time", "file_size", "created_at", "filename", "output_format")
_FENCE = re.compile(r"\s*```[a-zA-Z0-9_-]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Match:
    """One record of the listing under a name of ours."""

    record_id: str
    created_at: float


def record_id(record: Mapping[str, Json]) -> str | None:
    """The id as text; older endpoints give numbers, the classification page calls it ``file_id``."""
    return next((known for key in ("record_id", "file_id") if (known := given_id(record.get(key)))), None)


def status_of(record: Mapping[str, Json]) -> str:
    status = record.get("status")
    return status.strip().lower() if isinstance(status, str) else ""


def failure(record: Mapping[str, Json]) -> JobFailed:
    words = said_in(record.get("message") or record.get("error") or record.get("detail"))
    message = words.message or "the provider gave no reason"
    return JobFailed(message, words.code, retryable=not blames_document(words))


def result_of(record: Mapping[str, Json]) -> Mapping[str, Json]:
    result = record.get("result")
    return result if isinstance(result, dict) else {}


def contents(record: Mapping[str, Json]) -> dict[str, Json]:
    """Content by format, of those formats that are populated."""
    result = result_of(record)
    entries = {name: _content(result[name]) for name in FORMATS if name in result}
    return {name: content for name, content in entries.items() if content is not None}


def _content(entry: Json) -> Json:
    return entry.get("content") if isinstance(entry, dict) else entry


def metadata(record: Mapping[str, Json]) -> dict[str, Json]:
    """Boxes and scores by format."""
    result = result_of(record)
    found = {name: result[name].get("metadata") for name in FORMATS if isinstance(result.get(name), dict)}
    return {name: value for name, value in found.items() if value}


def asked_formats(record: Mapping[str, Json]) -> list[str]:
    text = record.get("output_format")
    return [word.strip() for word in text.split(",") if word.strip()] if isinstance(text, str) else []


def missing_formats(record: Mapping[str, Json]) -> list[str]:
    given = contents(record)
    return [name for name in asked_formats(record) if name in FORMATS and name not in given]


def json_content(content: Json) -> Json:
    """JSON content as a value: a string is parsed, after a code fence was taken away. AnswerFault if it is not JSON."""
    if not isinstance(content, str):
        return content
    fenced = _FENCE.fullmatch(content)
    return read_json((fenced[1] if fenced else content).encode("utf-8", "replace"))


def notes(record: Mapping[str, Json]) -> dict[str, Json]:
    """What else the record says of the run, for ``why`` and the receipt."""
    return given_notes({key: record.get(key) for key in NOTED})


def pages(record: Mapping[str, Json]) -> int | None:
    counts = (given_whole(record.get(key)) for key in ("pages_processed", "total_pages"))
    return next((count for count in counts if count is not None), None)


def classified(answer: Mapping[str, Json]) -> Mapping[str, Json] | None:
    """The file result of a classification, wherever the answer has it."""
    results = answer.get("results")
    inner = answer.get("result")
    nested = inner.get("classification") if isinstance(inner, dict) else None
    for candidate in (answer, inner, nested, results[0] if isinstance(results, list) and results else None):
        if isinstance(candidate, dict) and isinstance(candidate.get("pages"), list):
            return candidate
    return None


def class_outcome(file_result: Mapping[str, Json]) -> dict[str, Json]:
    """``class``: the category of most pages, of equals the one that comes first; ``classes``: all, in page order."""
    found = [page for page in file_result.get("pages") or () if isinstance(page, dict) and page.get("category")]
    categories = [str(page["category"]) for page in found]
    if not categories:
        return {}
    winner = Counter(categories).most_common(1)[0][0]
    of_winner = (given_number(page.get("confidence")) for page in found if str(page["category"]) == winner)
    scores = [score for score in of_winner if score is not None]
    lowest = {"class_confidence": min(scores)} if scores else {}
    return given_notes({"class": winner, "classes": list(dict.fromkeys(categories)), **lowest})


def moment(text: Json) -> float | None:
    """``created_at`` as Unix seconds; without an offset it is UTC."""
    if not isinstance(text, str):
        return None
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def matches(records: Iterable[Json], names: Sequence[str]) -> list[Match]:
    """Records that carry one of ``names`` exactly."""
    found = []
    for record in records:
        if isinstance(record, dict) and record.get("filename") in names:
            known = record_id(record)
            if known is not None:
                found.append(Match(known, moment(record.get("created_at")) or 0.0))
    return found


def oldest(records: Iterable[Json]) -> float | None:
    moments = [moment(record.get("created_at")) for record in records if isinstance(record, dict)]
    return min((value for value in moments if value is not None), default=None)


def renamed(record: Mapping[str, Json], upload_name: str) -> tuple[str, ...]:
    """A warning when the record is not called what we sent: lost submissions could then not be found again."""
    name = record.get("filename")
    if not isinstance(name, str) or not name or name == upload_name:
        return ()
    return (one_line(f"the provider renamed the upload {upload_name} to {name}: a lost answer could not be settled"),)
