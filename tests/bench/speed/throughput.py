"""Many documents at once, and single ones: how many a second, at what price, and how soon they are on the wire."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from speed.contenders import HERE, CurlPipeline, Docferry, FastServer, drop, make_pdf, wait_for, write_and_close
from speed.figures import Row, at_least, at_most, median, percentile

SIZE_BYTES = 100_000
CONCURRENCY = 16


def ferry(folder: Path, server: FastServer, *, mode: str = "async") -> Docferry:
    """docferry with the same number of requests at a time as the others."""
    provider = {"dialect": "pulse", "url": server.url, "concurrency": CONCURRENCY}
    rule = {"name": "everything", "provider": "fast", "mode": mode, "deliver": {"formats": ["json"]}}
    return Docferry(folder, {"providers": {"fast": provider}, "rules": [rule]})


def stage(folder: Path, count: int) -> list[str]:
    """``count`` documents, ready to be moved in."""
    folder.mkdir(parents=True)
    names = [f"{number:06d}.pdf" for number in range(count)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(make_pdf(number, SIZE_BYTES))
    return names


def measure_ferry(folder: Path, server: FastServer, count: int, *, mode: str = "async") -> dict[str, float]:
    """Delivered documents a second, from the first drop to the last receipt."""
    names = stage(folder / "staged", count)
    server.script()
    with ferry(folder, server, mode=mode).start() as daemon:
        cpu_s = daemon.cpu_s()
        began_at = drop(daemon.inbox, names, folder / "staged")
        took_s = daemon.wait_for_receipts(count) - began_at
        cpu_s = daemon.cpu_s() - cpu_s
        daemon.stop()
    return {"per_s": count / took_s, "cpu_ms": cpu_s / count * 1000, "took_s": took_s}


def measure_script(folder: Path, server: FastServer, count: int, *, script: str = "bare_httpx.py") -> dict[str, float]:
    """A script over the same documents."""
    stage(folder / "staged", count)
    (folder / "out").mkdir()
    server.script()
    argv = [sys.executable, str(HERE / script), server.url, str(folder / "staged"), str(folder / "out")]
    said = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    return {"per_s": count / said["took_s"], "cpu_ms": said["cpu_s"] / count * 1000, "took_s": said["took_s"]}


def measure_curl(folder: Path, server: FastServer, count: int) -> dict[str, float]:
    """Uploads a second, from the first drop to the last byte at the server."""
    names = stage(folder / "staged", count)
    server.script()
    with CurlPipeline(folder, server.url) as curl:
        began_at = drop(curl.inbox, names, folder / "staged")
        wait_for(lambda: server.count()["submissions"] >= count, every_s=0.2)
    took_s = max(done_at for _, done_at, _, _ in server.stats()["submissions"]) - began_at
    return {"per_s": count / took_s, "took_s": took_s}


CONTENDERS: dict[str, Callable[[Path, FastServer, int], dict[str, float]]] = {
    "ferry": partial(measure_ferry, mode="auto"),
    "asynchronous": measure_ferry,
    "script": measure_script,
    "durable": partial(measure_script, script="bare_durable.py"),
    "curl": measure_curl,
}


def throughput(folder: Path, server: FastServer, *, count: int, rounds: int) -> Iterator[Row]:
    """Each contender in turn, ``rounds`` times; the ratios are the medians of the rounds' ratios.

    docferry is measured without a ``mode`` in its rule, and with jobs that are polled as the scripts poll theirs.
    """
    names = [name for name in CONTENDERS if name != "curl" or CurlPipeline.missing() is None]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(CONTENDERS[name](folder / f"{name}{number}", server, count))

    def ratio(ours: str, theirs: str, key: str) -> float:
        return median([mine[key] / other[key] for mine, other in zip(found[ours], found[theirs], strict=True)])

    def shown(name: str, key: str, unit: str) -> str:
        return f"{median([one[key] for one in found[name]]):.{1 if key == 'cpu_ms' else 0}f}{unit}"

    size = f"{count} files of 100 kB"
    others = {"script": "the bare httpx script", "durable": "the script with the same promises"}
    for ours, how in (("ferry", ""), ("asynchronous", ", mode: async")):
        for theirs, called in others.items():
            yield at_least(
                f"throughput, {size}{how}: against {called}",
                ratio(ours, theirs, "per_s"),
                1.0,
                shown(ours, "per_s", "/s delivered"),
                shown(theirs, "per_s", "/s"),
            )
            yield at_most(
                f"CPU time for each delivered document{how}: against {called}",
                ratio(ours, theirs, "cpu_ms"),
                1.0,
                shown(ours, "cpu_ms", " ms"),
                shown(theirs, "cpu_ms", " ms"),
            )
    if "curl" in found:
        yield at_least(
            "throughput: against inotifywait | xargs -P16 curl",
            ratio("ferry", "curl", "per_s"),
            1.0,
            shown("ferry", "per_s", "/s delivered"),
            shown("curl", "per_s", "/s uploaded"),
            rounds=found,
        )


def detection(folder: Path, server: FastServer, *, drops: int, loaded_drops: int) -> Iterator[Row]:
    """From the writer's close() to the first byte at the server, docferry and curl taking turns."""
    missing = CurlPipeline.missing()
    if missing is not None:
        yield Row("detection", None, "", None, "", missing)
        return
    server.script()
    with ferry(folder / "ferry", server).start() as daemon, CurlPipeline(folder / "curl", server.url) as curl:
        closed_at = _take_turns([daemon.inbox, curl.inbox], drops)
        wait_for(lambda: server.count()["submissions"] >= 2 * drops, deadline_s=60)
        first_at = server.first_bytes_at()
        idle = [_lags(first_at, closed) for closed in closed_at]
        loaded = _under_load(folder, server, daemon, loaded_drops)
    ours, theirs = idle
    figures = {"ours_ms": [lag * 1000 for lag in ours], "theirs_ms": [lag * 1000 for lag in theirs]}
    for name, share in (("median", 0.5), ("99th percentile", 0.99)):
        mine, other = percentile(ours, share), percentile(theirs, share)
        yield at_most(
            f"detection, close() to first byte, idle: {name}",
            mine / other,
            1.0,
            f"{mine * 1000:.1f} ms",
            f"{other * 1000:.1f} ms (inotifywait, curl)",
            **figures,
        )
        figures = {}
    mine, other = percentile(loaded, 0.99), percentile(ours, 0.99)
    yield at_most(
        "the same with 500 documents in flight: 99th percentile against idle",
        mine / other,
        5.0,
        f"{mine * 1000:.1f} ms",
        f"{other * 1000:.1f} ms (idle)",
        loaded_ms=[lag * 1000 for lag in loaded],
    )


