"""What a step sends: pure functions from the document's row and its earlier steps to one submission."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from docferry.config.models import InboxConfig, ProviderConfig
from docferry.models import Document, Json, Plan, Step, StepPlan, StepState
from docferry.providers.base import Upload

_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")

LINK_EXTENSIONS = frozenset({".url", ".webloc"})

SENT_TO = "sent_to"
"""The fact that a person chose the provider (``docferry send --provider``), whatever the rules say."""

UPLOADING = frozenset({"extract", "classify"})  # endpoints that take the document itself


def plan_of(document: Document) -> Plan:
    """The plan of a routed document; the pipeline never asks before routing."""
    assert document.plan is not None
    return document.plan


def planned_step(document: Document) -> StepPlan:
    return plan_of(document).steps[document.step]


def current_step(document: Document, steps: Sequence[Step]) -> Step | None:
    """The row of the step the document is at, if it has one in this run."""
    return next((step for step in steps if step.index == document.step), None)


def intend(document: Document, existing: Step | None, mode: str, now: float, *, resend: bool) -> Step:
    """The step's row as it must be on disk before a request leaves.

    ``resend`` repeats a submission under the same idempotency key and upload name: one that was refused, or one
    whose outcome is unknown at a provider that honours the key. Anything else is a deliberate submission with a
    key and name of its own.
    """
    planned = planned_step(document)
    if existing is not None and resend:
        return replace(existing, state=StepState.SUBMITTING, mode=mode, intent_at=now, error=None)
    attempt = existing.attempt + 1 if existing is not None else 1
    key = f"{document.id}-{document.run}-{document.step}-{attempt}"
    return Step(
        document_id=document.id,
        run=document.run,
        index=document.step,
        endpoint=planned.endpoint,
        provider=document.provider or plan_of(document).provider,
        state=StepState.SUBMITTING,
        options=planned.options,
        idempotency_key=key,
        upload_names=(*(existing.upload_names if existing else ()), upload_name(key, document.path)),
        attempt=attempt,
        mode=mode,
        # Where an answer was lost, the listing is searched from the first intent on.
        intent_at=existing.intent_at if existing and existing.lost_answers else now,
        lost_answers=existing.lost_answers if existing else 0,
        lost_jobs=existing.lost_jobs if existing else 0,
    )


def upload_name(key: str, path: str) -> str:
    """A short ASCII name that is unique to the submission and keeps the extension: it can be found in a listing."""
    extension = PurePosixPath(path).suffix.lower()
    return key + (extension if _EXTENSION.fullmatch(extension) else "")


def inputs(steps: Sequence[Step], before: int) -> Mapping[str, Json]:
    """The ids that earlier steps gave (``extraction_id``, ``split_id`` …), the latest of each name."""
    merged: dict[str, Json] = {}
    for step in sorted(steps, key=lambda step: step.index):
        if step.index < before and step.state is StepState.DONE:
            merged |= dict(step.outcome)
    return merged


def answer_name(step: Step) -> str:
    """The file in the work folder that holds the step's stored answer; hidden, so that it never meets the original."""
    return f".docferry.{step.run}-{step.index}-{step.attempt}.answer.json"


def job_timeout_s(document: Document, provider: ProviderConfig) -> float:
    """How long a job may take: what its rule says, else what its provider does."""
    own = plan_of(document).job_timeout_s
    return own if own is not None else provider.job_timeout_s


def make_upload(document: Document, progress: Callable[[int], None]) -> Upload:
    media_type = document.media_type or "application/octet-stream"
    return Upload(Path(document.work_path), document.size_bytes, media_type, progress)


def is_link(path: str, inbox: InboxConfig, plan: Plan) -> bool:
    """Whether the file at ``path`` only says where the document is, and rule or inbox takes such files."""
    taken = inbox.links if plan.links is None else plan.links
    return taken and PurePosixPath(path).suffix.lower() in LINK_EXTENSIONS


def plan_fingerprint(plan: Plan) -> str:
    """Equal for plans that would send the same request and deliver the same formats."""
    essence = repr(
        (plan.provider, [(step.endpoint, sorted(step.options.items(), key=str)) for step in plan.steps], plan.formats)
    )
    return hashlib.sha256(essence.encode("utf-8", "surrogateescape")).hexdigest()
