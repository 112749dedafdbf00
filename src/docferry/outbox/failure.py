"""The error file beside a failed original: what happened, why, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from docferry.clock import iso
from docferry.models import Document, Json, Step
from docferry.outbox.names import safe_path, with_suffix
from docferry.outbox.receipt import original_facts, step_facts

ERROR_SUFFIX = ".error.json"
ERROR_VERSION = 1


def make_error(document: Document, steps: Sequence[Step], *, failed_at: float) -> dict[str, Json]:
    """Says of a failed document what failed, why, and how to bring it back; ``steps`` as for a receipt."""
    plan = document.plan
    return {
        "error": ERROR_VERSION,
        "document": document.id,
        "run": document.run,
        **original_facts(document),
        "what": _what(document, steps),
        "why": document.error or "no reason was recorded",
        "what_to_do": document.error_hint or "mend or replace the file, then try again",
        "how_to_retry": f"move the file back into the inbox, or run: docferry retry {document.id}",
        "rule": plan.rule if plan else None,
        "provider": document.provider or (plan.provider if plan else None),
        "job_ids": [step.job_id for step in steps if step.job_id is not None],
        "seen_at": iso(document.seen_at),
        "failed_at": iso(failed_at),
        "attempts": sum(step.attempt for step in steps) or document.attempts,
        "partial": document.partial,
        "results": document.output_base if document.partial else None,
        "warnings": list(document.warnings),
        "steps": [step_facts(step) for step in steps],
    }


def reason_path(document: Document, failed: Path) -> Path | None:
    """Where the error file of a failed or canceled document was written; None while it was not put away.

    Beside the original, or, where that stays in its inbox, under its path below ``failed``.
    """
    if document.original_at is None:
        return None
    original = Path(document.original_at)
    if document.original_at == document.work_path:
        original = failed / safe_path(document.path)
    return original.with_name(with_suffix(original.name, ERROR_SUFFIX))


def _what(document: Document, steps: Sequence[Step]) -> str:
    failed = next((step for step in reversed(steps) if step.error is not None), None)
    if failed is None:
        return "the document was not sent" if not steps else "the document failed"
    return f"step {failed.index + 1} ({failed.endpoint} at {failed.provider}) failed"
