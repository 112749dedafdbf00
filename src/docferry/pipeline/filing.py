"""An ended document's original is put where a person expects it; until then the document counts as open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from docferry.durable import remove_tree
from docferry.durable import replace as write_durably
from docferry.errors import OutboxError
from docferry.failpoints import failpoint
from docferry.ledger import Delivery
from docferry.models import Document, DocumentState, Step, StepState
from docferry.outbox.failure import ERROR_SUFFIX, make_error
from docferry.outbox.names import safe_path, with_suffix
from docferry.outbox.originals import put_away, put_failed
from docferry.outbox.receipt import to_bytes
from docferry.pipeline.context import Context
from docferry.pipeline.deliver import deliver_outputs


async def file_away(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Failed and canceled originals go to the failed folder with the reason beside them, skipped ones to the archive.

    What earlier steps of a failed document gave is delivered first, marked as partial. Repeating is safe.
    """
    deliveries: tuple[Delivery, ...] = ()
    if document.state is DocumentState.FAILED and any(step.state is StepState.DONE for step in steps):
        if not document.partial:
            document = await context.commit(context.change(document, "delivering partial results", partial=True))
        document, written, original = await deliver_outputs(
            context, document, steps, finish=lambda reserved: _put(context, reserved, steps)
        )
        deliveries = tuple(
            Delivery(os.fspath(file.path), file.format, file.sha256, file.size_bytes) for file in written
        )
    else:
        original = await asyncio.to_thread(_put, context, document, steps)
    failpoint("filing.put")
    document = await context.commit(
        context.change(
            document,
            "put away",
            {"to": original},
            deliveries=deliveries,
            filed=True,
            original_at=original,
        )
    )
    await asyncio.to_thread(_tidy, context, document, steps)
    return document


def _put(context: Context, document: Document, steps: Sequence[Step]) -> str:
    inbox, places = context.inbox(document), context.places(document)
    if document.state is DocumentState.SKIPPED:
        if inbox.claim == "leave":
            return document.work_path
        return os.fspath(put_away(document, places.archive or places.failed))
    error = make_error(document, steps, failed_at=document.updated_at)
    if inbox.claim == "leave":
        *folders, name = safe_path(document.path).split("/")
        with places.failed.folder(folders) as folder:
            write_durably(folder.path / with_suffix(name, ERROR_SUFFIX), to_bytes(error), mode=places.failed.mode)
        return document.work_path
    return os.fspath(put_failed(document, places.failed, error))


def _tidy(context: Context, document: Document, steps: Sequence[Step]) -> None:
    """Removes the work folder, but keeps paid-for answers of a failed document: ``retry`` goes on from them."""
    folder = context.work_folder(document)
    if not any(step.state is StepState.DONE for step in steps):
        try:
            remove_tree(folder)
        except OutboxError:
            # The inbox's filesystem is in trouble; what is left there is tidied at the next start.
            return
