"""How a document's try ends without a result: again later, or for good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from docferry.errors import DocferryError
from docferry.models import Document, DocumentState, Step, StepState
from docferry.pipeline import retry
from docferry.pipeline.context import Context


async def fail(
    context: Context, document: Document, message: str, hint: str | None, *, step: Step | None = None, **also: Any
) -> Document:
    """The document's own failure: recorded first, then ``filing`` puts the original into the failed folder.

    ``also``: further fields that change with it.
    """
    steps = (replace(step, state=StepState.FAILED, error=message, pointer=None),) if step else ()
    return await context.commit(
        context.change(
            document,
            "failed",
            {"reason": message} | ({"hint": hint} if hint else {}),
            steps=steps,
            state=DocumentState.FAILED,
            filed=False,
            due_at=context.clock.now(),
            error=message,
            error_hint=hint,
            waits_for=None,
            **also,
        )
    )


async def try_later(
    context: Context,
    document: Document,
    step: Step | None,
    error: DocferryError,
    *,
    spend_attempt: bool,
    state: DocumentState = DocumentState.QUEUED,
) -> Document:
    """Waits and tries again; fails when the attempts are used up. Trouble that is not the document's spends none."""
    now = context.clock.now()
    decision = retry.decide(error, document.attempts if spend_attempt else 0, now, context.rng)
    if isinstance(decision, retry.GiveUp):
        return await fail(context, document, f"{error} — {decision.reason}", _RETRY_HINT.format(document.id), step=step)
    return await context.commit(
        context.change(
            document,
            "will try again",
            {"reason": error.message, "at": decision.at, "attempt": document.attempts + int(spend_attempt)},
            steps=(step,) if step else (),
            state=state,
            attempts=document.attempts + int(spend_attempt),
            due_at=decision.at,
            waits_for=str(error),
        )
    )


async def use_fallback(context: Context, document: Document, why: str, *, step: Step | None = None) -> Document:
    """Queues a document, none of whose steps is done, for the other provider that its plan names."""
    assert document.plan is not None
    other = document.plan.fallback_provider
    return await context.commit(
        context.change(
            document,
            "goes to the fallback provider",
            {"reason": why, "provider": other},
            steps=(replace(step, state=StepState.FAILED, error=why),) if step else (),
            state=DocumentState.QUEUED,
            provider=other,
            attempts=0,
            due_at=context.clock.now(),
            warnings=(*document.warnings, f"done by {other} instead of {document.provider}: {why}"),
            waits_for=f"a free place at {other}",
        )
    )


async def cancel_unsent(context: Context, document: Document) -> Document:
    """Ends a document of which no provider has a job."""
    return await context.commit(
        context.change(
            document,
            "canceled",
            {"note": "canceled on request"},
            state=DocumentState.CANCELED,
            filed=False,
            cancel_requested=False,
            due_at=context.clock.now(),
            error="canceled on request",
            error_hint=f"docferry retry {document.id} starts it again",
            waits_for=None,
        )
    )


_RETRY_HINT = "when the cause is mended: docferry retry {}"
