"""A real daemon in a folder of its own, for tests: start it, drop files, kill it, ask its ledger."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from commands import docferry
from docferry.daemon.control import ask
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.errors import LedgerError
from docferry.ledger import LedgerReader
from docferry.models import Document

T = TypeVar("T")

SAMPLES = Path(__file__).parent.parent / "config" / "samples"
DEADLINE_S = 60.0

# As jobs, so that there is something to poll, kill and cancel: small documents would be done in one call.
EVERYTHING = {
    "name": "everything",
    "provider": "local",
    "mode": "async",
    "deliver": {"formats": ["markdown", "json"]},
}


def wait_for(what: Callable[[], T], *, deadline_s: float = DEADLINE_S, saying: Callable[[], str] = str) -> T:
    """The first true answer of ``what``; fails with what ``saying`` says when there is none in time."""
    end = time.monotonic() + deadline_s
    while True:
        if answer := what():
            return answer
        assert time.monotonic() < end, f"waited {deadline_s:.0f} s in vain: {saying()}"
        time.sleep(0.02)


class Ferry:
    """One configuration with its folders, and the daemon that runs it when it does."""

    def __init__(self, folder: Path, config: Mapping[str, Any] | None = None, **inbox: Any) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.outbox = folder / "outbox"
        self.archive = folder / "archive"
        self.failed = folder / "failed"
        self.state = folder / "state"
        self.config = folder / "docferry.yaml"
        self.log = folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        for place in (self.inbox, self.outbox, self.archive, self.failed):
            place.mkdir(parents=True, exist_ok=True)
        self.write(config or {}, **inbox)

    def write(self, config: Mapping[str, Any], **inbox: Any) -> None:
        """Writes the configuration: one inbox, what ``config`` says, and the embedded engine where it says nothing."""
        places = {name: f"./{name}" for name in ("outbox", "archive", "failed")}
        values: dict[str, Any] = {
            "state": "./state",
            "inboxes": [{"name": "scans", "path": "./inbox", "settle_max": "3s", **places, **inbox}],
            "providers": {"local": {"dialect": "pulse", "engine": "embedded"}},
            "rules": [EVERYTHING],
        }
        self.config.write_text(yaml.safe_dump({**values, **config}, sort_keys=False))

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a docferry command with this configuration to its end."""
        words = [sys.executable, "-m", "docferry", arguments[0], "-c", str(self.config), *arguments[1:]]
        return subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S * 2, check=False, **options)

    def ask(self, *arguments: str) -> Any:
        """The decoded answer of a command with ``--json``, called in this process: many tests ask often."""
        done = docferry(arguments[0], "-c", self.config, *arguments[1:], "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def run_once(self, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.command("run", "--once", **options)

    def start(self, environ: Mapping[str, str] | None = None, *, ready: bool = True) -> Self:
        """Starts the daemon; with ``ready`` waits until it watches."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "docferry", "run", "-c", str(self.config)],
                stdout=log,
                stderr=log,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
            )
        if ready:
            wait_for(self.is_ready, saying=self.log_text)
        return self

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log_text()}"
        status = ask(socket_path(self.state, CONTROL), {"do": "status"})
        return status is not None and all(inbox["state"] == "watched" for inbox in status["inboxes"])

    def kill(self) -> None:
        """SIGKILL to the daemon alone, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def drop(self, source: Path | bytes, name: str | None = None) -> Path:
        """Puts a file into the inbox the way a copy does; its path there."""
        target = self.inbox / (name or (source.name if isinstance(source, Path) else "document.txt"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes() if isinstance(source, Path) else source)
        return target

    def documents(self, *states: str) -> list[Document]:
        try:
            with LedgerReader(self.state) as ledger:
                return ledger.documents(states=tuple(states), limit=None)
        except LedgerError:
            return []  # not made yet

    def events(self, document_id: str | None) -> list[dict[str, Any]]:
        with LedgerReader(self.state) as ledger:
            return ledger.events(document_id)

    def wait_for_ended(self, count: int, *, deadline_s: float = DEADLINE_S) -> list[Document]:
        """The documents, once ``count`` of them have ended and were put away."""

        def ended() -> list[Document]:
            documents = [document for document in self.documents() if document.filed]
            return documents if len(documents) >= count else []

        return wait_for(ended, deadline_s=deadline_s, saying=lambda: f"{self.documents()}\n{self.log_text()}")

    def receipts(self) -> dict[str, Any]:
        """Every receipt below the outbox by its path."""
        return {
            str(path.relative_to(self.outbox)): json.loads(path.read_bytes())
            for path in sorted(self.outbox.rglob("*.receipt.json"))
        }


class StandingEngine:
    """An engine in a process of its own, whose jobs survive the daemon; stops when the block ends."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.url = ""
        self._state = folder / "engine-state"
        self._settings = {"port": 0, "workers": 1, **settings}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "docferry.engine", "--state", str(self._state), "--settings-json", "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._process.stdin.write(json.dumps(self._settings).encode())
        self._process.stdin.close()
        for line in self._process.stderr:
            if b"listening on" in line:
                self.url = line.decode().split("listening on ")[1].strip()
                break
        assert self.url, "the engine did not come up"
        self._drain = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._drain.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=DEADLINE_S)
        self._drain.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def jobs(self) -> list[dict[str, Any]]:
        """Every job the engine has ever taken, from its own state."""
        with closing(sqlite3.connect(f"file:{next(self._state.glob('*.sqlite'))}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM jobs")]
