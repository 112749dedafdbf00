"""What the pipeline hands to the ledger: one value for one durable change, applied whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docferry.errors import LedgerError
from docferry.models import ENDED, TRANSITIONS, Document, DocumentState, Json, Step


class StaleDocument(LedgerError):
    """The row is no longer in the state the change started from: someone else moved it first."""


class LedgerConflict(LedgerError):
    """A unique row is another's already: for instance the name of a result."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a document's story. ``detail`` holds values, never keys or bodies."""

    kind: str
    detail: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One output file that is in the outbox; ``path`` absolute, surrogate-escaped."""

    path: str
    format: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Change:
    """A document's next version with the steps, deliveries and events that belong to it.

    ``deliveries``, where there are any, are all that the document has in the outbox from now on.
    ``quiet`` changes (polls) leave no event: a job that takes an hour must not write a novel.
    """

    before: Document
    after: Document
    event: Event
    steps: tuple[Step, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    quiet: bool = False

    def __post_init__(self) -> None:
        start, end = self.before.state, self.after.state
        if start != end and end not in TRANSITIONS[start]:
            raise LedgerError(f"document {self.before.id} cannot go from {start} to {end}")


def needs_work(document: Document) -> bool:
    """Whether the pipeline still has to do something for it by itself."""
    if document.state is DocumentState.HELD:
        return False
    return not (document.state in ENDED and document.filed)
