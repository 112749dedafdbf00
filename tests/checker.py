"""Looks at the folders and the provider's own count, not at docferry's word: is every document where it must be?"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from daemons import Ferry, wait_for
from docferry.config import load
from docferry.daemon.audit import audit


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def hashes_below(folder: Path) -> Counter[str]:
    """How often each content lies below a folder; our own files do not count."""
    return Counter(sha256(path.read_bytes()) for path in folder.rglob("*") if path.is_file() and not _is_ours(path))


def _is_ours(path: Path) -> bool:
    """Marker and canary lie in the folder that holds the work folders; the rest has our prefix, or is a probe."""
    beside_work_folders = path.parent.name == ".docferry" or path.parent.name.startswith("probe.")
    return path.name.startswith(".docferry") or path.name.endswith(".error.json") or beside_work_folders


def whole_receipts(ferry: Ferry) -> list[dict[str, Any]]:
    """Every receipt, after making sure that all it names is there with the very bytes it names."""
    receipts = []
    for path in ferry.outbox.rglob("*.receipt.json"):
        receipt = json.loads(path.read_bytes())
        for output in receipt["outputs"]:
            content = (path.parent / output["name"]).read_bytes()
            assert len(content) == output["bytes"], f"{path}: {output['name']} is cut"
            assert sha256(content) == output["sha256"], f"{path}: {output['name']} is not what was delivered"
        receipts.append(receipt)
    return receipts


def check_all_ended(ferry: Ferry, dropped: Iterable[bytes]) -> None:
    """Every dropped content ended in exactly one place, with its results if delivered, and nothing is left over."""
    wanted = Counter(sha256(content) for content in dropped)
    archived, failed = hashes_below(ferry.archive), hashes_below(ferry.failed)
    left = hashes_below(ferry.inbox)
    assert not left, f"left in the inbox: {sorted(str(path) for path in ferry.inbox.rglob('*') if path.is_file())}"
    done = {document.id for document in ferry.documents() if document.state not in ("failed", "canceled")}
    work = ferry.inbox / ".docferry"
    wait_for(  # a running daemon removes them when it has time
        lambda: not any(path.name in done for path in work.iterdir()),
        saying=lambda: f"work folders left behind: {sorted(path.name for path in work.iterdir())}",
    )
    assert archived + failed == wanted, f"lost: {wanted - archived - failed}; twice: {archived + failed - wanted}"
    delivered = Counter(receipt["sha256"] for receipt in whole_receipts(ferry) if not receipt["partial"])
    assert delivered == archived, f"no receipt: {archived - delivered}; delivered twice: {delivered - archived}"
    for path in ferry.failed.rglob("*.error.json"):
        assert json.loads(path.read_bytes())["why"], f"{path} gives no reason"
    unfinished = [path for root in (ferry.outbox, ferry.archive, ferry.failed) for path in root.rglob("*.tmp")]
    assert not unfinished, f"left behind: {unfinished}"
    assert audit(load(ferry.config, environ=os.environ), deep=True).findings == ()


def check_submitted_once(stats: Mapping[str, Any]) -> None:
    """No document was accepted as two jobs by a provider that honours idempotency keys."""
    jobs: dict[str, set[str]] = {}
    for submission in stats["submissions"]:
        if submission["accepted"]:
            jobs.setdefault(submission["sha256"], set()).add(submission["job_id"])
    twice = {content: ids for content, ids in jobs.items() if len(ids) > 1}
    assert not twice, f"submitted twice: {twice}"
