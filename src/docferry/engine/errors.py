"""The ways a request or a job can end badly, and the HTTP status each failure code stands for.

Refusal      a request that is answered with an error status, in the shape of the API it came to
JobFailure   why a job failed: a code of the table below and one sentence for a person
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Codes from AUTH_ to FILE_ are the service's own; JOB_, PROC_, STORAGE_ and GENERAL_ numbers are ours, since the
# families are known but their numbers are not. A failure that the document causes is never a 5xx: clients resend those.
STATUS_OF_CODE: Mapping[str, int] = {
    "AUTH_001": 401,  # key required
    "AUTH_002": 401,  # key invalid
    "AUTH_004": 403,  # not allowed
    "REQ_001": 400,  # neither file nor URL
    "REQ_002": 400,  # body cannot be read
    "REQ_003": 400,  # wrong value
    "REQ_004": 400,  # required value missing
    "REQ_005": 400,  # chunk size
    "REQ_006": 400,  # page range
    "FILE_001": 400,  # unsupported type
    "FILE_002": 413,  # too large
    "FILE_003": 400,  # damaged
    "FILE_004": 400,  # empty
    "FILE_005": 400,  # download failed
    "FILE_006": 400,  # password
    "FILE_007": 400,  # more pages than allowed
    "JOB_001": 404,
    "PROC_001": 400,  # time limit
    "PROC_002": 400,  # memory limit
    "PROC_003": 400,  # the worker died of it
    "PROC_004": 500,  # our own defect
    "PROC_005": 503,  # the engine is stopping
    "PROC_006": 502,  # the configured language model does not answer as it should
    "STORAGE_001": 404,  # unknown extraction, split, schema …
    "STORAGE_410": 410,
    "GENERAL_403": 403,  # not offered by this engine
    "GENERAL_404": 404,
    "GENERAL_405": 405,
    "GENERAL_429": 429,
    "GENERAL_500": 500,
    "GENERAL_503": 503,
}


@dataclass(frozen=True, slots=True)
class JobFailure:
    code: str
    message: str


class Refusal(Exception):
    """A request that cannot be served. ``details`` is what the API's error body may carry besides the message."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status if status is not None else STATUS_OF_CODE.get(code, 400)
        self.details = details
        self.headers = dict(headers or {})


def busy(message: str, retry_after_s: int) -> Refusal:
    """A 429 that says when to come again."""
    return Refusal("GENERAL_429", message, headers={"Retry-After": str(retry_after_s)})


def not_offered(what: str) -> Refusal:
    """What the service has behind a feature flag and this engine has not at all: the documented 403."""
    return Refusal("GENERAL_403", f"{what} is not offered by this engine")


def refusal_of(failure: JobFailure) -> Refusal:
    """The answer to a synchronous call whose job failed."""
    return Refusal(failure.code, failure.message)
