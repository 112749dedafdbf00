"""What a person may ask of a document: bring it back, or give it up. The same with and without a daemon."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from docferry.durable import move
from docferry.errors import UsageError
from docferry.failpoints import failpoint
from docferry.folders import Folder
from docferry.models import ENDED, Document, DocumentState, Json, Step, StepState
from docferry.outbox.failure import ERROR_SUFFIX
from docferry.outbox.names import with_suffix
from docferry.outbox.originals import sidecar_of
from docferry.pipeline.context import Context
from docferry.pipeline.ending import cancel_unsent
from docferry.pipeline.tidying import Tidier
from docferry.rules.sidecar import SUFFIX as SIDECAR_SUFFIX


async def retry(context: Context, document_id: str) -> Document:
    """Brings a document back to ``queued``. Steps that were done are not paid for again.

    A delivered document is done anew from the start. Raises UsageError where there is nothing to retry.
    """
    document, steps = await _load(context, document_id)
    if document.state not in ENDED and document.state is not DocumentState.HELD:
        raise UsageError(f"document {document.id} is {document.state}: there is nothing to retry")
    if document.state in ENDED and not document.filed:
        raise UsageError(f"document {document.id} is just being put away", hint="try again in a moment")
    error_file = _error_file(document)
    if document.state in ENDED and context.inbox(document).claim != "leave":
        await asyncio.to_thread(_bring_back, document, context.places(document).tidier)
        failpoint("retry.brought-back")
    if error_file is not None:  # before the commit: nobody would come back to remove it after a crash
        await asyncio.to_thread(_remove, error_file)
    goes_on = document.state is not DocumentState.DELIVERED and any(step.state is StepState.DONE for step in steps)
    held = document.state is DocumentState.HELD
    afresh: dict[str, Json] = (
        {} if goes_on or held else {"run": document.run + 1, "step": 0, "plan": None, "linked_to": None}
    )
    if afresh:
        afresh["facts"] = {name: value for name, value in document.facts.items() if name != "class"}
    return await context.commit(
        context.change(
            document,
            "retried",
            {"from": document.state.value, "keeps_done_steps": goes_on},
            state=DocumentState.QUEUED,
            filed=False,
            attempts=0,
            due_at=context.clock.now(),
            error=None,
            error_hint=None,
            original_at=None,
            cancel_requested=False,
            partial=False,
            waits_for="its turn",
            **afresh,
        )
    )


async def cancel(context: Context, document_id: str) -> Document:
    """Gives a document up, here at once or, where a provider has its job, as soon as that was told.

    Raises UsageError when it is too late.
    """
    document, _ = await _load(context, document_id)
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


def _error_file(document: Document) -> Path | None:
    if document.original_at is None or document.state is DocumentState.DELIVERED:
        return None
    original = Path(document.original_at)
    return original.with_name(with_suffix(original.name, ERROR_SUFFIX))


def _bring_back(document: Document, tidier: Tidier) -> None:
    """Moves the original from where it was put back into its work folder. Repeating is safe."""
    source, target = document.original_at, Path(document.work_path)
    tidier.keep(target.parent)
    if target.exists():
        return  # a crash came between this move and its record
    if source is None or not os.path.lexists(source):
        where = source or "it was deleted after delivery"
        raise UsageError(
            f"the original of document {document.id} is gone ({where})", hint="drop the file into the inbox again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with Folder(target.parent.parent) as parent:
        parent.sync()
    sidecar = sidecar_of(Path(source))
    if sidecar.is_file():  # the same settings as before; first, for once the original is there nothing is moved again
        move(sidecar, target.with_name(target.name + SIDECAR_SUFFIX))
    move(Path(source), target)


def _remove(path: Path) -> None:
    if path.exists():
        with Folder(path.parent) as folder:
            folder.remove(path.name)
            folder.sync()
