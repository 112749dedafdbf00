"""What the pipeline asks of a provider: a small protocol, and the values that cross it.

A dialect is the code that speaks one API. It submits, polls, fetches, cancels and, where the API has a
listing, finds a submission whose answer was lost. What it can and cannot do is a value
(``Capabilities``), so that the pipeline decides without knowing which dialect it talks to. Dialects
never retry by themselves and keep no state between calls: the pipeline does, in the ledger.

Errors are those of ``docferry.errors``: Unavailable, Parked, Rejected, Ambiguous, JobUnknown,
ResultGone. Only a call that submits may raise Ambiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from docferry.models import Json

TOO_LONG_FOR_SYNC = "too_long_for_sync"
"""The code of a Rejected synchronous call that the provider would take asynchronously: it counted more pages."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, so that the pipeline can decide without asking it."""

    endpoints: frozenset[str]  # extract, split, schema, tables, classify
    sync_endpoints: frozenset[str]
    async_endpoints: frozenset[str]
    can_cancel: bool
    finds_lost_submissions: bool  # has a listing in which our upload name can be found
    honours_idempotency_key: bool  # the same key again gives the earlier job
    formats: frozenset[str]  # markdown, html, json, csv, chunks, split, schema, tables, images, raw
    max_sync_pages: int | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """The document's bytes. ``progress`` is called with the bytes sent so far, from any thread."""

    path: Path
    size_bytes: int
    media_type: str
    progress: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """One call of one endpoint, complete: nothing else is needed to send it."""

    endpoint: str
    options: Mapping[str, Json]
    mode: str  # async | sync
    idempotency_key: str
    upload_name: str  # plain ASCII, unique to the attempt; the human name stays here
    upload: Upload | None = None  # extract and classify
    file_url: str | None = None  # instead of an upload, where the rule allows link files
    inputs: Mapping[str, Json] = field(default_factory=dict)  # outcomes of earlier steps: extraction_id, split_id
    timeout_s: float | None = None  # for the whole call, when synchronous


@dataclass(frozen=True, slots=True)
class SentFile:
    """What really went over the wire: the proof that what is delivered is what was sent."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the job."""

    job_id: str
    sent: SentFile | None = None
    credits: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The result is on disk, whole and durable, at the path the caller gave."""

    outcome: Mapping[str, Json] = field(default_factory=dict)  # ids later steps need, plan notes
    pages: int | None = None
    credits: float | None = None
    warnings: tuple[str, ...] = ()
    sent: SentFile | None = None  # for synchronous submissions
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pointed:
    """The result is behind a link that works once: record it, then ``fetch`` it."""

    url: str
    outcome: Mapping[str, Json] = field(default_factory=dict)
    pages: int | None = None
    credits: float | None = None
    warnings: tuple[str, ...] = ()
    sent: SentFile | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Not finished. ``retry_after_s`` is the provider's wish for the next poll, if it gave one."""

    status: str
    retry_after_s: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The provider says that the job failed; ``retryable`` where its message does not blame the document."""

    message: str
    code: str | None = None
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class JobCanceled:
    """The job was cancelled, by us or by someone else."""


@dataclass(frozen=True, slots=True)
class JobExpired:
    """The result was purged before we fetched it; a new run costs again."""


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """``requested``: the provider took the wish. Not ``requested``: the job runs on and is paid for (``note``)."""

    requested: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One step's stored answer, from which outputs are made."""

    endpoint: str
    path: Path
    options: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Output:
    """One result file: its suffix after the document's name (``.md``, ``.tables.json``) and its content.

    The content may come in pieces, each time anew when it is iterated over.
    """

    suffix: str
    content: bytes | Path | Iterable[bytes]
    format: str


@dataclass(frozen=True, slots=True)
class OutputSet:
    """What a plan's formats give from the stored answers; ``missing`` in words, for the receipt."""

    outputs: tuple[Output, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionProblem:
    """One thing wrong with a step's options. ``path`` is the key path inside the options."""

    path: tuple[str | int, ...]
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class RequestDescription:
    """The exact request that would be sent, without the key, for ``explain``."""

    method: str
    url: str
    headers: Mapping[str, str]
    fields: Sequence[tuple[str, Json]]  # parts or JSON members, in order of sending


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """What ``doctor`` found out about one provider."""

    reachable: bool
    key_accepted: bool | None  # None: cannot be told without submitting
    detail: str
    down: bool = False  # it does not answer, or with 5xx: what is submitted now would be lost


PollAnswer = Pending | Answered | Pointed | JobFailed | JobCanceled | JobExpired


class Provider(Protocol):
    """One configured extraction service."""

    name: str
    capabilities: Capabilities

    def describe(self, submission: Submission) -> RequestDescription:
        """Returns the request ``submit`` would send. Touches nothing."""
        ...

    async def submit(self, submission: Submission, answer: Path) -> Accepted | Answered | Pointed:
        """Sends it once. A synchronous answer is stored durably at ``answer``."""
        ...

    async def poll(self, endpoint: str, job_id: str, answer: Path) -> PollAnswer:
        """Asks once. A finished job's result is stored durably at ``answer``. Repeating is safe."""
        ...

    async def fetch(self, pointed: str, answer: Path) -> Answered:
        """Streams a large result to ``answer``, durably. The link may work only once."""
        ...

    async def cancel(self, job_id: str) -> CancelAnswer:
        """Asks the provider to stop the job; best effort. Repeating is safe."""
        ...

    async def find_lost(self, upload_names: Sequence[str], since: float) -> Accepted | None:
        """Looks in the provider's listing for a submission sent under one of the names after ``since`` (Unix s)."""
        ...

    def outputs(self, answers: Sequence[StoredAnswer], formats: Sequence[str]) -> OutputSet:
        """Makes the asked-for formats from stored answers, in delivery order. Reads only those files."""
        ...

    async def check(self) -> ProviderHealth:
        """Asks whether the service answers and takes the key, without submitting anything."""
        ...

    async def aclose(self) -> None: ...
