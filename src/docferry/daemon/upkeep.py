"""The ledger's upkeep beside the work: looked through after a crash, and relieved of history nobody wants any more."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from docferry.errors import LedgerError
from docferry.intake.recovery import clear_away
from docferry.ledger.integrity import IntegrityCheck
from docferry.ledger.ledger import known_among
from docferry.ledger.upkeep import START, find_old, forget, forget_events
from docferry.models import Document
from docferry.pipeline.context import WORK_FOLDER

if TYPE_CHECKING:
    from docferry.daemon.service import Daemon

log = logging.getLogger(__name__)

FORGET_EVERY_S = 3600.0  # sooner where keep_history itself is shorter
FORGET_EVERY_LEAST_S = 1.0
BATCH = 100  # documents that leave in one commit: the work's own commits wait for it
PAUSE_S = 0.1  # between batches
TO_TIDY = "work folders of forgotten documents"  # the ledger's memory of them: [id, folder]


class Upkeep:
    """One for the daemon. ``damage`` says what is wrong with the ledger's file, once that is known."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.damage: LedgerError | None = None

    async def run(self) -> None:
        """Works until cancelled. A ledger in trouble delays it, it does not end it."""
        if self._daemon.ledger.unchecked:
            await self._look_through()
        while True:
            try:
                await self._forget_old()
            except LedgerError as error:
                log.error("history is not shortened now: %s", error)
            await self._daemon.clock.sleep(_until_next_s(self._daemon.config.keep_history_s))

    async def _look_through(self) -> None:
        ledger = self._daemon.ledger
        check = IntegrityCheck(ledger.path)
        try:
            if await asyncio.to_thread(check.run):
                ledger.checked()
                log.info("the last run did not end in order; the ledger was looked through and is sound")
        except LedgerError as error:
            self.damage = error
            log.critical("%s", error)
        finally:
            check.stop()

    async def _forget_old(self) -> None:
        """Takes out what ended longer ago than ``keep_history``, some at a time; nothing when that is not set."""
        daemon = self._daemon
        if daemon.config.keep_history_s is None:
            return
        before, place, count = daemon.clock.now() - daemon.config.keep_history_s, START, 0
        left = await self._tidy()
        while True:
            old = await daemon.ledger.call(partial(find_old, before=before, after=place, limit=BATCH))
            documents = await asyncio.to_thread(self._forgettable, old.documents)
            if documents:
                folders = [*left, *([document.id, str(self._work_folder(document))] for document in documents)]
                gone = await daemon.ledger.call(
                    partial(forget, documents=documents, memory_key=TO_TIDY, folders=folders)
                )
                count += len(gone)
                left = await self._tidy()
            if old.next is None:
                break
            place = old.next
            await daemon.clock.sleep(PAUSE_S)
        while await daemon.ledger.call(partial(forget_events, before=before, limit=10 * BATCH)) == 10 * BATCH:
            await daemon.clock.sleep(PAUSE_S)
        if count:
            log.info("%d documents left the ledger: they ended longer ago than keep_history", count)

    def _forgettable(self, documents: Sequence[Document]) -> list[Document]:
        """Without those whose file still lies in its inbox: forgotten, it would be taken for a new one."""
        offline = self._daemon.inboxes.offline()
        return [document for document in documents if not _may_lie_in_inbox(document, offline)]

    def _work_folder(self, document: Document) -> Path:
        folder = Path(document.work_path).parent
        return folder if folder.parent.name == WORK_FOLDER else self._daemon.config.state / "work" / document.id

    async def _tidy(self) -> list[list[str]]:
        """Removes the work folders of forgotten documents, with the answers kept in them; returns what is left."""
        ledger = self._daemon.ledger
        folders = await ledger.recall(TO_TIDY) or []
        if not folders:
            return []
        known = await ledger.call(partial(known_among, ids=[id_ for id_, _ in folders]))
        gone = [[id_, folder] for id_, folder in folders if id_ not in known]
        left = await asyncio.to_thread(lambda: [entry for entry in gone if not clear_away(Path(entry[1]))])
        await ledger.remember(TO_TIDY, left)
        return left


def _until_next_s(keep_history_s: float | None) -> float:
    if keep_history_s is None:
        return FORGET_EVERY_S  # it may be set by a reload meanwhile
    return min(max(keep_history_s, FORGET_EVERY_LEAST_S), FORGET_EVERY_S)


def _may_lie_in_inbox(document: Document, offline: dict[str, str]) -> bool:
    if document.original_at != document.work_path:
        return False  # it was moved
    return document.inbox in offline or os.path.lexists(document.work_path)
