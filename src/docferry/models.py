"""The values every part of docferry speaks: states, documents, steps, plans.

Frozen, without behaviour that needs a clock, disk or network. Paths of documents are ``str`` in the
filesystem encoding with surrogate escapes (what ``os.fsdecode`` gives), so that any byte a filesystem
allows survives; ``display`` makes one fit to be shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

Json = Any  # a decoded JSON value


class DocumentState(StrEnum):
    """Where a document is in its life; the design's table, word for word."""

    QUEUED = "queued"  # the file is ours; waits for its rule, a slot or due_at
    SUBMITTING = "submitting"  # intent recorded; a request may be on its way
    WAITING = "waiting"  # the provider has the job and we have its id; next poll at due_at
    STORING = "storing"  # the answer is being fetched into the work folder
    DELIVERING = "delivering"  # every step is done; outputs are being written
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    HELD = "held"  # only a person can say (retry or cancel)


ENDED = frozenset({DocumentState.DELIVERED, DocumentState.FAILED, DocumentState.CANCELED, DocumentState.SKIPPED})

TRANSITIONS: Mapping[DocumentState, frozenset[DocumentState]] = {
    DocumentState.QUEUED: frozenset(
        {
            DocumentState.SUBMITTING,
            DocumentState.DELIVERING,  # a duplicate whose earlier results are linked
            DocumentState.FAILED,
            DocumentState.CANCELED,
            DocumentState.SKIPPED,
        }
    ),
    DocumentState.SUBMITTING: frozenset(
        {
            DocumentState.WAITING,
            DocumentState.STORING,
            DocumentState.QUEUED,
            DocumentState.HELD,
            DocumentState.FAILED,
            DocumentState.CANCELED,
        }
    ),
    DocumentState.WAITING: frozenset(
        {DocumentState.STORING, DocumentState.QUEUED, DocumentState.HELD, DocumentState.FAILED, DocumentState.CANCELED}
    ),
    DocumentState.STORING: frozenset(
        {
            DocumentState.QUEUED,
            DocumentState.WAITING,  # the answer was not safe yet when docferry stopped
            DocumentState.DELIVERING,
            DocumentState.HELD,
            DocumentState.FAILED,
        }
    ),
    DocumentState.DELIVERING: frozenset(
        {DocumentState.DELIVERED, DocumentState.FAILED, DocumentState.QUEUED}  # queued: linked results have vanished
    ),
    DocumentState.HELD: frozenset({DocumentState.QUEUED, DocumentState.CANCELED}),
    DocumentState.DELIVERED: frozenset({DocumentState.QUEUED}),
    DocumentState.FAILED: frozenset({DocumentState.QUEUED}),
    DocumentState.CANCELED: frozenset({DocumentState.QUEUED}),
    DocumentState.SKIPPED: frozenset({DocumentState.QUEUED}),
}


class StepState(StrEnum):
    """One call of one endpoint, as the ledger records it."""

    PLANNED = "planned"  # nothing was accepted: the same submission may be tried again under the same key
    SUBMITTING = "submitting"  # the intent is on disk; outcome not known yet
    WAITING = "waiting"  # job_id is known
    STORING = "storing"  # completed at the provider; answer not safe yet
    DONE = "done"  # the answer is stored in the work folder
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One endpoint with its options, templates already filled in."""

    endpoint: str  # extract | split | schema | tables | classify
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rule decided for one document; stored with it, so that a rule edit never changes its course."""

    rule: str
    rules_hash: str
    provider: str
    steps: tuple[StepPlan, ...]
    mode: str = "auto"  # auto | async | sync
    formats: tuple[str, ...] = ("markdown", "json")
    output_name: str | None = None  # path below the outbox without suffix; None: the document's own path
    on_existing: str = "number"  # number | replace
    after: str | None = None  # archive | delete | keep; None: as the inbox says
    on_ambiguous: str = "resubmit"  # resubmit | hold
    priority: int = 0  # higher goes first
    fallback_provider: str | None = None
    fallback_after_s: float = 900.0
    job_timeout_s: float | None = None
    links: bool | None = None  # link files are sent by the address in them; None: as the inbox says

    def to_json(self) -> dict[str, Json]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        steps = tuple(StepPlan(step["endpoint"], step["options"]) for step in data["steps"])
        return cls(**{**data, "steps": steps, "formats": tuple(data["formats"])})


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells one version of a file from another; inode numbers alone are reused."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Document:
    """One row of the ledger's ``documents`` table."""

    id: str
    inbox: str
    path: str  # below the inbox, surrogate-escaped
    work_path: str  # absolute path of the original while it is ours (or where it lies, with claim: leave)
    state: DocumentState
    size_bytes: int
    identity: FileIdentity
    seen_at: float
    claimed_at: float
    updated_at: float
    due_at: float
    sha256: str | None = None
    plan: Plan | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    step: int = 0  # index into plan.steps
    run: int = 1  # grows with every deliberate re-run (retry)
    attempts: int = 0  # failed tries of the present step
    provider: str | None = None  # the provider of the present step (a fallback may have replaced the plan's)
    priority: int = 0
    pages: int | None = None
    media_type: str | None = None
    output_base: str | None = None  # reserved path below the outbox, set before the first output is written
    output_key: str | None = None  # what makes that reservation unique
    original_at: str | None = None  # where the original ended (archive, failed folder …)
    filed: bool = False  # ended and the original has been put away
    error: str | None = None
    error_hint: str | None = None
    waits_for: str | None = None  # in words: what the document waits for now
    warnings: tuple[str, ...] = ()
    partial: bool = False
    cancel_requested: bool = False
    linked_to: str | None = None  # a duplicate: the earlier document whose results it gets


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the ledger's ``steps`` table: one endpoint of one run of one document."""

    document_id: str
    run: int
    index: int
    endpoint: str
    provider: str
    state: StepState
    options: Mapping[str, Json]
    idempotency_key: str
    upload_names: tuple[str, ...]  # the present one last, before it those whose fate never became known
    attempt: int = 0  # deliberate submissions of this step in this run
    mode: str = "async"
    job_id: str | None = None
    intent_at: float | None = None
    accepted_at: float | None = None
    completed_at: float | None = None
    polls: int = 0
    lost_answers: int = 0  # submissions whose outcome never became known
    lost_jobs: int = 0  # jobs that the provider knew once and then no more
    sent_bytes: int | None = None
    sent_sha256: str | None = None
    pages: int | None = None
    credits: float | None = None
    answer: str | None = None  # file name in the work folder
    pointer: str | None = None  # link of a large result that must be fetched
    outcome: Mapping[str, Json] = field(default_factory=dict)  # ids for later steps, plan notes
    warnings: tuple[str, ...] = ()
    error: str | None = None


def new_id(now: float) -> str:
    """A document id: 10 characters of time in ms, 6 of chance, base 32; sorts by time, safe in names and URLs."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    number = (int(now * 1000) << 30) | secrets.randbits(30)
    characters = []
    for _ in range(16):
        number, digit = divmod(number, 32)
        characters.append(alphabet[digit])
    return "".join(reversed(characters))


def display(path: str) -> str:
    """``path`` fit for a terminal, a log or JSON: undecodable bytes and control characters are escaped."""
    if path.isprintable():  # nearly every one
        return path
    text = path.encode("utf-8", "backslashreplace").decode("utf-8") if path.isascii() is False else path
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def counted(count: int, one: str, many: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {one if count == 1 else many}"
