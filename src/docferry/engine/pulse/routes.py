"""All routes of the Pulse dialect."""

from __future__ import annotations

from fastapi import APIRouter

from docferry.engine.pulse import extraction, jobs

router = APIRouter()
router.include_router(extraction.router)
router.include_router(jobs.router)