def _take_turns(inboxes: list[Path], drops: int) -> list[dict[int, float]]:
    """Single files, one inbox after the other, at moments that meet no rhythm."""
    moments: list[dict[int, float]] = [{} for _ in inboxes]
    chance = Random(8)
    for number in range(drops):
        for place, inbox in enumerate(inboxes):
            mark = number * len(inboxes) + place
            content = make_pdf(mark, SIZE_BYTES)
            moments[place][mark] = write_and_close(inbox / f"single-{mark:06d}.pdf", content)
            time.sleep(chance.uniform(0.08, 0.16))
    return moments


def _under_load(folder: Path, server: FastServer, daemon: Docferry, drops: int) -> list[float]:
    in_flight = 500
    names = stage(folder / "load", in_flight)
    server.script(job_s=20.0)
    drop(daemon.inbox, names, folder / "load")
    wait_for(lambda: server.count()["submissions"] >= in_flight)
    closed_at: dict[int, float] = {}
    chance = Random(9)
    for number in range(drops):
        mark = 10_000_000 + number
        closed_at[mark] = write_and_close(daemon.inbox / f"loaded-{mark}.pdf", make_pdf(mark, SIZE_BYTES))
        time.sleep(chance.uniform(0.05, 0.15))
    wait_for(lambda: server.count()["submissions"] >= in_flight + drops, deadline_s=60)
    return _lags(server.first_bytes_at(), closed_at)


def _lags(first_at: dict[int, float], closed_at: dict[int, float]) -> list[float]:
    return [first_at[mark] - moment for mark, moment in closed_at.items()]
