"""Every error docferry raises on purpose.

DocferryError
├── UsageError              a command was called in a way that cannot work
├── ConfigError             the configuration or the rules are wrong; lists every problem with its place
├── LedgerError             the ledger cannot be opened, read or written
│   └── LedgerBusy          another daemon owns this state folder
├── IntakeError             an inbox cannot be watched, scanned or claimed from
│   └── InboxOffline        the inbox's filesystem is gone or not the one we know
├── FactError               a fact of a file could not be read (a rule asked for it)
├── RoutingError            no rule takes the document, or a rule cannot be evaluated
├── ProviderError           a call to a provider did not give what was asked
│   ├── Unavailable         may succeed later: the same request is tried again
│   ├── Parked              the provider's own trouble (key, credit, DNS, TLS): wait, no attempt is spent
│   ├── Rejected            will never succeed as it is: the document fails with this reason
│   ├── Ambiguous           the request left and no answer came: it may have been accepted
│   ├── JobUnknown          the provider does not know the job (any more)
│   └── ResultGone          the result existed and cannot be fetched (taken, expired); a new run costs again
├── ExtractionFailed        the provider ran the job and says it failed
├── DocumentChanged         the document changed while it was sent: read it again, nothing was accepted
└── OutboxError             an output cannot be written
    └── OutboxUnavailable   the folder's trouble, not the document's: full, read-only, offline

Each carries the facts as attributes, reads as one line, and may have a ``hint``: what a person can do.
Foreign errors are translated once, in the module that owns the library, with ``from``.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the commands answer to the shell."""

    OK = 0
    FAILED = 1  # something failed (``run --once``: a document)
    USAGE = 2  # wrong usage or configuration


class DocferryError(Exception):
    """Base of all errors made on purpose; ``str()`` is one line for a person."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(DocferryError):
    """A command was called in a way that cannot work."""

    exit_code = ExitCode.USAGE


class ConfigError(DocferryError):
    """The configuration is wrong. ``problems`` holds one printable line (or block) for each problem."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class LedgerError(DocferryError):
    """The ledger cannot be opened, read or written."""


class LedgerBusy(LedgerError):
    """Another daemon owns this state folder."""


class IntakeError(DocferryError):
    """An inbox cannot be watched, scanned or claimed from."""


class InboxOffline(IntakeError):
    """The inbox's filesystem is gone or is not the one we know."""


class FactError(DocferryError):
    """A fact that a rule asked for could not be read from the file."""


class RoutingError(DocferryError):
    """No rule takes the document, or a rule cannot be evaluated."""


class ProviderError(DocferryError):
    """A call to a provider did not give what was asked.

    ``status`` is the HTTP status, if there was an answer; ``code`` the provider's own error code.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class Unavailable(ProviderError):
    """May succeed later. ``retry_after_s`` is the provider's own wish, if it gave one.

    ``throttled`` tells 429 and 503 (slow down) from other passing trouble.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        throttled: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, status=status, code=code)
        self.retry_after_s = retry_after_s
        self.throttled = throttled


class Parked(Unavailable):
    """The provider's own trouble, for every document alike: its queue waits, no attempt is spent.

    ``needs_person`` tells a wrong key or exhausted credit from an outage that ends by itself; ``renews`` says that
    what is used up comes back some day, also if nobody does anything.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        needs_person: bool = False,
        renews: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, status=status, code=code, retry_after_s=retry_after_s)
        self.needs_person = needs_person
        self.only_person = needs_person and not renews and retry_after_s is None


class Rejected(ProviderError):
    """The request will never succeed as it is."""


class Ambiguous(ProviderError):
    """The request left and no usable answer came: the provider may have accepted it."""


class JobUnknown(ProviderError):
    """The provider does not know the job."""


class ResultGone(ProviderError):
    """The result existed and cannot be fetched any more; getting it again means paying again."""


class ExtractionFailed(DocferryError):
    """The provider ran the job and says that it failed."""


class DocumentChanged(DocferryError):
    """The document is not what it was when it was read before: it must be read again.

    Raised before the last byte of a request left, so that the provider cannot have accepted it.
    """


class OutboxError(DocferryError):
    """An output cannot be written."""


class OutboxUnavailable(OutboxError):
    """The folder's trouble, not the document's: full, read-only, offline."""
