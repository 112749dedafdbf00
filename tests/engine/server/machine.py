"""Engines for tests: in a thread on a free port, or as a process of their own that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from docferry.engine.serve import EngineThread
from docferry.engine.settings import EngineSettings, settings_from_json

Found = TypeVar("Found")
SAMPLES = Path(__file__).parents[3] / "config" / "samples"
REPORT = SAMPLES / "report.pdf"
NOTES = SAMPLES / "notes.txt"
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Running:
    """An engine that listens, and a client for it."""

    url: str
    http: httpx.Client
    settings: EngineSettings

    def extract(self, data: bytes, name: str = "notes.txt", /, **fields: str) -> httpx.Response:
        return self.http.post("/extract", files={"file": (name, data)}, data=fields)

    def submit(self, data: bytes, name: str = "notes.txt", /, **fields: str) -> str:
        """The id of an accepted asynchronous job."""
        answer = self.extract(data, name, **{"async": "true", **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def poll(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/job/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job's answer once it has ended."""
        return wait_for(lambda: has_ended(self.poll(job_id)))

    def record(self, record_id: str) -> dict[str, Any]:
        """A Nanonets record once it has ended."""
        path = f"/api/v1/extract/results/{record_id}"
        return wait_for(lambda: unless(self.http.get(path).json(), "processing"))

    def has_status(self, job_id: str, status: str) -> dict[str, Any] | None:
        answer = self.poll(job_id)
        return answer if answer["status"] == status else None


def has_ended(answer: dict[str, Any]) -> dict[str, Any] | None:
    return answer if answer["status"] not in {"pending", "processing"} else None


def unless(record: dict[str, Any], status: str) -> dict[str, Any] | None:
    return record if record["status"] != status else None


@contextmanager
def engine(state: Path, **settings: Any) -> Iterator[Running]:
    """An engine in this process, with one worker unless told otherwise."""
    wanted = settings_from_json({"state": str(state), "port": 0, "workers": 1, "grace_s": 1.0, **settings})
    with EngineThread(wanted) as running, httpx.Client(base_url=running.address, timeout=DEADLINE_S) as http:
        yield Running(running.address, http, wanted)


class EngineProcess:
    """An engine of its own process on a Unix socket. As a context it listens when entered."""

    def __init__(self, folder: Path, *arguments: str, **settings: Any) -> None:
        self.uds = folder / "engine.sock"
        self.state = folder / "state"
        self._arguments = arguments
        self._settings = {"workers": 1, **settings}
        self.log = folder / "engine.log"

    def __enter__(self) -> EngineProcess:
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "docferry.engine", "--uds", str(self.uds), "--state", str(self.state)]
            self.process = subprocess.Popen(
                [*command, "--settings-json", "-", *self._arguments], stdin=subprocess.PIPE, stderr=log
            )
        assert self.process.stdin is not None
        with self.process.stdin as stdin:
            stdin.write(json.dumps(self._settings).encode())
        wait_for(lambda: self.process.poll() is not None or self.has_announced())
        assert self.process.poll() is None, self.log.read_text()
        self.running = Running("http://engine", self.client(), settings_from_json({"state": str(self.state)}))
        return self

    def __exit__(self, *error: object) -> None:
        self.running.http.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(DEADLINE_S)

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url="http://engine", transport=httpx.HTTPTransport(uds=str(self.uds)), timeout=DEADLINE_S
        )

    def has_announced(self) -> bool:
        return "docferry engine listening on" in self.log.read_text()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_S)


def wait_for(look: Callable[[], Found | None], deadline_s: float = DEADLINE_S) -> Found:
    """What ``look`` gives as soon as it gives something; an AssertionError when the time is over."""
    deadline = time.monotonic() + deadline_s
    while not (found := look()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
    return found


def worker_pids() -> list[int]:
    """The worker processes that this process, or a process of its, has started."""
    return workers_of(os.getpid())


def workers_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            command = command_line(child)
            found += [child] if "docferry.engine.worker" in command else workers_of(child)
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
