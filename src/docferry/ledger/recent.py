"""The newest versions of documents on their way, so that no stage need read what the one before it has written.

Everything here is also in the file, which is what counts: an entry only saves a question. It holds because every
change of a document's row is an ``apply`` of this process, which tells of it here once it is durable.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from docferry.ledger import rows
from docferry.ledger.changes import Change
from docferry.models import Document, Plan, Step

MOST = 1000  # a few kilobytes each: those that wait for long are read again

Found = tuple[Document, list[Step]]


class Recent:
    """Documents with the steps of their present run, as the ledger would give them. For the loop's thread alone."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._found: dict[str, Found] = {}

    def get(self, document_id: str) -> Found | None:
        return self._found.get(document_id)

    def put(self, document: Document, steps: Sequence[Step]) -> None:
        """What was read, or entered, just now."""
        self.take(document.id)
        while len(self._found) >= self._most:
            del self._found[next(iter(self._found))]
        self._found[document.id] = document, list(steps)

    def take(self, document_id: str) -> Found | None:
        """Takes it out, since a change is on its way into the file: whoever asks meanwhile must ask the file."""
        return self._found.pop(document_id, None)

    def follow(self, found: Found | None, changes: Sequence[Change]) -> None:
        """Puts back what was taken, as the ``changes`` have left it; not where they are not its next versions.

        Two changes at once, of which each knows nothing of the other, are both in the row and in neither's version.
        """
        before, after = changes[0].before, changes[-1].after
        if self.take(after.id) is not None or found is None or found[0] is not before or after.filed:
            return
        if any(change.before is not earlier.after for earlier, change in pairwise(changes)):
            return
        if (after.plan, after.facts) != (before.plan, before.facts):
            after = _as_kept(after)
        self.put(after, _merged(found[1], changes))


def _merged(steps: Sequence[Step], changes: Sequence[Change]) -> list[Step]:
    """The steps of the run that the document is in after the changes, in order."""
    newest = [*steps, *(step for change in changes for step in change.steps)]
    by_index = {step.index: step for step in newest if step.run == changes[-1].after.run}
    return [by_index[index] for index in sorted(by_index)]


def _as_kept(document: Document) -> Document:
    """With plan and facts as the file gives them back: what was a tuple is a list there."""
    plan = document.plan
    kept = Plan.from_json(json.loads(rows.dumps(plan.to_json()))) if plan is not None else None
    return replace(document, plan=kept, facts=json.loads(rows.dumps(dict(document.facts))))
