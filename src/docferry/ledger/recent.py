"""The newest rows of documents on their way, so that no stage need ask for what the one before it has written.

The ledger's thread is the only writer of the file and of this: it follows each change it makes to a row, and shows
the outcome once the commit is durable. So what is shown is what a question to the file would answer at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from docferry.ledger.changes import Change
from docferry.ledger.rows import changed_fields, kept, kept_document, kept_step
from docferry.models import Document, Step

MOST = 2048  # a few kilobytes each; those that wait for long are read again

Found = tuple[Document, list[Step]]
"""A document with the steps of its present run, in order."""


class Recent:
    """Every method but ``get`` is for the ledger's thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._shown: dict[str, Found] = {}
        self._written: dict[str, Found] = {}  # in the transaction that is under way

    def get(self, document_id: str) -> Found | None:
        """As the last commit has left it, where it is known. For any thread."""
        return self._shown.get(document_id)

    def newest(self, document_id: str) -> Found | None:
        """As the transaction under way has left it, where it is known."""
        return self._written.get(document_id) or self._shown.get(document_id)

    def entered(self, documents: Sequence[Document]) -> None:
        """New documents, as far as there is room: a full inbox must not displace those that are on their way."""
        room = self._most - len(self._shown) - len(self._written)
        for document in documents[: max(0, room)]:
            self._written[document.id] = (kept(document), [])

    def wrote(self, found: Found) -> None:
        self._written[found[0].id] = found

    def settled(self, durable: bool) -> None:
        """The transaction under way was committed, or taken back."""
        written, self._written = self._written, {}
        if not durable:
            return
        for document_id, found in written.items():
            self._shown.pop(document_id, None)
            if found[0].filed:
                continue  # nobody goes on with it
            if len(self._shown) >= self._most:
                del self._shown[next(iter(self._shown))]
            self._shown[document_id] = found


def follow(found: Found, changes: Sequence[Change]) -> Found | None:
    """The row that ``found`` becomes by changes that were written to it; None: ask the file.

    The changes may have started from an older version: only what they changed is taken from them.
    """
    document, steps = found
    kept: dict[str, Any] = {}
    for change in changes:
        kept |= {name: kept_document(change.after, name) for name in changed_fields(change.before, change.after)}
    if kept.get("run", document.run) != document.run:
        return None
    document = replace(document, **kept)
    by_index = {step.index: step for step in steps}
    for change in changes:
        by_index |= {step.index: kept_step(step) for step in change.steps if step.run == document.run}
    return document, [by_index[index] for index in sorted(by_index)]
