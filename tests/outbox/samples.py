"""Values that several outbox tests need."""

from __future__ import annotations

from pathlib import Path

from docferry.models import Document, DocumentState, FileIdentity, Plan, Step, StepPlan, StepState
from docferry.providers.base import Output

OUTPUTS = (
    Output(".md", b"# Invoice\n" * 300, "markdown"),
    Output(".json", b'{"total": 12}', "json"),
    Output(".tables.json", b"[]", "tables"),
)


def receipt_for(document_id: str, run: int = 1) -> dict[str, object]:
    return {"receipt": 1, "document": document_id, "run": run, "outputs": []}


def document_at(source: Path, path: str, document_id: str = "0123456789abcdef", **changes: object) -> Document:
    """A document whose original lies at ``source``."""
    status = source.lstat()
    values: dict[str, object] = {
        "id": document_id,
        "inbox": "scans",
        "path": path,
        "work_path": str(source),
        "state": DocumentState.DELIVERING,
        "size_bytes": status.st_size,
        "identity": FileIdentity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns),
        "seen_at": 1_770_000_000.0,
        "claimed_at": 1_770_000_001.0,
        "updated_at": 1_770_000_009.0,
        "due_at": 0.0,
        "plan": Plan("receipts", "hash", "local", (StepPlan("extract"),)),
        "provider": "local",
    }
    return Document(**{**values, **changes})  # type: ignore[arg-type]


def step(index: int = 0, **changes: object) -> Step:
    values: dict[str, object] = {
        "document_id": "0123456789abcdef",
        "run": 1,
        "index": index,
        "endpoint": "extract",
        "provider": "local",
        "state": StepState.DONE,
        "options": {},
        "idempotency_key": "key",
        "upload_names": ("name",),
    }
    return Step(**{**values, **changes})  # type: ignore[arg-type]


def tree(root: Path) -> dict[str, bytes]:
    """Every file below ``root`` with its content, the marker apart."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".docferry-folder"
    }
