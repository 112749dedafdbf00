"""The engine as a service: pages a second through HTTP beside the library, one small document, memory under a mix.

The two sides of a ratio take turns, and CPU seconds stand beside the clock's, since other work on the machine shows in
these alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.figures import cpu_s, family
from bench.reading.figures import Figure, Setting, at_least, at_most
from corpus import invoices, office, reports, scans
from corpus.samples import samples
from engine.server.machine import EngineProcess, Running

CORES = os.cpu_count() or 1
PAGES = 60
MEMORY_MB = 1536.0
LOOK_S = 0.1
MAIL = b"From: a@example.org\nTo: b@example.org\nSubject: Quay\nContent-Type: text/plain\n\nThe fender is worn.\n"
TOPICS = {"split_input": [{"name": "Money", "description": "amounts and prices"}, {"name": "People"}]}
WANTED = {"type": "object", "properties": {"invoice_number": {"type": "string"}, "total": {"type": "number"}}}


class Spent(NamedTuple):
    seconds: float
    cpu_s: float


def through_http(setting: Setting) -> Iterator[Figure]:
    """A digital PDF of 60 pages again and again, as many at a time as there are cores."""
    path = setting.folder / "sixty.pdf"
    path.write_bytes(reports.long_report(PAGES)[0])
    count = 10 if setting.quick else 24
    ours, loops, threads = [], [], []
    with service(setting) as server:
        post_all(server.running, path, 2 * CORES)
        for _ in range(2 if setting.quick else 7):
            ours.append(spent_by(server, path, count))
            loops.append(library_alone(path, count, 1))
            threads.append(library_alone(path, count, CORES))
    speed = count * PAGES / median(one.seconds for one in ours)
    by_loop = median(other.seconds / one.seconds for one, other in zip(ours, loops, strict=True))
    by_threads = median(other.seconds / one.seconds for one, other in zip(ours, threads, strict=True))
    by_cpu = median(other.cpu_s / one.cpu_s for one, other in zip(ours, loops, strict=True))
    cpu_ms = 1000 * median(one.cpu_s for one in ours) / (count * PAGES)
    yield at_least(f"http: pages/s against the library called directly ({speed:.0f}/s)", by_loop, 0.9, ".2f")
    yield Figure(f"http: the same against {CORES} threads of the library", f"{by_threads:.2f}", "said only", True)
    yield Figure(f"http: the same by CPU seconds ({cpu_ms:.2f} ms/page)", f"{by_cpu:.2f}", "said only", True)


def one_page(setting: Setting) -> Iterator[Figure]:
    """From the request to the answer, for one page of a digital PDF."""
    content = invoices.invoice_pdf(invoices.make_invoice(1))
    with service(setting) as server:
        for _ in range(2 * CORES):
            server.running.extract(content, "one.pdf")
        took_ms = []
        cpu = cpu_s(server.process.pid)
        for _ in range(20 if setting.quick else 60):
            began = time.monotonic()
            assert server.running.extract(content, "one.pdf").status_code == 200
            took_ms.append(1000 * (time.monotonic() - began))
        cpu_ms = 1000 * (cpu_s(server.process.pid) - cpu) / len(took_ms)
    yield at_most(f"http: one page, milliseconds, median ({cpu_ms:.0f} ms of CPU)", median(took_ms), 300.0, ".0f")


def memory(setting: Setting) -> Iterator[Figure]:
    """What the engine and its workers hold at most while 200 documents of every kind go through."""
    documents = mixed(40 if setting.quick else 200)
    with service(setting) as server, watched(server.process.pid) as peak_mb, ThreadPoolExecutor(2 * CORES) as clients:
        ended = list(clients.map(lambda entry: through(server.running, *entry), documents))
    failed = sum(status != 200 for status in ended)
    yield Figure(f"memory: of {len(documents)} mixed documents failed", str(failed), "0", failed == 0)
    yield at_most("memory: MB at most, engine and workers together", peak_mb[0], MEMORY_MB, ".0f")


def mixed(count: int) -> list[tuple[int, str, bytes]]:
    """Documents of every kind in turn, a quarter of which must be recognised."""
    ready = samples()
    kinds = [(name, ready[name]) for name in ("report.pdf", "letter.docx", "budget.xlsx", "page.html", "notes.txt")]
    kinds += [("slides.pptx", office.slides_pptx()), ("mail.eml", MAIL), ("long.pdf", reports.long_report(PAGES)[0])]
    kinds += [(f"invoice-{seed}.pdf", invoices.invoice_pdf(invoices.make_invoice(seed))) for seed in range(4)]
    pages = [
        scans.scan(invoices.invoice_pdf(invoices.make_invoice(seed)), dpi=dpi) for seed, dpi in ((7, 200), (8, 300))
    ]
    kinds += [("scan.pdf", scans.image_pdf(pages[:1])), ("photo.jpg", picture(pages[1], "JPEG"))]
    kinds += [("fax.tiff", picture(pages[0], "TIFF")), ("receipt.png", ready["receipt.png"])]
    return [(number, *kinds[number % len(kinds)]) for number in range(count)]


def picture(page: scans.Image.Image, form: str) -> bytes:
    buffer = BytesIO()
    page.convert("RGB").save(buffer, form)
    return buffer.getvalue()


def through(running: Running, number: int, name: str, content: bytes) -> int:
    """One document, every third with a later step or by the other API; the status of its last answer."""
    if number % 3 == 1:
        form = {"output_format": "markdown", "include_metadata": "bounding_boxes"}
        job = running.http.post("/api/v1/extract/async", files={"file": (name, content)}, data=form)
        return 200 if running.record(job.json()["record_id"])["status"] == "completed" else 500
    answer = running.extract(content, name)
    if number % 3 == 0 or answer.status_code != 200:
        return answer.status_code
    step, config = (("split", {"split_config": TOPICS}), ("schema", {"schema_config": {"input_schema": WANTED}}))[
        number % 2
    ]
    source = answer.json().get("extraction_id") or poll_large(running, answer.json())
    return running.http.post(f"/{step}", json={"extraction_id": source, **config}).status_code


def poll_large(running: Running, pointer: dict[str, str]) -> str:
    return str(running.http.get(pointer["url"]).json()["extraction_id"])


@contextmanager
def service(setting: Setting) -> Iterator[EngineProcess]:
    """An engine of its own process with a worker for each core."""
    folder = setting.folder / f"engine-{time.monotonic_ns()}"
    folder.mkdir()
    with EngineProcess(folder, workers=0) as server:
        yield server


def spent_by(server: EngineProcess, path: Path, count: int) -> Spent:
    cpu, began = cpu_s(server.process.pid), time.monotonic()
    post_all(server.running, path, count)
    return Spent(time.monotonic() - began, cpu_s(server.process.pid) - cpu)


def post_all(running: Running, path: Path, count: int) -> None:
    content = path.read_bytes()
    with ThreadPoolExecutor(2 * CORES) as clients:
        statuses: Sequence[int] = list(
            clients.map(lambda _: running.extract(content, path.name).status_code, range(count))
        )
    assert set(statuses) == {200}, statuses


def library_alone(path: Path, count: int, threads: int) -> Spent:
    argv = [sys.executable, str(Path(__file__).with_name("library_alone.py")), str(path), str(count), str(threads)]
    done = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    return Spent(done["seconds"], done["cpu_s"])


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """Megabytes that the process and all below it held at most; shared pages count once."""
    peak, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            peak[0] = max(peak[0], sum(map(proportional_mb, family(pid))))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def proportional_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended meanwhile
    return 0.0
