"""Those that are measured: docferry, the pipelines and programs people use instead, and the server they all talk to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import yaml

from speed.figures import cpu_s

HERE = Path(__file__).parent
DEADLINE_S = 900.0


def wait_for(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S, every_s: float = 0.05) -> None:
    """Returns when ``condition`` holds; TimeoutError when it does not in time."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline_s:g} s in vain")
        time.sleep(every_s)


def make_pdf(mark: int, size_bytes: int) -> bytes:
    """A whole PDF of one page and of this size, with a mark that the server recognises."""
    start = b"%%PDF-1.4\n%%bench-%08d\n" % mark
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
    ]
    body = bytearray(start)
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    fill = max(0, size_bytes - len(body) - 230)
    places.append(len(body))
    body += b"4 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (
        fill,
        os.urandom(fill // 2 + 1).hex()[:fill].encode(),
    )
    xref = len(body)
    body += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % xref
    return bytes(body)


class FastServer:
    """The provider that all are measured against; see ``fast_server``."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fast_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def script(self, *, job_s: float = 0.0, answer_s: float = 0.0) -> None:
        """Sets the job time and the time to a submission's answer, and forgets what was counted."""
        self._ask("/_script", json.dumps({"job_s": job_s, "answer_s": answer_s}).encode())

    def count(self) -> dict[str, int]:
        """How many submissions and polls there were."""
        return dict(self._ask("/_count"))

    def stats(self) -> dict[str, Any]:
        return dict(self._ask("/_stats"))

    def first_bytes_at(self) -> dict[int, float]:
        """When each marked document's first byte came."""
        return {mark: first_at for first_at, _, mark, _ in self.stats()["submissions"]}

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(self.url + path, body, timeout=60) as answer:
            return json.load(answer)


class Docferry:
    """A daemon in a folder of its own, as anyone would configure it; stopped when the block ends."""

    def __init__(self, folder: Path, config: dict[str, Any] | None = None, **inbox: Any) -> None:
        self.folder, self.inbox, self.outbox = folder, folder / "inbox", folder / "outbox"
        self.config, self.log = folder / "docferry.yaml", folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("inbox", "outbox", "archive", "failed"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        places = {name: f"./{name}" for name in ("outbox", "archive", "failed")}
        values = {
            "state": "./state",
            "inboxes": [{"name": "scans", "path": "./inbox", **places, **inbox}],
            "rules": [{"name": "everything", "deliver": {"formats": ["json"]}}],
            **(config or {}),
        }
        self.config.write_text(yaml.safe_dump(values, sort_keys=False))

    def start(self, *, ready: bool = True) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "docferry", "run", "-c", str(self.config)], stdout=log, stderr=log
            )
        if ready:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        assert self.process is not None
        wait_for(lambda: b" ready: " in self.log.read_bytes() or self._has_ended(), every_s=0.005)

    def _has_ended(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(self.log.read_text()[-3000:])
        return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process = None
        self.log.write_bytes(b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def receipts(self) -> list[os.DirEntry[str]]:
        with os.scandir(self.outbox) as entries:
            return [entry for entry in entries if entry.name.endswith(".receipt.json")]

    def wait_for_receipts(self, count: int) -> float:
        """When the last of ``count`` receipts was put there."""
        wait_for(lambda: len(self.receipts()) >= count or self._has_ended(), every_s=0.2)
        return max(entry.stat().st_mtime for entry in self.receipts())

    def command(self, *words: str) -> float:
        """How long a command takes, from its start to its end."""
        began = time.monotonic()
        argv = [sys.executable, "-m", "docferry", words[0], "-c", str(self.config), *words[1:]]
        subprocess.run(argv, check=True, capture_output=True)
        return time.monotonic() - began


class CurlPipeline:
    """``inotifywait -m | xargs -P16 curl``: uploads what is closed or moved in; asks for no result."""

    def __init__(self, folder: Path, url: str) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self._line = (
            f"inotifywait -m -q -e close_write,moved_to --format %w%f {self.inbox} 2>&1"
            f" | xargs -P16 -I{{}} curl -s -o /dev/null -F async=true -F 'file=@{{}}' {url}/extract"
        )

    @staticmethod
    def missing() -> str | None:
        """Why it cannot be measured here."""
        absent = [program for program in ("inotifywait", "curl", "xargs") if shutil.which(program) is None]
        return f"{', '.join(absent)} not installed" if absent else None

    def __enter__(self) -> Self:
        self._shell = subprocess.Popen(["sh", "-c", self._line], start_new_session=True)
        time.sleep(0.5)  # inotifywait is silent about when its watch stands
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()


def drop(inbox: Path, names: Sequence[str], staged: Path) -> float:
    """Moves prepared files in, all at once; when it began."""
    began_at = time.time()
    for name in names:
        os.rename(staged / name, inbox / name)
    return began_at


def write_and_close(path: Path, content: bytes) -> float:
    """Writes a file the ordinary way; the moment before its close()."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        return time.time()
