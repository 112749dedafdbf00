"""What has ended is kept for a while, and no more of it than fits."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from docferry.engine import sqlite
from docferry.engine.records import JobStatus
from docferry.engine.settings import Retention
from docferry.engine.store import Store

log = logging.getLogger(__name__)


async def keep_tidy(store: Store, retention: Retention) -> None:
    """Purge what is due, again and again, until cancelled."""
    while True:
        try:
            await purge(store, retention, time.time())
        except sqlite.DatabaseError:  # a full disk, perhaps: what was removed so far helps the next round
            log.exception("housekeeping could not be recorded, trying again later")
        await asyncio.sleep(retention.every_s)


async def purge(store: Store, retention: Retention, now: float) -> None:
    """Expire outputs that are too old or too many; forget jobs that expired long ago."""
    old = store.ended_before(now - retention.age_s)
    expiring = [job.id for job in old if job.status is not JobStatus.EXPIRED]
    gone = [job.id for job in old if job.updated_at < now - 2 * retention.age_s]
    surplus = beyond(store.kept_bytes(), retention.total_bytes)
    for job_id in dict.fromkeys([*expiring, *surplus]):
        await store.expire(job_id, now)
        await asyncio.to_thread(shutil.rmtree, store.folder(job_id), ignore_errors=True)
    if gone:
        await store.forget(gone)
    if expiring or surplus:
        log.info("results expired by_age=%d by_size=%d", len(expiring), len(surplus))


def beyond(kept: Iterable[tuple[str, int]], total_bytes: int) -> list[str]:
    """Of outputs given oldest first, those that must go so that the rest fits."""
    outputs = list(kept)
    surplus_bytes = sum(size for _, size in outputs) - total_bytes
    going: list[str] = []
    for job_id, size in outputs:
        if surplus_bytes <= 0:
            break
        if size:
            going.append(job_id)
            surplus_bytes -= size
    return going


def remove_orphans(jobs_folder: Path, known: set[str]) -> None:
    """Folders of jobs that were never accepted, or whose rows are gone."""
    for folder in jobs_folder.glob("*/*"):
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
