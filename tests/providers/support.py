"""Small helpers of the provider tests: providers from real configuration, submissions, documents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from docferry.config.keys import Secret
from docferry.config.models import ProviderConfig
from docferry.models import Json
from docferry.providers.base import Provider, Submission, Upload
from docferry.providers.build import create_provider

KEY = "key-for-tests-7f3c"
Result = TypeVar("Result")


def provider(dialect: str, url: str, *, key: str | None = KEY, **more: Any) -> Provider:
    config = ProviderConfig.model_validate({"name": "peer", "dialect": dialect, "url": url, **more})
    return create_provider(config, key=Secret(key) if key else None, engine_socket=None)


def run(dialect: str, url: str, work: Callable[[Any], Awaitable[Result]], **more: Any) -> Result:
    """Runs ``work`` with a provider and closes it."""

    async def whole() -> Result:
        peer = provider(dialect, url, **more)
        try:
            return await work(peer)
        finally:
            await peer.aclose()

    return asyncio.run(whole())


def document(folder: Path, content: bytes = b"%PDF-1.7 a document", name: str = "original.pdf") -> Upload:
    path = folder / name
    path.write_bytes(content)
    return Upload(path, len(content), "application/pdf")


def submission(
    upload: Upload | None,
    endpoint: str = "extract",
    options: Mapping[str, Json] | None = None,
    mode: str = "async",
    **more: Any,
) -> Submission:
    given: dict[str, Any] = {
        "endpoint": endpoint,
        "options": options or {},
        "mode": mode,
        "idempotency_key": "idem-1",
        "upload_name": "7f3c9e2ab41d-1.pdf",
        "upload": upload,
    }
    return Submission(**(given | more))
