"""Programs that people install to have a folder watched: one file at a time, from close() to the start of work.

They come from PyPI and npm into ``.bench/programs`` when they are first measured, at the versions below. Where one
does not install, its row says why. Each is set to be as quick as it can be made, which takes away what keeps it from
half-written files: ferry-ingest waits for no quiet (``settle: 0s``), and Node-RED sends what is there when a name
appears.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol, Self

import yaml

from speed.contenders import Docferry, FastServer, make_pdf, wait_for, write_and_close
from speed.figures import Row, at_most, median, percentile

FERRY_INGEST = "ferry-ingest==0.1.0a1"
OCRMYPDF = "ocrmypdf==17.13.0"
OCRMYPDF_WATCHER_NEEDS = ("cyclopts", "watchfiles", "python-dotenv")
NODE_RED = "node-red@4.1.15"

SIZE_BYTES = 100_000
FIRST_MARK = 20_000_000
STARTED_S = 60.0
NOTICED_S = 30.0  # what was not noticed by then counts as this


class Rival(Protocol):
    """A program with an inbox; ``moments`` is when it began to work on which mark."""

    name: str
    inbox: Path

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def moments(self) -> dict[int, float]: ...


class _Program:
    """A program of somebody else's, with a log that may be read for what it says and when."""

    name = ""
    ready = ""  # what its log says once it watches

    def __init__(self, folder: Path) -> None:
        self.folder, self.inbox = folder, folder / "inbox"
        self.inbox.mkdir(parents=True)
        self.lines: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command(),
            cwd=self._elsewhere(),
            env=os.environ | self._settings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        try:
            wait_for(self._is_watching, deadline_s=STARTED_S)
        except BaseException:
            self.__exit__()
            raise
        time.sleep(1.0)  # what they say comes before the watch stands, by a little
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(timeout=10)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append((time.time(), line.rstrip()))

    def _is_watching(self) -> bool:
        if self._process.poll() is not None:
            raise ProgramTrouble(f"{self.name} ended: {' '.join(line for _, line in self.lines[-3:])}")
        return any(self.ready in line for _, line in self.lines)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _settings(self) -> dict[str, str]:
        return {}

    def _elsewhere(self) -> Path:
        """An empty folder to run in: OCRmyPDF's watcher refuses one that its inbox is part of."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return elsewhere


class FerryIngest(_Program):
    """Its pipelines upload to S3, so the server takes its PUTs."""

    name = "ferry-ingest"
    ready = "streaming "

    def __init__(self, folder: Path, server: FastServer, programs: Path) -> None:
        super().__init__(folder)
        self.moments = server.first_bytes_at
        self._ferry = _installed(programs, FERRY_INGEST) / "bin" / "ferry"
        store = {
            "url": "s3://bench/",
            "endpoint": server.url,
            "allow_http": True,
            "region": "us-east-1",
            "options": {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"},
        }
        pipeline = {
            "name": "bench",
            "root": str(self.inbox),
            "unit": {"regex": "^(?P<unit>[^/]+)$"},
            "destinations": ["bench"],
            "mode": "stream",
            "upload": "file",
            "settle": "0s",
        }
        values = {"state_dir": str(folder / "state"), "stores": {"bench": store}, "pipelines": [pipeline]}
        (folder / "ferry.yaml").write_text(yaml.safe_dump(values))

    def _command(self) -> list[str]:
        return [str(self._ferry), "-c", str(self.folder / "ferry.yaml"), "watch"]


class NodeRed(_Program):
    """The flow that its palette suggests: watch, read the file, send it by HTTP."""

    name = "Node-RED"
    ready = "Started flows"

    def __init__(self, folder: Path, server: FastServer, programs: Path) -> None:
        super().__init__(folder)
        self.moments = server.first_bytes_at
        self._modules = _npm_installed(programs, NODE_RED)
        self._home = folder / "home"
        self._home.mkdir()
        nodes = [
            {"id": "watch", "type": "watch", "files": str(self.inbox), "wires": [["isfile"]]},
            {
                "id": "isfile",
                "type": "switch",
                "property": "type",
                "propertyType": "msg",
                "rules": [{"t": "eq", "v": "file", "vt": "str"}],
                "outputs": 1,
                "wires": [["read"]],
            },
            {"id": "read", "type": "file in", "filename": "filename", "filenameType": "msg", "wires": [["send"]]},
            {"id": "send", "type": "http request", "method": "POST", "url": f"{server.url}/extract", "wires": [[]]},
        ]
        placed = [{"z": "bench", "x": 100 * place, "y": 100, **node} for place, node in enumerate(nodes, 1)]
        flow = [{"id": "bench", "type": "tab", "label": "bench"}, *placed]
        (self._home / "flows.json").write_text(json.dumps(flow))
        (self._home / "settings.js").write_text(
            'module.exports = { httpAdminRoot: false, httpNodeRoot: false, flowFile: "flows.json",'
            " telemetry: { enabled: false, updateNotification: false } };"
        )

    def _command(self) -> list[str]:
        return [str(self._modules / ".bin" / "node-red"), "-u", str(self._home), "-s", str(self._home / "settings.js")]


class OcrMyPdf(_Program):
    """Its folder watcher uploads nothing: what counts is when it says that it begins with a file."""

    name = "OCRmyPDF's watcher"
    ready = "Watching "
    _BEGINS = re.compile(r"Attempting to OCRmyPDF to: .*single-(\d+)\.pdf")

    def __init__(self, folder: Path, server: FastServer, programs: Path) -> None:
        super().__init__(folder)
        self._environment = _installed(programs, OCRMYPDF, *OCRMYPDF_WATCHER_NEEDS)
        self._watcher = _ocrmypdf_watcher(programs)

    def _command(self) -> list[str]:
        return [str(self._environment / "bin" / "python"), "-u", str(self._watcher)]

    def _settings(self) -> dict[str, str]:
        output, archive = self.folder / "output", self.folder / "archive"
        output.mkdir()
        archive.mkdir()
        return {
            "OCR_INPUT_DIRECTORY": str(self.inbox),
            "OCR_OUTPUT_DIRECTORY": str(output),
            "OCR_ARCHIVE_DIRECTORY": str(archive),
            "OCR_JSON_SETTINGS": '{"ocr_engine": "none", "output_type": "pdf"}',
        }

    def moments(self) -> dict[int, float]:
        return {int(found[1]): at for at, line in self.lines if (found := self._BEGINS.search(line))}


class _Ferry:
    """docferry among them."""

    name = "docferry"

    def __init__(self, daemon: Docferry, server: FastServer) -> None:
        self.inbox, self.moments = daemon.inbox, server.first_bytes_at


class ProgramTrouble(Exception):
    """A program cannot be measured here; the message says why."""


PROGRAMS: tuple[Callable[[Path, FastServer, Path], Rival], ...] = (FerryIngest, NodeRed, OcrMyPdf)


def rivals(folder: Path, server: FastServer, daemon: Docferry, programs: Path, *, drops: int) -> Iterator[Row]:
    """docferry and the others take turns, one file at a time, each after the one before was begun with."""
    server.script()
    with ExitStack() as running, daemon:
        present: list[Rival | _Ferry] = [_Ferry(daemon, server)]
        for number, program in enumerate(PROGRAMS):
            try:
                present.append(running.enter_context(program(folder / f"program{number}", server, programs)))
            except (ProgramTrouble, TimeoutError) as trouble:
                yield Row(f"detection against {program.__name__}", None, "", None, "", str(trouble))
        lags = _single_drops(present, drops)
    ours = lags.pop("docferry")
    for name, theirs in lags.items():
        yield at_most(
            f"detection, close() to start of work: against {name}",
            max(percentile(ours, share) / percentile(theirs, share) for share in (0.5, 0.99)),
            1.0,
            _shown(ours),
            _shown(theirs),
            ours_ms=[lag * 1000 for lag in ours],
            theirs_ms=[lag * 1000 for lag in theirs],
        )


def _shown(lags: Sequence[float]) -> str:
    return f"{median(lags) * 1000:.1f} ms, 99 %: {percentile(lags, 0.99) * 1000:.1f} ms"


def _single_drops(present: Sequence[Rival | _Ferry], drops: int) -> dict[str, list[float]]:
    lags: dict[str, list[float]] = {one.name: [] for one in present}
    chance = Random(10)
    for number in range(drops * len(present)):
        one, mark = present[number % len(present)], FIRST_MARK + number
        closed_at = write_and_close(one.inbox / f"single-{mark}.pdf", make_pdf(mark, SIZE_BYTES))
        with suppress(TimeoutError):
            wait_for(partial(_has_begun, one, mark), deadline_s=NOTICED_S)
        lags[one.name].append(one.moments().get(mark, closed_at + NOTICED_S) - closed_at)
        time.sleep(chance.uniform(0.3, 0.5))  # none is still busy with the one before
    return lags


def _has_begun(one: Rival | _Ferry, mark: int) -> bool:
    return mark in one.moments()


def _installed(programs: Path, *requirements: str) -> Path:
    """An environment with these packages."""
    environment = programs / re.sub(r"[^a-z0-9.]+", "-", requirements[0])
    if not (environment / "complete").exists():
        shutil.rmtree(environment, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(environment))
        _run(str(environment / "bin" / "pip"), "install", "--quiet", *requirements)
        (environment / "complete").touch()
    return environment


def _ocrmypdf_watcher(programs: Path) -> Path:
    """The watcher is a script in the source archive, not in the wheel."""
    source = programs / f"{OCRMYPDF.replace('==', '-')}-source"
    if not source.exists():
        arriving = source.with_suffix(".arriving")
        shutil.rmtree(arriving, ignore_errors=True)
        _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "-d",
             str(arriving), OCRMYPDF)  # fmt: skip
        with tarfile.open(next(arriving.glob("*.tar.gz"))) as archive:
            archive.extractall(arriving, filter="data")
        arriving.rename(source)
    return next(source.glob("*/misc/watcher.py"))


def _npm_installed(programs: Path, package: str) -> Path:
    """``node_modules`` with this package."""
    folder = programs / package
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), package)
        (folder / "complete").touch()
    return folder / "node_modules"


def _run(*argv: str) -> None:
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    except FileNotFoundError as error:
        raise ProgramTrouble(f"{argv[0]} is not installed") from error
    if ended.returncode != 0:
        raise ProgramTrouble(f"does not install: {' '.join((ended.stderr or ended.stdout).split())[-200:]}")
