"""A real scrape over a real socket, read back with Prometheus' own parser."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from docferry.errors import UsageError
from docferry.observe.health import Health, HealthServer, Listen
from docferry.observe.metrics import Metrics, PrometheusMetrics
from docferry.observe.notify import Mark


def values(text: str) -> dict[str, float]:
    """``name{label=value}`` to its value."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_what_happens_is_counted() -> None:
    now = 1000.0
    metrics = PrometheusMetrics(lambda: now)
    metrics.submitted("pulse", "extract", "accepted")
    metrics.polled("pulse", "pending")
    metrics.polled("pulse", "pending")
    metrics.error("pulse", "Unavailable")
    metrics.uploaded("pulse", 5000)
    metrics.job_ended("pulse", "extract", 12.0)
    metrics.credits_spent("pulse", 2.5)
    metrics.committed(0.004, 3)
    metrics.documents({"waiting": 3, "failed": 1})
    metrics.oldest_waiting({"scans": 61.0})
    metrics.inbox("scans", online=True, events=False)
    metrics.progress({"poller": Mark(90.0, 30.0)}, elapsed=95.0)
    found = values(metrics.render().decode())
    assert found["docferry_submissions_total{endpoint=extract,outcome=accepted,provider=pulse}"] == 1
    assert found["docferry_polls_total{answer=pending,provider=pulse}"] == 2
    assert found["docferry_errors_total{kind=Unavailable,provider=pulse}"] == 1
    assert found["docferry_upload_bytes_total{provider=pulse}"] == 5000
    assert found["docferry_job_duration_seconds_sum{endpoint=extract,provider=pulse}"] == 12
    assert found["docferry_credits_total{provider=pulse}"] == 2.5
    assert found["docferry_ledger_commit_seconds_count"] == 1
    assert found["docferry_ledger_changes_total"] == 3
    assert found["docferry_documents{state=waiting}"] == 3
    assert found["docferry_documents{state=delivered}"] == 0
    assert found["docferry_oldest_waiting_seconds{inbox=scans}"] == 61
    assert found["docferry_observer_alive{inbox=scans}"] == 0
    assert found["docferry_part_silence_seconds{part=poller}"] == 5


def test_parked_time_grows_while_a_provider_is_parked_and_stops_after() -> None:
    now = 1000.0
    metrics = PrometheusMetrics(lambda: now)
    metrics.parked("pulse", 940.0)
    name = "docferry_provider_parked_seconds_total{provider=pulse}"
    assert values(metrics.render().decode())[name] == 60
    now = 1030.0
    metrics.parked("pulse", 940.0)  # said again: nothing is counted twice
    assert values(metrics.render().decode())[name] == 90
    now = 1020.0  # the clock was set back
    metrics.parked("pulse", None)
    now = 2000.0
    found = values(metrics.render().decode())
    assert found[name] == 90
    assert found["docferry_provider_parked{provider=pulse}"] == 0


def test_metrics_that_are_off_take_everything_and_keep_nothing() -> None:
    metrics = Metrics()
    metrics.submitted("pulse", "extract", "accepted")
    metrics.documents({"waiting": 3})
    assert metrics.render() == b""


class Daemon:
    """What the health server asks of a daemon."""

    def __init__(self) -> None:
        self.metrics = PrometheusMetrics(lambda: 0.0)
        self.health = Health(True, "every part makes progress")
        self.is_ready = Health(False, "scans was not scanned yet")

    async def refresh(self) -> None:
        self.metrics.documents({"waiting": 7})

    def server(self, listen: str) -> HealthServer:
        return HealthServer(
            Listen.parse(listen),
            self.metrics,
            healthy=lambda: self.health,
            ready=lambda: self.is_ready,
            refresh=self.refresh,
        )


def serving(server: HealthServer, use: Callable[[], Awaitable[None]]) -> None:
    async def life() -> None:
        await server.start()
        try:
            await use()
        finally:
            await server.stop()

    asyncio.run(life())


async def get(server: HealthServer, path: str) -> tuple[int, str]:
    if server.address.startswith("unix:"):
        connector: aiohttp.BaseConnector = aiohttp.UnixConnector(server.address.removeprefix("unix:"))
        base = "http://docferry"
    else:
        connector, base = aiohttp.TCPConnector(), f"http://{server.address}"
    async with aiohttp.ClientSession(connector=connector) as session, session.get(base + path) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("where", ["unix", "port"])
def test_the_server_answers_on_a_socket_and_on_a_port(where: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    daemon = Daemon()
    server = daemon.server(f"unix:{path}" if where == "unix" else "127.0.0.1:0")

    async def use() -> None:
        status, text = await get(server, "/metrics")
        assert status == 200
        assert values(text)["docferry_documents{state=waiting}"] == 7
        assert await get(server, "/healthz") == (200, "every part makes progress\n")
        assert await get(server, "/readyz") == (503, "scans was not scanned yet\n")
        daemon.health = Health(False, "poller silent for 90 s")
        assert await get(server, "/healthz") == (503, "poller silent for 90 s\n")
        assert (await get(server, "/"))[0] == 404
        if where == "unix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o660

    serving(server, use)
    assert not path.exists()


def test_a_socket_left_by_a_killed_daemon_is_replaced_and_a_used_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = Daemon().server(str(path))

    async def use() -> None:
        assert (await get(server, "/healthz"))[0] == 200
        with pytest.raises(UsageError, match="cannot listen"):
            await Daemon().server(str(path)).start()
        assert (await get(server, "/healthz"))[0] == 200

    serving(server, use)


def test_a_file_in_the_sockets_place_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    path.write_text("mine")
    with pytest.raises(UsageError, match="cannot listen"):
        asyncio.run(Daemon().server(str(path)).start())
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["0.0.0.0:9464", "192.0.2.1:80", "[::]:80", "example.org:80", "nowhere", "127.0.0.1:x", "127.0.0.1:70000"]
)
def test_only_this_machine_is_served(text: str) -> None:
    with pytest.raises(UsageError, match=r"metrics\.listen"):
        Listen.parse(text)


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("9464", Listen(port=9464)),
        ("[::1]:80", Listen(host="::1", port=80)),
        ("localhost:80", Listen(host="localhost", port=80)),
        ("/run/x.sock", Listen(path=Path("/run/x.sock"))),
    ],
)
def test_short_forms_are_understood(text: str, listen: Listen) -> None:
    assert Listen.parse(text) == listen
