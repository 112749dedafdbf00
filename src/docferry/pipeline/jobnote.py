"""What a work folder carries of a job that is being paid for, so that a lost ledger does not cost it twice.

Only where nobody could be asked: providers with neither idempotency keys nor a listing. The note follows the ledger's
commit and is not flushed, so it costs a document one small write; a ledger is not lost by the same power cut.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from docferry.ledger import rows
from docferry.models import Document, DocumentState, Plan, Step, StepState
from docferry.pipeline.context import Context

log = logging.getLogger(__name__)

NOTE = ".docferry.job.json"
NOTE_LIMIT_BYTES = 16 << 20
NOTED_FROM_S = 1.0


async def keep_note(context: Context, document: Document, steps: Sequence[Step], step: Step) -> None:
    """Notes the job of ``step``, unless it is asked about so soon that the note would hardly live longer than it."""
    capabilities = context.service(document.provider).provider.capabilities
    can_be_asked = capabilities.honours_idempotency_key or capabilities.finds_lost_submissions
    if can_be_asked or context.inbox(document).claim != "move":
        return
    if document.due_at - context.clock.now() >= NOTED_FROM_S:
        done = [other for other in steps if other.index < step.index]
        await asyncio.to_thread(_write_note, context.work_folder(document), document, [*done, step])


def _write_note(folder: Path, document: Document, steps: Sequence[Step]) -> None:
    """Keeps the document's steps, of which the last has a job. Best effort: without it the job is paid again."""
    assert document.plan is not None
    note = {
        "plan": document.plan.to_json(),
        "facts": dict(document.facts),
        "sha256": document.sha256,
        "pages": document.pages,
        "media_type": document.media_type,
        "step": document.step,
        "run": document.run,
        "priority": document.priority,
        "steps": [rows.step_columns(step) for step in steps],
    }
    try:
        (folder / NOTE).write_text(rows.dumps(note), encoding="ascii")
    except OSError as error:
        log.warning("no note of the job is kept in %s: %s", folder, error.strerror)


def read_note(folder: Path, document: Document) -> tuple[Document, list[Step]] | None:
    """The newly found document as it was when its job was accepted; None where there is no (whole) note."""
    try:
        with (folder / NOTE).open("rb") as file:
            note = json.loads(file.read(NOTE_LIMIT_BYTES))
        return _resumed(document, note)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None


def _resumed(document: Document, note: Any) -> tuple[Document, list[Step]] | None:
    steps = [rows.to_step(row) for row in note["steps"]]
    last = steps[-1]
    if last.state is not StepState.WAITING or not last.job_id:
        return None
    if any(step.document_id != document.id or step.run != int(note["run"]) for step in steps):
        return None
    resumed = replace(
        document,
        state=DocumentState.WAITING,
        plan=Plan.from_json(note["plan"]),
        facts=dict(note["facts"]),
        sha256=note["sha256"],
        pages=note["pages"],
        media_type=note["media_type"],
        step=int(note["step"]),
        run=int(note["run"]),
        priority=int(note["priority"]),
        provider=last.provider,
        waits_for=f"job {last.job_id} of {last.provider}",
    )
    return resumed, steps
