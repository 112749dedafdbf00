"""``docferry send``: documents put through one by one, with or without a daemon that does the work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from docferry.clock import SystemClock
from docferry.config.models import Config
from docferry.daemon.control import ask
from docferry.daemon.service import Daemon
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.errors import UsageError
from docferry.ledger import LedgerReader
from docferry.models import ENDED, Document, DocumentState

LOOK_EVERY_S = 0.1

Progress = Callable[[Document], None]


def send(
    config: Config, files: Sequence[Path], *, inbox: str | None, provider: str | None, progress: Progress
) -> list[Document]:
    """The documents, ended (or held for a person). ``progress`` is told of every change. Raises UsageError."""
    ids = _hand_over(config, files, inbox, provider)
    if ids is not None:
        return [_follow(config, document_id, progress) for document_id in ids]
    ids = asyncio.run(_without_daemon(config, files, inbox, provider, progress))
    with LedgerReader(config.state) as ledger:
        return [document for document_id in ids if (document := ledger.document(document_id)) is not None]


def _hand_over(config: Config, files: Sequence[Path], inbox: str | None, provider: str | None) -> list[str] | None:
    """Asks the daemon to take the files; None when none runs."""
    ids = []
    for file in files:
        request = {"do": "send", "file": str(file.absolute()), "inbox": inbox, "provider": provider}
        answer = ask(config.control.socket or socket_path(config.state, CONTROL), request)
        if answer is None:
            return None
        ids.append(str(answer["id"]))
    return ids


def _follow(config: Config, document_id: str, progress: Progress) -> Document:
    """Reads the ledger until the document has ended."""
    told: tuple[DocumentState, str | None] | None = None
    with LedgerReader(config.state) as ledger:
        while True:
            document = ledger.document(document_id)
            if document is None:
                raise UsageError(f"document {document_id} has left the ledger")
            if (document.state, document.waits_for) != told:
                told = (document.state, document.waits_for)
                progress(document)
            if (document.state in ENDED and document.filed) or document.state is DocumentState.HELD:
                return document
            time.sleep(LOOK_EVERY_S)


async def _without_daemon(
    config: Config, files: Sequence[Path], inbox: str | None, provider: str | None, progress: Progress
) -> list[str]:
    """Works the files off in this process; inboxes and other open documents are left alone."""
    ids: list[str] = []

    async def put_in(daemon: Daemon) -> None:
        daemon.on_change = lambda change: progress(change.after) if change.after.id in ids else None
        for file in files:
            ids.append((await daemon.send(file, inbox, provider)).id)

    await Daemon(config, SystemClock(), once=True, sends=put_in).main()
    return ids
