"""docferry beside what people would use instead: one table, ratios first, and the same as JSON.

    python tests/bench/run.py [--quick] [--only NAME ...]

The JSON is written to ``.bench/`` in the working copy, where the run's folders are too: what is measured must lie
on a real disk. Run it on a machine that does nothing else. Nothing is judged by these figures but by a reader.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from speed.contenders import FastServer
from speed.embedded import engine
from speed.figures import Row, table
from speed.rivals import rivals
from speed.standing import backlog, history, idle, upload, waiting
from speed.throughput import detection, ferry, throughput

TOP = Path(__file__).parent.parent.parent
Rows = Callable[[Path, FastServer, bool], Iterator[Row]]

MEASURES: dict[str, Rows] = {
    "throughput": lambda at, server, quick: throughput(
        at, server, count=300 if quick else 2000, rounds=1 if quick else 3
    ),
    "detection": lambda at, server, quick: detection(
        at, server, drops=40 if quick else 200, loaded_drops=30 if quick else 100
    ),
    "programs": lambda at, server, quick: rivals(
        at, server, ferry(at / "ferry", server).start(), at.parent / "programs", drops=4 if quick else 50
    ),
    "backlog": lambda at, server, quick: backlog(at, server, count=5_000 if quick else 100_000),
    "history": lambda at, server, quick: history(
        at, server, count=20_000 if quick else 1_000_000, times=2 if quick else 5
    ),
    "waiting": lambda at, server, quick: waiting(
        at, server, count=500 if quick else 10_000, watched_s=5 if quick else 60
    ),
    "upload": lambda at, server, quick: upload(at, server, size_bytes=200_000_000 if quick else 2_000_000_000),
    "idle": lambda at, server, quick: idle(
        at, server, inboxes=10, files=100 if quick else 1000, watched_s=5 if quick else 60
    ),
    "engine": lambda at, server, quick: engine(at, server, copies=1 if quick else 6, singles=5 if quick else 30),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version, in two minutes")
    parser.add_argument("--only", nargs="+", choices=[*MEASURES], default=[*MEASURES], help="some of the measures")
    given = parser.parse_args()
    results = TOP / ".bench"
    results.mkdir(exist_ok=True)
    began = time.monotonic()
    rows: list[Row] = []
    for name in given.only:
        rows += _measure(name, results, quick=given.quick)
    print(f"\n{machine()}; load {os.getloadavg()[0]:.1f} at the end; {time.monotonic() - began:.0f} s\n")
    print(table(rows))
    target = results / time.strftime(f"{'quick' if given.quick else 'full'}-%Y%m%d-%H%M%S.json")
    target.write_text(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1))
    print(f"\nwritten to {target.relative_to(TOP)}", file=sys.stderr)


def _measure(name: str, results: Path, *, quick: bool) -> list[Row]:
    """One measure in a folder of its own, with a server of its own."""
    print(f"{name} …", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=results))
    rows = []
    try:
        with FastServer() as server:
            for row in MEASURES[name](folder, server, quick):
                print(f"    {row.what}: {row.ours} {row.theirs and '/ ' + row.theirs}", file=sys.stderr, flush=True)
                rows.append(row)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def machine() -> str:
    """What it ran on."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    name = cpu.partition(":")[2].strip() or platform.machine()
    software = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({name}), {memory_gb:.0f} GB, {software}"


if __name__ == "__main__":
    main()
