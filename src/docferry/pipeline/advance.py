"""Take one document one step further: the pipeline's one entry, which knows nothing of the loop that calls it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from docferry.errors import DocferryError, LedgerError, OutboxUnavailable
from docferry.ledger import StaleDocument
from docferry.models import ENDED, Document, DocumentState, Step
from docferry.pipeline.bringing_back import bring_back, comes_back
from docferry.pipeline.context import Context
from docferry.pipeline.deliver import deliver
from docferry.pipeline.ending import fail
from docferry.pipeline.filing import file_away
from docferry.pipeline.poll import fetch, poll
from docferry.pipeline.route import route
from docferry.pipeline.submit import settle_lost, submit

log = logging.getLogger(__name__)


async def advance(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Does what the document's state asks for next and returns its new version.

    Raises StaleDocument when someone else moved it meanwhile (load it again), LedgerError when nothing can be
    recorded, OutboxUnavailable when its outbox is in trouble (the folder's, not the document's).
    """
    try:
        return await _stage(context, document, steps)
    except (StaleDocument, LedgerError, OutboxUnavailable):
        raise
    except DocferryError as error:
        current = await context.ledger.document(document.id)  # the stage may have come some way
        if current is None or current.state in ENDED:
            raise
        return await fail(context, current, error.message, error.hint)


async def _stage(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    if document.state in ENDED:
        return await file_away(context, document, steps)
    match document.state:
        case DocumentState.QUEUED if comes_back(document):
            return await bring_back(context, document)
        case DocumentState.QUEUED if document.plan is None:
            return await route(context, document, steps)
        case DocumentState.QUEUED:
            return await submit(context, document, steps)
        case DocumentState.SUBMITTING:
            return await settle_lost(context, document, steps)
        case DocumentState.WAITING:
            return await poll(context, document, steps)
        case DocumentState.STORING:
            return await fetch(context, document, steps)
        case DocumentState.DELIVERING:
            return await deliver(context, document, steps)
        case _:
            return document
