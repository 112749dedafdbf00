"""What the service offers behind feature flags and this engine does not: a clear 403 instead of an unknown path."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from docferry.engine.errors import not_offered
from docferry.engine.pulse.calls import enter
from docferry.engine.pulse.extraction import ERRORS

router = APIRouter(tags=["Pulse"])


@router.post("/form/detect", responses=ERRORS, status_code=403)
@router.post("/form/fill", responses=ERRORS, status_code=403)
@router.post("/form/clear", responses=ERRORS, status_code=403)
async def forms(request: Request) -> Response:
    """Detecting, filling and clearing PDF forms is not offered by this engine."""
    enter(request)
    raise not_offered("form filling")


@router.post("/webhook", responses=ERRORS, status_code=403)
async def webhook(request: Request) -> Response:
    """Webhooks are not offered by this engine: poll `/job/{job_id}`."""
    enter(request)
    raise not_offered("a webhook portal")
