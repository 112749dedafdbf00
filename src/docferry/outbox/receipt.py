"""The receipt: the small JSON file that says a set of results is complete, and how it came about. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from docferry.clock import iso
from docferry.models import Document, Json, Step, display

RECEIPT_SUFFIX = ".receipt.json"
RECEIPT_VERSION = 1


def make_receipt(
    document: Document, steps: Sequence[Step], *, delivered_at: float, missing: Sequence[str] = ()
) -> dict[str, Json]:
    """Everything the receipt says but ``outputs``, which delivery fills in from what it wrote.

    ``steps`` are those of the document's present run, in order; ``missing`` names asked-for formats that the
    provider did not give. Times are ISO 8601 in UTC.
    """
    warnings = [*document.warnings, *(warning for step in steps for warning in step.warnings), *missing]
    accepted = [step.accepted_at for step in steps if step.accepted_at is not None]
    completed = [step.completed_at for step in steps if step.completed_at is not None]
    credits = [step.credits for step in steps if step.credits is not None]
    return {
        "receipt": RECEIPT_VERSION,
        "document": document.id,
        "run": document.run,
        **original_facts(document),
        "rule": document.plan.rule if document.plan else None,
        "rules_hash": document.plan.rules_hash if document.plan else None,
        "provider": document.provider or (document.plan.provider if document.plan else None),
        "job_ids": [step.job_id for step in steps if step.job_id is not None],
        "seen_at": iso(document.seen_at),
        "claimed_at": iso(document.claimed_at),
        "accepted_at": iso(min(accepted, default=None)),
        "completed_at": iso(max(completed, default=None)),
        "delivered_at": iso(delivered_at),
        "attempts": sum(step.attempt for step in steps),
        "credits": sum(credits) if credits else None,
        "partial": document.partial,
        "warnings": list(dict.fromkeys(warnings)),
        "steps": [step_facts(step) for step in steps],
        "outputs": [],
    }


def original_facts(document: Document) -> dict[str, Json]:
    """What a receipt and an error file say of the original. A name that is not text is also given as bytes."""
    name = document.path.rpartition("/")[2]
    facts: dict[str, Json] = {
        "inbox": document.inbox,
        "path": display(document.path),
        "name": display(name),
        "sha256": document.sha256,
        "bytes": document.size_bytes,
        "pages": document.pages,
        "media_type": document.media_type,
    }
    if display(document.path) != document.path:
        facts["path_bytes_hex"] = os.fsencode(document.path).hex()
    return facts


def step_facts(step: Step) -> dict[str, Json]:
    """One call of one endpoint, as a receipt and an error file show it."""
    return {
        "endpoint": step.endpoint,
        "provider": step.provider,
        "state": step.state.value,
        "mode": step.mode,
        "job_id": step.job_id,
        "attempt": step.attempt,
        "submitted_at": iso(step.intent_at),
        "accepted_at": iso(step.accepted_at),
        "completed_at": iso(step.completed_at),
        "polls": step.polls,
        "lost_answers": step.lost_answers,
        "pages": step.pages,
        "credits": step.credits,
        "sent_bytes": step.sent_bytes,
        "sent_sha256": step.sent_sha256,
        "warnings": list(step.warnings),
        "notes": dict(step.outcome),
        "error": step.error,
    }


def to_bytes(content: Mapping[str, Json]) -> bytes:
    """JSON for people and machines: indented, UTF-8, strict (NaN is an error), with a final newline."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )
