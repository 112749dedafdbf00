"""All routes of the Pulse dialect."""

from __future__ import annotations

from fastapi import APIRouter

from docferry.engine.pulse import absent, batch, extraction, jobs, later, pipeline

router = APIRouter()
for part in (extraction, jobs, later, batch, pipeline, absent):
    router.include_router(part.router)
