"""What every route needs at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request

from docferry.engine.errors import Refusal
from docferry.engine.jobs import Jobs
from docferry.engine.settings import EngineSettings
from docferry.engine.store import Store

KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: EngineSettings
    store: Store
    jobs: Jobs
    downloads: set[str] = field(default_factory=set)  # jobs whose large result is being downloaded

    @property
    def incoming(self) -> Path:
        """Where uploads lie until they belong to a job."""
        return self.settings.state / "incoming"


def runtime_of(request: Request) -> Runtime:
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)
    return runtime


def idempotency_key(request: Request, settings: EngineSettings) -> str | None:
    key = request.headers.get("idempotency-key", "").strip()
    if len(key) > KEY_LENGTH:
        raise Refusal("REQ_003", f"Idempotency-Key: longer than {KEY_LENGTH} characters")
    return key if key and settings.idempotency else None


def base_url(request: Request) -> str:
    """The address the request came in on, without a slash at its end."""
    return str(request.base_url).rstrip("/")
