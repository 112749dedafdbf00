"""What a person may ask of a document: bring it back, or give it up. The same with and without a daemon."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from docferry.errors import OutboxError, UsageError
from docferry.failpoints import failpoint
from docferry.ledger import StaleDocument
from docferry.models import ENDED, Document, DocumentState, Json, Step, StepState
from docferry.pipeline.bringing_back import bring_back, comes_back
from docferry.pipeline.context import Context
from docferry.pipeline.ending import cancel_unsent

CANCEL_TRIES = 5  # for a document that moves on while it is being given up


async def retry(context: Context, document_id: str) -> Document:
    """Brings a document back to ``queued``. Steps that were done are not paid for again.

    A delivered document is done anew from the start. Raises UsageError where there is nothing to retry.
    """
    document, steps = await _load(context, document_id)
    if document.state not in ENDED and document.state is not DocumentState.HELD:
        raise UsageError(f"document {document.id} is {document.state}: there is nothing to retry")
    if document.state in ENDED and not document.filed:
        raise UsageError(f"document {document.id} is just being put away", hint="try again in a moment")
    await asyncio.to_thread(_refuse_without_original, document)
    goes_on = document.state is not DocumentState.DELIVERED and any(step.state is StepState.DONE for step in steps)
    held = document.state is DocumentState.HELD
    afresh: dict[str, Json] = (
        {} if goes_on or held else {"run": document.run + 1, "step": 0, "plan": None, "linked_to": None}
    )
    if afresh:
        afresh["facts"] = {name: value for name, value in document.facts.items() if name != "class"}
    has_reason = document.state in (DocumentState.FAILED, DocumentState.CANCELED)  # in a file, which goes later
    document = await context.commit(
        context.change(
            document,
            "retried",
            {"from": document.state.value, "keeps_done_steps": goes_on},
            state=DocumentState.QUEUED,
            filed=False,
            attempts=0,
            due_at=context.clock.now(),
            error=document.error if has_reason else None,
            error_hint=None,
            cancel_requested=False,
            partial=False,
            waits_for="its original to be brought back" if document.original_at else "its turn",
            **afresh,
        )
    )
    failpoint("retry.intended")
    if comes_back(document):
        with suppress(OutboxError):  # whoever takes it up tries again, and says it where a person sees it
            document = await bring_back(context, document)
    return document


def _refuse_without_original(document: Document) -> None:
    """Raises UsageError when an ended document's original is neither where it was put nor in its work folder."""
    if document.state not in ENDED:
        return  # it never left
    if not any(place and os.path.lexists(place) for place in (document.original_at, document.work_path)):
        where = document.original_at or "it was deleted after delivery"
        raise UsageError(
            f"the original of document {document.id} is gone ({where})", hint="drop the file into the inbox again"
        )


async def cancel(context: Context, document_id: str) -> Document:
    """Gives a document up, here at once or, where a provider has its job, as soon as that was told.

    Raises UsageError when it is too late.
    """
    for _ in range(CANCEL_TRIES):
        with suppress(StaleDocument):
            return await _cancel(context, document_id)
    raise UsageError(f"document {document_id} keeps moving on", hint="try again in a moment")


async def _cancel(context: Context, document_id: str) -> Document:
    document, _ = await _load(context, document_id)
    if comes_back(document):
        document = await bring_back(context, document)
    match document.state:
        case DocumentState.QUEUED | DocumentState.HELD:
            return await cancel_unsent(context, document)
        case DocumentState.SUBMITTING | DocumentState.WAITING:
            return await context.commit(
                context.change(
                    document,
                    "cancel requested",
                    cancel_requested=True,
                    due_at=context.clock.now(),
                    waits_for="the provider to take the cancel",
                )
            )
        case DocumentState.STORING | DocumentState.DELIVERING:
            raise UsageError(f"document {document.id} has its result already and is being delivered")
        case _:
            raise UsageError(f"document {document.id} has ended already: it is {document.state}")


async def _load(context: Context, document_id: str) -> tuple[Document, list[Step]]:
    found = await context.ledger.document_and_steps(document_id)
    if found is None:
        raise UsageError(f"no document has the id {document_id!r}", hint="docferry jobs lists them")
    return found
