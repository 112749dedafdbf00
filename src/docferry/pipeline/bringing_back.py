"""A document that a person wants again: its original comes back into its work folder, whatever comes between.

``retry`` has recorded that it comes back: it is ``queued`` and still has an ``original_at``. Who finds it like that, at
once or after a crash at the next start, brings the original back and records that it is there.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from docferry.durable import move
from docferry.errors import OutboxError
from docferry.failpoints import failpoint
from docferry.folders import Folder
from docferry.models import Document, DocumentState
from docferry.outbox.failure import reason_path
from docferry.outbox.originals import sidecar_of
from docferry.pipeline.context import Context
from docferry.pipeline.tidying import Tidier
from docferry.rules.sidecar import SUFFIX as SIDECAR_SUFFIX


def comes_back(document: Document) -> bool:
    """Whether its original is still on the way from where it was put."""
    return document.state is DocumentState.QUEUED and document.original_at is not None


async def bring_back(context: Context, document: Document) -> Document:
    """Original and sidecar to their work folder; the reason beside them goes. Repeating is safe.

    OutboxError when the original is neither here nor there, OutboxUnavailable when a folder is in trouble.
    """
    places = context.places(document)
    if context.inbox(document).claim != "leave":
        await asyncio.to_thread(_move, document, places.tidier)
    failpoint("retry.brought-back")
    if document.error is not None:  # kept so long: it had failed or was canceled, so a reason was written
        reason = reason_path(document, places.failed.path)
        if reason is not None:
            await asyncio.to_thread(_remove, reason)
            failpoint("retry.reason-removed")
    return await context.commit(
        context.change(
            document,
            "brought back",
            {"from": document.original_at},
            original_at=None,
            error=None,
            error_hint=None,
            waits_for="its turn",
        )
    )


def _move(document: Document, tidier: Tidier) -> None:
    assert document.original_at is not None  # see ``comes_back``
    source, target = Path(document.original_at), Path(document.work_path)
    tidier.keep(target.parent)
    if target.exists():
        return  # a crash came between this move and its record
    if not os.path.lexists(source):
        raise OutboxError(
            f"the original of document {document.id} is gone ({source})", hint="drop the file into the inbox again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with Folder(target.parent.parent) as parent:
        parent.sync()
    sidecar = sidecar_of(source)
    if sidecar.is_file():  # the same settings as before; first, for once the original is there nothing is moved again
        move(sidecar, target.with_name(target.name + SIDECAR_SUFFIX))
        failpoint("retry.sidecar-brought-back")
    move(source, target)


def _remove(path: Path) -> None:
    if path.exists():
        with Folder(path.parent) as folder:
            folder.remove(path.name)
            folder.sync()
