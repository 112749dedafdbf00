"""Files that stay where they are and need not be asked about again: declined by a rule, or handed over in place."""

from __future__ import annotations

from docferry.models import FileIdentity


class Passed:
    """By path, until the file changes. A hash of the identity is kept: a hundred thousand files must be cheap.

    ``begin`` and ``end`` enclose a walk of the whole inbox; what it did not come across is forgotten.
    """

    def __init__(self) -> None:
        self._hashes: dict[str, int] = {}
        self._met: set[str] | None = None

    def add(self, path: str, identity: FileIdentity) -> None:
        self._hashes[path] = hash(identity)
        if self._met is not None:
            self._met.add(path)

    def holds(self, path: str, identity: FileIdentity) -> bool:
        """Whether this very version of the file was passed over."""
        if self._hashes.get(path) != hash(identity):
            return False
        if self._met is not None:
            self._met.add(path)
        return True

    def begin(self) -> None:
        self._met = set()

    def end(self) -> None:
        if self._met is not None and len(self._met) < len(self._hashes):
            self._hashes = {path: self._hashes[path] for path in self._met if path in self._hashes}
        self._met = None

    def clear(self) -> None:
        """Ask about all of them again: the rules have changed."""
        self._hashes.clear()
