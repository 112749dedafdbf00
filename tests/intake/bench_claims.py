"""How fast a full inbox is claimed, how quickly one drop is, and what idling costs; beside what the disk itself takes.

    python -m intake.bench_claims [FILES] [--profile]        (from the folder `tests`)

Prints numbers and judges nothing: other work on the machine moves them.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import resource
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from docferry.clock import SystemClock
from docferry.config.models import InboxConfig
from docferry.intake import Claimed, Inbox, Watcher

PDF = b"%PDF-1.4 a small document\n%%EOF\n"


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"f{number}.pdf").write_bytes(PDF)
    os.sync()


def bare(here: Path, count: int, *, with_folders: bool) -> float:
    """CPU seconds for the least that could be done: list, and rename each file (into a folder of its own)."""
    fill(here / "bare", count)
    target = here / f"target-{with_folders}"
    target.mkdir()
    began = time.process_time()
    with os.scandir(here / "bare") as entries:
        for number, entry in enumerate(entries):
            folder = f"{target}/{number}" if with_folders else str(target)
            if with_folders:
                os.mkdir(folder)
            os.rename(entry.path, f"{folder}/{entry.name}")
    return time.process_time() - began


class Bench:
    """An inbox whose claims are counted."""

    def __init__(self, here: Path) -> None:
        self.count = 0
        self.claimed_at = 0.0
        self.path = here / "inbox"
        self.path.mkdir(exist_ok=True)
        config = InboxConfig.model_validate(
            {"name": "bench", "path": self.path, "outbox": here / "o", "archive": here / "a", "failed": here / "f"}
        )
        self.watcher = Watcher()
        self.inbox = Inbox(config, SystemClock(), lambda event: None, watcher=self.watcher, on_claimed=self._on_claimed)

    def _on_claimed(self, batch: list[Claimed]) -> None:
        self.claimed_at = time.perf_counter()
        self.count += len(batch)

    def until(self, count: int) -> None:
        while self.count < count:
            time.sleep(0.002)

    def stop(self) -> None:
        self.inbox.stop()
        self.watcher.stop()


def claim_all(here: Path, count: int, profile: bool) -> None:
    renames, folders = bare(here, count, with_folders=False), bare(here, count, with_folders=True)
    bench = Bench(here)
    fill(bench.path, count)
    time.sleep(3)  # so that the files are older than the settle time
    profiler = cProfile.Profile()
    if profile:
        turn = bench.inbox._turn
        bench.inbox._turn = lambda: profiler.runcall(turn)  # type: ignore[method-assign]
    began, cpu_began = time.perf_counter(), time.process_time()
    bench.inbox.start()
    bench.until(1)
    first = time.perf_counter() - began
    bench.until(count)
    took, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    bench.stop()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{count} files: first claim after {first:.3f} s, all after {took:.2f} s; {peak_mb} MB at most")
    print(f"  CPU {cpu_s:.2f} s, {cpu_s / count * 1e6:.0f} us each")
    print(f"  list+rename takes {renames:.2f} s (x{cpu_s / renames:.1f})")
    print(f"  list+mkdir+rename takes {folders:.2f} s (x{cpu_s / folders:.1f})")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def claim_single(here: Path, count: int) -> None:
    bench = Bench(here)
    bench.inbox.start()
    time.sleep(1.0)
    latencies = []
    for number in range(count):
        fd = os.open(bench.path / f"single{number}.pdf", os.O_CREAT | os.O_WRONLY)
        os.write(fd, PDF)
        began = time.perf_counter()
        os.close(fd)
        bench.until(number + 1)
        latencies.append((bench.claimed_at - began) * 1e3)
        time.sleep(0.02)
    bench.stop()
    print(f"close to claim: median {statistics.median(latencies):.1f} ms, worst of {count}: {max(latencies):.1f} ms")


def main() -> None:
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), 20_000)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as one, tempfile.TemporaryDirectory(dir="/var/tmp") as two:
        claim_single(Path(one), 50)
        claim_all(Path(two), count, "--profile" in sys.argv)
    print(f"threads left: {threading.active_count()}")


if __name__ == "__main__":
    main()
