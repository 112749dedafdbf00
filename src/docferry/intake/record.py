"""The note beside a claimed original, from which a document can be taken up again without the ledger.

One note serves a whole batch and is linked into each of its work folders: one file to write and to sync instead
of hundreds, which is what makes a large inbox's claims both fast and proof against power loss.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from docferry.models import FileIdentity, display

RECORD = ".docferry.json"
RECORD_LIMIT_BYTES = 32 << 20
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """Whose work folder this is. ``path`` is below the inbox; ``owner`` names the daemon that claimed."""

    id: str
    inbox: str
    path: str
    identity: FileIdentity
    seen_at: float
    owner: str
    problem: str | None = None


def to_bytes(records: Iterable[Record]) -> bytes:
    """JSON. Paths are in base64, because a file name may be any bytes; ``display`` is for people."""
    documents = [
        {
            "id": record.id,
            "inbox": record.inbox,
            "path": base64.b64encode(os.fsencode(record.path)).decode("ascii"),
            "display": record.path if record.path.isprintable() else display(record.path),
            "identity": [
                record.identity.device,
                record.identity.inode,
                record.identity.size_bytes,
                record.identity.mtime_ns,
                record.identity.ctime_ns,
            ],
            "seen_at": record.seen_at,
            "owner": record.owner,
            "problem": record.problem,
        }
        for record in records
    ]
    return json.dumps({"version": _VERSION, "documents": documents}).encode("ascii")


def parse(data: bytes) -> dict[str, Record]:
    """The records by id; empty where a crash (or somebody) left something else."""
    try:
        found = [_parse_one(document) for document in json.loads(data)["documents"]]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError, binascii.Error):
        return {}
    return {record.id: record for record in found if _is_below(record.path)}


def _parse_one(found: Mapping[str, Any]) -> Record:
    device, inode, size_bytes, mtime_ns, ctime_ns = (int(number) for number in found["identity"])
    problem = found["problem"]
    return Record(
        id=str(found["id"]),
        inbox=str(found["inbox"]),
        path=os.fsdecode(base64.b64decode(found["path"], validate=True)),
        identity=FileIdentity(device, inode, size_bytes, mtime_ns, ctime_ns),
        seen_at=float(found["seen_at"]),
        owner=str(found["owner"]),
        problem=None if problem is None else str(problem),
    )


def _is_below(path: str) -> bool:
    """Whether the path can only name something inside the inbox."""
    parts = path.split("/")
    return "\0" not in path and all(part not in ("", ".", "..") for part in parts)
