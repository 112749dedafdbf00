"""What the OpenAPI page describes is tried at random: no answer is a server error, each is of a documented shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from docferry.engine.app import create_app
from docferry.engine.settings import EngineSettings
from engine.server.machine import Running, engine

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DESCRIBED = schemathesis.openapi.from_dict(create_app(EngineSettings(Path("unused")), print).openapi())
OPERATIONS = [found.ok() for found in DESCRIBED.get_all_operations()]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    limits = {"fetch_time_s": 1.0}
    with engine(tmp_path_factory.mktemp("fuzzed"), workers=2, limits=limits) as running:
        yield running


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_random_requests_get_documented_answers(operation: Any, fuzzed: Running) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def try_one(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=fuzzed.url, checks=CHECKS)

    try_one()


def test_the_page_needs_nothing_from_elsewhere(fuzzed: Running) -> None:
    page = fuzzed.http.get("/docs").text
    assert "POST /api/v1/extract/async" in page
    assert "://" not in page
    assert "<script" not in page


def test_every_endpoint_of_both_contracts_is_described() -> None:
    labels = {operation.label for operation in OPERATIONS}
    pulse = {f"POST /{name}" for name in ("extract", "extract_async", "split", "schema", "tables", "pipeline/execute")}
    pulse |= {f"POST /batch/{name}" for name in ("extract", "split", "schema", "tables")}
    pulse |= {"GET /job/{job_id}", "DELETE /job/{job_id}", "GET /large_results/{job_id}"}
    nanonets = {f"POST /api/v1/extract/{name}" for name in ("async", "sync", "stream", "batch")}
    nanonets |= {"GET /api/v1/extract/results", "GET /api/v1/extract/results/{record_id}"}
    nanonets |= {"POST /api/v1/classify/sync", "POST /api/v1/classify/batch", "POST /v1/chat/completions"}
    assert pulse | nanonets <= labels
