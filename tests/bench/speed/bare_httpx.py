"""What a person would write in an afternoon: every file of a folder, 16 at a time, through plain httpx.

    python tests/bench/speed/bare_httpx.py URL FOLDER OUT

Reads a file, uploads it, asks each 0.5 s, writes the result. No ledger, no fsync, no watching, no second try.
Prints when it began and ended and the CPU time between, imports not counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx

AT_ONCE = 16
ASK_EVERY_S = 0.5


async def extract(client: httpx.AsyncClient, file: Path, out: Path) -> None:
    content = file.read_bytes()
    form = {"async": "true"}
    accepted = await client.post("/extract", data=form, files={"file": (file.name, content, "application/pdf")})
    accepted.raise_for_status()
    job = accepted.json()["job_id"]
    while True:
        answer = await client.get(f"/job/{job}")
        answer.raise_for_status()
        if answer.json()["status"] == "completed":
            break
        await asyncio.sleep(ASK_EVERY_S)
    (out / (file.name + ".json")).write_text(json.dumps(answer.json()["result"]))


async def main(url: str, folder: Path, out: Path) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(client: httpx.AsyncClient, file: Path) -> None:
        async with places:
            await extract(client, file, out)

    began_at, cpu_s = time.time(), time.process_time()
    async with httpx.AsyncClient(base_url=url, timeout=60) as client, asyncio.TaskGroup() as group:
        for file in sorted(folder.iterdir()):
            group.create_task(one(client, file))
    print(json.dumps({"took_s": time.time() - began_at, "cpu_s": time.process_time() - cpu_s}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
