"""The bare script with docferry's promises kept: what they cost whoever keeps them.

    python tests/bench/speed/bare_durable.py URL FOLDER OUT

Like ``bare_httpx``, but nothing is lost or done twice if the power fails: the file is moved into a work folder, intent,
job id, answer and end are committed to SQLite before and after each effect, the answer is on disk before anything else
is done with it, result and receipt are written aside, flushed and renamed, and the original goes to an archive.
Still without what docferry does besides: watching, rules, checks of files, retries, pacing, limits, a log.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

AT_ONCE = 16
ASK_EVERY_S = 0.5


class Ledger:
    """One table, each change durable when ``set`` returns."""

    def __init__(self, file: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(self._open, file).result()

    def _open(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE documents (name TEXT PRIMARY KEY, state TEXT, detail TEXT)")

    async def set(self, name: str, state: str, detail: str = "") -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._set, name, state, detail)

    def _set(self, *values: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", values)


def flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(path: Path, content: bytes) -> None:
    """The file is there whole, and stays."""
    hidden = path.with_name(f".{path.name}.tmp")
    with hidden.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(path)
    flush_folder(path.parent)


def claim(file: Path, work: Path) -> Path:
    folder = work / file.name
    folder.mkdir()
    file.rename(folder / file.name)
    flush_folder(folder)
    return folder / file.name


def deliver(original: Path, result: bytes, receipt: dict[str, Any], out: Path, archive: Path) -> None:
    put(out / f"{original.name}.json", result)
    put(out / f"{original.name}.receipt.json", json.dumps(receipt).encode())
    original.rename(archive / original.name)
    flush_folder(archive)
    flush_folder(original.parent)


async def extract(client: httpx.AsyncClient, ledger: Ledger, file: Path, out: Path, work: Path, archive: Path) -> None:
    original = await asyncio.to_thread(claim, file, work)
    content = await asyncio.to_thread(original.read_bytes)
    await ledger.set(file.name, "submitting")
    form = {"async": "true"}
    accepted = await client.post("/extract", data=form, files={"file": (file.name, content, "application/pdf")})
    accepted.raise_for_status()
    job = accepted.json()["job_id"]
    await ledger.set(file.name, "waiting", job)
    while True:
        answer = await client.get(f"/job/{job}")
        answer.raise_for_status()
        if answer.json()["status"] == "completed":
            break
        await asyncio.sleep(ASK_EVERY_S)
    await asyncio.to_thread(put, original.with_suffix(".answer.json"), answer.content)
    await ledger.set(file.name, "delivering", job)
    result = json.dumps(answer.json()["result"]).encode()
    receipt = {
        "name": file.name,
        "job": job,
        "sent": hashlib.sha256(content).hexdigest(),
        "result": hashlib.sha256(result).hexdigest(),
        "delivered_at": time.time(),
    }
    await asyncio.to_thread(deliver, original, result, receipt, out, archive)
    await ledger.set(file.name, "delivered", job)


async def main(url: str, folder: Path, out: Path) -> None:
    work, archive = out.with_name("work"), out.with_name("archive")
    work.mkdir()
    archive.mkdir()
    ledger = Ledger(out.with_name("ledger.sqlite"))
    places = asyncio.Semaphore(AT_ONCE)

    async def one(client: httpx.AsyncClient, file: Path) -> None:
        async with places:
            await extract(client, ledger, file, out, work, archive)

    began_at, cpu_s = time.time(), time.process_time()
    async with httpx.AsyncClient(base_url=url, timeout=60) as client, asyncio.TaskGroup() as group:
        for file in sorted(folder.iterdir()):
            group.create_task(one(client, file))
    print(json.dumps({"took_s": time.time() - began_at, "cpu_s": time.process_time() - cpu_s}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
