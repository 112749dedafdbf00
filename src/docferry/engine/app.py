"""The application: both dialects on one set of jobs."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

import docferry
from docferry.engine import openapi, sqlite
from docferry.engine.access import Doorkeeper
from docferry.engine.answers import JsonResponse
from docferry.engine.errors import Refusal
from docferry.engine.jobs import Jobs
from docferry.engine.nanonets import routes as nanonets
from docferry.engine.nanonets.refusals import error_body, invalid, problem
from docferry.engine.pulse import routes as pulse
from docferry.engine.retention import keep_tidy, remove_orphans
from docferry.engine.runtime import Runtime
from docferry.engine.settings import EngineSettings
from docferry.engine.store import Store

log = logging.getLogger(__name__)

NANONETS_PATHS = ("/api/", "/v1/")
FULL_DISK = {errno.ENOSPC, errno.EDQUOT}
DISK_PAUSE_S = "60"
CLIENT_CLOSED_REQUEST = 499
# Else a variable of the environment is enough to have requests and errors sent to another machine.
SILENT: TelemetryConfig = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False
}  # fmt: skip


def create_app(settings: EngineSettings, failed: Callable[[BaseException], None]) -> FastAPI:
    """The engine as an ASGI application. ``failed`` is told of an error after which it cannot go on."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, failed) as runtime:
            app.state.runtime = runtime
            yield

    app = FastAPI(
        title="docferry engine",
        version=docferry.__version__,
        description="Two document-extraction APIs, served locally.",
        lifespan=lifespan,
        default_response_class=JsonResponse,
        docs_url=None,  # the framework's pages load their scripts from elsewhere
        redoc_url=None,
        telemetry=SILENT,
    )
    app.add_api_route("/docs", docs, include_in_schema=False)
    app.include_router(pulse.router)
    app.include_router(nanonets.router)
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(OSError, answer_trouble)
    app.add_exception_handler(sqlite.DatabaseError, answer_trouble)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    app.add_exception_handler(Exception, answer_defect)
    app.add_middleware(Doorkeeper)
    return app


async def docs(request: Request) -> Response:
    return HTMLResponse(openapi.page(request.app.openapi()))


@asynccontextmanager
async def running(settings: EngineSettings, failed: Callable[[BaseException], None]) -> AsyncIterator[Runtime]:
    """The engine at work: its ledger open, its workers running, its housekeeping on."""
    incoming = settings.state / "incoming"
    shutil.rmtree(incoming, ignore_errors=True)  # uploads that an earlier server had not accepted
    incoming.mkdir(parents=True)
    store = Store(settings.state)
    await asyncio.to_thread(remove_orphans, store.jobs_folder, store.ids())
    jobs = Jobs(settings, store, failed)
    tidying = asyncio.create_task(keep_tidy(store, settings.retention))
    tidying.add_done_callback(lambda task: _ended(task, failed))
    try:
        await jobs.start()
        yield Runtime(settings, store, jobs)
    finally:
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)
        await jobs.close()
        store.close()


def _ended(task: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        failed(error)


async def answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    body = error_body(error) if is_nanonets(request) else {"error": pulse_error(error)}
    return JsonResponse(body, status_code=error.status, headers=error.headers)


def pulse_error(error: Refusal) -> dict[str, Any]:
    details = {"details": error.details} if error.details is not None else {}
    return {"code": error.code, "message": error.message, **details}


def is_nanonets(request: Request) -> bool:
    return request.url.path.startswith(NANONETS_PATHS)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Parameters of the query or the path that the framework refuses."""
    assert isinstance(error, RequestValidationError)
    refusal = invalid(problem(entry["loc"][-1], entry["msg"], part=entry["loc"][0]) for entry in error.errors())
    return await answer_refusal(request, refusal)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    code = f"GENERAL_{error.status_code}"
    return await answer_refusal(
        request, Refusal(code, str(error.detail), status=error.status_code, headers=error.headers)
    )


async def answer_nobody(request: Request, error: Exception) -> Response:
    """The client went away while it was sending; the status is for the access log."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def answer_trouble(request: Request, error: Exception) -> Response:
    """A full disk is trouble that passes; other errors of files and ledger are not."""
    is_full = getattr(error, "errno", None) in FULL_DISK or "disk is full" in str(error)
    if not is_full:
        return await answer_defect(request, error)
    log.error("the disk is full path=%s", request.url.path)
    refusal = Refusal("GENERAL_503", "the engine's disk is full", headers={"Retry-After": DISK_PAUSE_S})
    return await answer_refusal(request, refusal)


async def answer_defect(request: Request, error: Exception) -> Response:
    log.error("a request failed by a defect path=%s", request.url.path, exc_info=error)
    return await answer_refusal(request, Refusal("GENERAL_500", "the engine has a defect; its log says more"))
