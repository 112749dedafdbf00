"""The note beside a claimed original, from which a document can be taken up again without the ledger."""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import asdict, dataclass, fields

from docferry.models import FileIdentity, display

RECORD = ".docferry.json"
RECORD_LIMIT_BYTES = 64 * 1024
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

    def to_bytes(self) -> bytes:
        """JSON. The path is in base64, because a file name may be any bytes; ``display`` is for people."""
        data = {
            "version": _VERSION,
            "id": self.id,
            "inbox": self.inbox,
            "path": base64.b64encode(os.fsencode(self.path)).decode("ascii"),
            "display": display(self.path),
            "identity": asdict(self.identity),
            "seen_at": self.seen_at,
            "owner": self.owner,
            "problem": self.problem,
        }
        return json.dumps(data).encode("ascii")


def parse(data: bytes) -> Record | None:
    """The record, or None where a crash (or somebody) left something else."""
    try:
        found = json.loads(data)
        path = os.fsdecode(base64.b64decode(found["path"], validate=True))
        numbers = {field.name: int(found["identity"][field.name]) for field in fields(FileIdentity)}
        problem = found["problem"]
        record = Record(
            id=str(found["id"]),
            inbox=str(found["inbox"]),
            path=path,
            identity=FileIdentity(**numbers),
            seen_at=float(found["seen_at"]),
            owner=str(found["owner"]),
            problem=None if problem is None else str(problem),
        )
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError, binascii.Error):
        return None
    return record if _is_below(path) else None


def _is_below(path: str) -> bool:
    """Whether the path can only name something inside the inbox."""
    parts = path.split("/")
    return "\0" not in path and all(part not in ("", ".", "..") for part in parts)
