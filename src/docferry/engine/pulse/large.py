"""Large results: handed out once.

The link is used up when the last byte has been passed on, not before, so that a download that was cut can be repeated.
``strict`` settings use it up at the first byte, for tests of clients that must survive it.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from docferry.engine.answers import JsonResponse
from docferry.engine.errors import Refusal
from docferry.engine.records import Link
from docferry.engine.runtime import Runtime

GONE = "STORAGE_410"
TAKEN = "this result was already downloaded"
CHUNK_BYTES = 256 * 1024


def open_large_result(runtime: Runtime, job_id: str) -> tuple[Path, int]:
    """The file behind a link that still works; 404 for a link that never was, 410 for one that no longer works."""
    job = runtime.store.find(job_id)
    if job is None or job.link is Link.NONE:
        raise Refusal("STORAGE_001", "no such large result")
    if job.link is Link.TAKEN or job.id in runtime.downloads:
        raise Refusal(GONE, TAKEN)
    if time.time() > (job.finished_at or 0.0) + runtime.settings.large_results.link_s:
        raise Refusal(GONE, "the link to this result has expired")
    path = runtime.jobs.result_path(job)
    try:
        return path, path.stat().st_size
    except FileNotFoundError:
        raise Refusal(GONE, "this result is no longer kept") from None


class LargeResultResponse(Response):
    """Streams the file, then makes the link and the file go."""

    media_type = "application/json"

    def __init__(self, runtime: Runtime, job_id: str, path: Path, size_bytes: int) -> None:
        super().__init__(headers={"content-length": str(size_bytes)})
        self._runtime = runtime
        self._job_id = job_id
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        downloads = self._runtime.downloads
        if self._job_id in downloads:  # another request passed the same check a moment earlier
            await JsonResponse({"error": {"code": GONE, "message": TAKEN}}, status_code=410)(scope, receive, send)
            return
        downloads.add(self._job_id)
        try:
            if self._runtime.settings.large_results.strict:
                await self._runtime.store.take_link(self._job_id)
            if await self._stream(scope, receive, send):
                await self._runtime.store.take_link(self._job_id)
                await asyncio.to_thread(self._path.unlink, missing_ok=True)
        finally:
            downloads.discard(self._job_id)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether everything was passed on while the client was still there."""
        request = Request(scope, receive)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with self._path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                if await request.is_disconnected():
                    return False
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        was_there = not await request.is_disconnected()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return was_there
