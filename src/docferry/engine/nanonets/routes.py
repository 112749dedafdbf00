"""All routes of the Nanonets dialect."""

from __future__ import annotations

from fastapi import APIRouter

from docferry.engine.nanonets import chat, classification, extraction

router = APIRouter()
for part in (extraction, classification, chat):
    router.include_router(part.router)
