"""What the last commits left of documents on their way, so that no stage need ask for what was just written.

An entry was read from the file in the transaction that wrote it, and entries arrive in the order of the commits:
it is what a question to the file would have answered at that moment.
"""

from __future__ import annotations

from docferry.models import Document, Step

MOST = 512  # a few kilobytes each; those that wait for long are read again

Found = tuple[Document, list[Step]]
"""A document with the steps of its present run, in order."""


class Recent:
    """For the loop's thread alone."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._found: dict[str, Found] = {}

    def get(self, document_id: str) -> Found | None:
        return self._found.get(document_id)

    def put(self, found: Found) -> None:
        document, _ = found
        self.forget(document.id)
        if document.filed:
            return  # nobody goes on with it
        if len(self._found) >= self._most:
            self.forget(next(iter(self._found)))
        self._found[document.id] = found

    def forget(self, document_id: str) -> None:
        """A change is on its way into the file: whoever asks meanwhile must ask the file."""
        self._found.pop(document_id, None)
