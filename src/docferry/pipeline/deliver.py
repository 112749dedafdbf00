"""Every step is done: results into the outbox, the original into the archive, and only then is it delivered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from docferry.errors import DocferryError
from docferry.failpoints import failpoint
from docferry.folders import Folder, sha256_of
from docferry.ledger import Delivery, LedgerConflict
from docferry.ledger.ledger import find_deliveries, output_taken
from docferry.models import Document, DocumentState, Step, StepState
from docferry.outbox.delivery import Delivered, NameTaken
from docferry.outbox.names import output_key, safe_path
from docferry.outbox.originals import put_away
from docferry.outbox.receipt import make_receipt
from docferry.pipeline import steps as planning
from docferry.pipeline.cancel import came_too_late
from docferry.pipeline.context import Context, Places
from docferry.providers.base import Output, OutputSet, StoredAnswer

T = TypeVar("T")


async def deliver(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Writes results and receipt, puts the original away, and commits. Repeating it changes nothing."""
    if document.cancel_requested:  # during a synchronous call, which nothing can stop
        document = await context.commit(context.change(document, "the cancel came too late", **came_too_late(document)))
    linked, tidier = None, context.places(document).tidier
    if document.linked_to is not None:
        linked = await _linked_outputs(context, document)
        if linked is None:
            return await _process_after_all(context, document)
    document, written, original = await deliver_outputs(
        context, document, steps, outputs=linked, finish=lambda reserved: _put_original_away(context, reserved)
    )
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
    tidier.add(context.work_folder(document))
    return document


async def deliver_outputs(
    context: Context,
    document: Document,
    steps: Sequence[Step],
    *,
    finish: Callable[[Document], T],
    outputs: OutputSet | None = None,
) -> tuple[Document, list[Delivered], T]:
    """Results and receipt under a name reserved in the ledger, and then what ``finish`` gives, in the same thread.

    Also for the partial results of a failed document.
    """

    def write(reserved: Document) -> tuple[list[Delivered], T]:
        made = outputs if outputs is not None else _make_outputs(context, reserved, steps)
        written = _write(reserved, context.places(reserved), made, steps, context.clock.now())
        failpoint("deliver.written")
        return written, finish(reserved)

    while True:
        if document.output_base is None:
            document = await _reserve(context, document, steps, outputs)
        try:
            written, finished = await asyncio.to_thread(write, document)
        except NameTaken:  # someone else has put a file there: it stays, we take another name
            document = await context.commit(
                context.change(document, "name taken", quiet=True, output_base=None, output_key=None)
            )
            continue
        return document, written, finished


def likely_name(context: Context, document: Document) -> Mapping[str, Any]:
    """The fields that reserve the name a document's results will mostly get, without a look at the outbox.

    LedgerConflict at the commit tells that another document has it, NameTaken at writing that a foreign file has.
    """
    if document.output_base is not None:
        return {}
    plan = planning.plan_of(document)
    wanted = safe_path(plan.output_name or document.path)
    outbox = str(context.inbox(document).outbox)
    return {
        "output_base": wanted,
        "output_key": None if plan.on_existing == "replace" else output_key(outbox, wanted),
    }


def _write(
    document: Document, places: Places, outputs: OutputSet, steps: Sequence[Step], now: float
) -> list[Delivered]:
    assert document.output_base is not None  # reserved before
    overwrite = planning.plan_of(document).on_existing == "replace"
    receipt = make_receipt(document, steps, delivered_at=now, missing=outputs.missing)
    return places.outbox.deliver(document.output_base, outputs.outputs, receipt, replace=overwrite)


async def _reserve(context: Context, document: Document, steps: Sequence[Step], outputs: OutputSet | None) -> Document:
    """A name for the results that nobody else has, made ours by a unique key in the ledger."""
    name = likely_name(context, document)
    wanted, outbox = name["output_base"], str(context.inbox(document).outbox)

    def taken(base: str) -> bool:
        key = output_key(outbox, base)
        return context.ledger.call_sync(lambda connection: output_taken(connection, key, document.id))

    def look() -> str:
        made = outputs if outputs is not None else _make_outputs(context, document, steps)
        suffixes = [output.suffix for output in made.outputs]
        return context.places(document).outbox.reserve(wanted, taken, suffixes)

    while True:
        if name["output_key"] is not None:
            base = await asyncio.to_thread(look)
            name = {"output_base": base, "output_key": output_key(outbox, base)}
        try:
            return await context.commit(
                context.change(document, "writing results", {"name": name["output_base"]}, **name)
            )
        except LedgerConflict:
            continue  # someone was faster


def _make_outputs(context: Context, document: Document, steps: Sequence[Step]) -> OutputSet:
    provider = context.service(document.provider).provider
    folder = context.work_folder(document)
    answers = [
        StoredAnswer(step.endpoint, folder / step.answer, step.options)
        for step in steps
        if step.state is StepState.DONE and step.answer is not None
    ]
    return provider.outputs(answers, planning.plan_of(document).formats)


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
