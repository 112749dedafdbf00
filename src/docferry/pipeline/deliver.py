"""Every step is done: results into the outbox, the original into the archive, and only then is it delivered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from docferry.durable import remove_tree
from docferry.errors import DocferryError
from docferry.failpoints import failpoint
from docferry.folders import Folder, sha256_of
from docferry.ledger import Delivery, LedgerConflict
from docferry.ledger.ledger import find_deliveries, output_taken
from docferry.ledger.rows import output_key
from docferry.models import Document, DocumentState, Step, StepState
from docferry.outbox.delivery import Delivered, NameTaken
from docferry.outbox.names import safe_path
from docferry.outbox.originals import put_away
from docferry.outbox.receipt import make_receipt
from docferry.pipeline import steps as planning
from docferry.pipeline.context import Context, Places
from docferry.providers.base import Output, OutputSet, StoredAnswer


async def deliver(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Writes results and receipt, puts the original away, and commits. Repeating it changes nothing."""
    linked = None
    if document.linked_to is not None:
        linked = await _linked_outputs(context, document)
        if linked is None:
            return await _process_after_all(context, document)
    document, written = await deliver_outputs(context, document, steps, linked)
    original = await asyncio.to_thread(_put_original_away, context, document)
    failpoint("deliver.original-away")
    document = await context.commit(
        context.change(
            document,
            "delivered",
            {"results": document.output_base, "files": len(written)},
            deliveries=_deliveries(written),
            state=DocumentState.DELIVERED,
            filed=True,
            original_at=original,
            error=None,
            error_hint=None,
            waits_for=None,
        )
    )
    failpoint("deliver.committed")
    await asyncio.to_thread(remove_tree, context.work_folder(document))
    return document


async def deliver_outputs(
    context: Context, document: Document, steps: Sequence[Step], outputs: OutputSet | None = None
) -> tuple[Document, list[Delivered]]:
    """Results and receipt under a name reserved in the ledger; also for the partial results of a failed document."""
    if outputs is None:
        outputs = await asyncio.to_thread(_make_outputs, context, document, steps)
    places = context.places(document)
    while True:
        if document.output_base is None:
            document = await _reserve(context, document, places, [output.suffix for output in outputs.outputs])
        assert document.output_base is not None
        receipt = make_receipt(document, steps, delivered_at=context.clock.now(), missing=outputs.missing)
        overwrite = planning.plan_of(document).on_existing == "replace"
        try:
            written = await asyncio.to_thread(
                places.outbox.deliver, document.output_base, outputs.outputs, receipt, replace=overwrite
            )
        except NameTaken:  # someone else put a file there meanwhile: it stays, we take another name
            document = await context.commit(
                context.change(document, "name taken", quiet=True, output_base=None, output_key=None)
            )
            continue
        failpoint("deliver.written")
        return document, written


def _make_outputs(context: Context, document: Document, steps: Sequence[Step]) -> OutputSet:
    provider = context.service(document.provider).provider
    folder = context.work_folder(document)
    answers = [
        StoredAnswer(step.endpoint, folder / step.answer, step.options)
        for step in steps
        if step.state is StepState.DONE and step.answer is not None
    ]
    return provider.outputs(answers, planning.plan_of(document).formats)


async def _reserve(context: Context, document: Document, places: Places, suffixes: Sequence[str]) -> Document:
    """A free name, made ours by a unique key in the ledger before anything is written under it."""
    plan = planning.plan_of(document)
    wanted = safe_path(plan.output_name or document.path)
    if plan.on_existing == "replace":
        return await context.commit(
            context.change(document, "writing results", {"name": wanted}, output_base=wanted, output_key=None)
        )
    outbox = str(context.inbox(document).outbox)

    def taken(base: str) -> bool:
        key = output_key(outbox, base)
        return context.ledger.call_sync(lambda connection: output_taken(connection, key, document.id))

    while True:
        base = await asyncio.to_thread(places.outbox.reserve, wanted, taken, suffixes)
        try:
            return await context.commit(
                context.change(
                    document,
                    "writing results",
                    {"name": base},
                    output_base=base,
                    output_key=output_key(outbox, base),
                )
            )
        except LedgerConflict:
            continue  # another document reserved it between the look and the commit


def _put_original_away(context: Context, document: Document) -> str | None:
    """Archives, deletes or keeps the original, as plan and inbox say; returns where it is now."""
    inbox = context.inbox(document)
    if inbox.claim == "leave":
        return document.work_path
    wish = planning.plan_of(document).after or inbox.after
    if wish == "delete":
        original = Path(document.work_path)
        with Folder(original.parent) as folder:
            folder.remove(original.name)
            folder.sync()
        return None
    archive = context.places(document).archive
    if archive is None:
        raise DocferryError(f"inbox {inbox.name!r} has no archive folder", hint="set archive: or after: delete")
    return os.fspath(put_away(document, archive))


def _deliveries(written: Sequence[Delivered]) -> tuple[Delivery, ...]:
    return tuple(Delivery(os.fspath(file.path), file.format, file.sha256, file.size_bytes) for file in written)


async def _linked_outputs(context: Context, document: Document) -> OutputSet | None:
    """The earlier document's results as they lie in the outbox; None unless every one is still what was delivered."""
    earlier_id = document.linked_to or ""
    rows = await context.ledger.call(lambda connection: find_deliveries(connection, earlier_id))
    earlier = await context.ledger.document(earlier_id)
    if earlier is None or earlier.output_base is None or not rows:
        return None
    return await asyncio.to_thread(_collect, rows, earlier.output_base.rpartition("/")[2])


def _collect(rows: Sequence[Delivery], earlier_name: str) -> OutputSet | None:
    outputs = []
    for row in rows:
        path = Path(row.path)
        if row.format == "receipt":
            continue
        try:
            with Folder(path.parent) as folder:
                unchanged = sha256_of(folder, path.name) == row.sha256
        except DocferryError:
            return None
        if not unchanged or not path.name.startswith(earlier_name):
            return None
        outputs.append(Output(path.name.removeprefix(earlier_name), path, row.format))
    return OutputSet(tuple(outputs)) if outputs else None


async def _process_after_all(context: Context, document: Document) -> Document:
    return await context.commit(
        context.change(
            document,
            "processing after all",
            {"note": f"the results of {document.linked_to} are not in the outbox any more"},
            state=DocumentState.QUEUED,
            linked_to=None,
            due_at=context.clock.now(),
        )
    )
