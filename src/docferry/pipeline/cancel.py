"""Giving up a job that a provider has: it is told, then believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from docferry.errors import ProviderError
from docferry.failpoints import failpoint
from docferry.models import Document, DocumentState, Step, StepState
from docferry.pipeline.context import Context, Service

CANCEL_SENT_AT = "cancel_sent_at"  # kept in the step's outcome

PATIENCE_S = 30.0
"""How long a job that was told to stop is polled for the truth; then the document ends, whatever the job does."""


async def cancel_job(context: Context, service: Service, document: Document, step: Step) -> Document | None:
    """The document's end, or its next version with the provider told; None when the poll shall tell the truth."""
    now = context.clock.now()
    sent_at = step.outcome.get(CANCEL_SENT_AT)
    if sent_at is not None:
        if now - sent_at <= PATIENCE_S:
            return None
        return await end_canceled(context, document, step, "canceled; the provider was told, its job may still run")
    assert step.job_id is not None  # looked at by ``poll``
    try:
        answer = await service.provider.cancel(step.job_id)
    except ProviderError as error:
        return await end_canceled(context, document, step, f"canceled; the provider could not be told: {error}")
    failpoint("cancel.told")
    if not answer.requested:
        return await end_canceled(context, document, step, f"canceled; {answer.note}")
    return await context.commit(
        context.change(
            document,
            "provider told to stop",
            {"job": step.job_id, "note": answer.note or None},
            steps=(replace(step, outcome={**step.outcome, CANCEL_SENT_AT: now}),),
            due_at=now,
        )
    )


def came_too_late(document: Document) -> dict[str, Any]:
    """What changes when the job was done before it could be stopped: its result is paid for, so it is kept."""
    warning = "the cancel came too late: the job was done and is paid for, so its result is delivered"
    return {"cancel_requested": False, "warnings": (*document.warnings, warning)}


async def tell_to_stop(service: Service, step: Step) -> str:
    """Asks the provider to stop the job and returns what came of it, in words."""
    assert step.job_id is not None  # looked at by ``poll``
    try:
        answer = await service.provider.cancel(step.job_id)
    except ProviderError as error:
        return f"the provider could not be told to stop: {error}"
    return answer.note


async def end_canceled(context: Context, document: Document, step: Step, why: str) -> Document:
    return await context.commit(
        context.change(
            document,
            "canceled",
            {"note": why, "job": step.job_id},
            steps=(replace(step, state=StepState.CANCELED),),
            state=DocumentState.CANCELED,
            filed=False,
            cancel_requested=False,
            due_at=context.clock.now(),
            error=why,
            error_hint=f"docferry retry {document.id} starts it again",
            waits_for=None,
        )
    )
