"""Reconciles what the ledger says with what is on disk: nothing missing, nothing extra, or a list.

Without ``deep`` every open document and everything that ended since ``since`` is looked at, and existence and
size decide; with ``deep`` every document of the ledger and every file below the outboxes, and hashes decide.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docferry.config.models import Config, InboxConfig
from docferry.folders import sha256_of_file
from docferry.ledger import LedgerReader
from docferry.models import Document, DocumentState, StepState, display
from docferry.outbox.failure import ERROR_SUFFIX
from docferry.outbox.receipt import RECEIPT_SUFFIX

WORK_FOLDER = ".docferry"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the ledger says. ``kind``: missing, changed, extra, stuck."""

    kind: str
    path: str
    document: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at and what was found."""

    documents: int
    files: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


def audit(config: Config, *, deep: bool = False, since: float = 0.0) -> Audit:
    """Raises LedgerError when there is no ledger to compare with."""
    inboxes = {inbox.name: inbox for inbox in config.inboxes}
    with LedgerReader(config.state) as ledger:
        examiner = _Examiner(ledger, inboxes, deep=deep)
        for document in ledger.for_audit(since=0.0 if deep else since):
            examiner.examine(document)
        for inbox in config.inboxes:
            examiner.look_for_strangers(inbox)
        return Audit(examiner.documents, examiner.files, tuple(examiner.findings))


class _Examiner:
    def __init__(self, ledger: LedgerReader, inboxes: dict[str, InboxConfig], *, deep: bool) -> None:
        self.documents = 0
        self.files = 0
        self.findings: list[Finding] = []
        self._ledger = ledger
        self._inboxes = inboxes
        self._deep = deep

    def examine(self, document: Document) -> None:
        self.documents += 1
        if document.filed:
            self._examine_ended(document)
        else:
            self._original(document, document.work_path, sha256=None)
        if document.state is DocumentState.DELIVERED or document.partial:
            self._examine_results(document)
        if not document.filed:
            self._examine_answers(document)

    def _examine_ended(self, document: Document) -> None:
        """An original that was deleted on request has no place any more; every other one has."""
        if document.original_at is not None:
            self._original(document, document.original_at, sha256=document.sha256)
        if document.state is DocumentState.FAILED and document.original_at is not None:
            inbox = self._inboxes.get(document.inbox)
            if inbox is not None and inbox.claim == "move":
                self._file(document, document.original_at + ERROR_SUFFIX, None, None, "the reason beside the original")

    def _examine_results(self, document: Document) -> None:
        deliveries = self._ledger.deliveries(document.id)
        if not any(row["format"] == "receipt" for row in deliveries):
            self._found("missing", document.output_base or document.path, document, "delivered without a receipt")
        for row in deliveries:
            self._file(document, row["path"], row["size_bytes"], row["sha256"], f"a result ({row['format']})")

    def _examine_answers(self, document: Document) -> None:
        folder = Path(document.work_path).parent
        for step in self._ledger.steps(document):
            if step.state is StepState.DONE and step.answer is not None and document.work_path.find("/.docferry/") >= 0:
                self._file(document, str(folder / step.answer), None, None, f"the stored answer of {step.endpoint}")

    def _original(self, document: Document, path: str, *, sha256: str | None) -> None:
        self._file(document, path, document.size_bytes, sha256, "the original")

    def _file(self, document: Document, path: str, size_bytes: int | None, sha256: str | None, what: str) -> None:
        self.files += 1
        try:
            status = os.lstat(path)
        except OSError as error:
            self._found("missing", path, document, f"{what} is not there: {error.strerror}")
            return
        if not stat.S_ISREG(status.st_mode):
            self._found("changed", path, document, f"{what} is not a regular file any more")
        elif size_bytes is not None and status.st_size != size_bytes:
            self._found("changed", path, document, f"{what} has {status.st_size} bytes instead of {size_bytes}")
        elif self._deep and sha256 is not None and sha256_of_file(Path(path)) != sha256:
            self._found("changed", path, document, f"{what} has other content than was recorded")

    def look_for_strangers(self, inbox: InboxConfig) -> None:
        """Work folders the ledger does not know; with ``deep`` also results nobody recorded."""
        for name in _folders_in(Path(inbox.path) / WORK_FOLDER):
            document = self._ledger.document(name)
            folder = Path(inbox.path) / WORK_FOLDER / name
            if document is None:
                self._found("extra", str(folder), None, "a work folder that the ledger does not know")
        if self._deep:
            for receipt in _receipts_below(Path(inbox.outbox)):
                self._check_receipt(receipt)

    def _check_receipt(self, path: Path) -> None:
        self.files += 1
        try:
            receipt = json.loads(path.read_bytes())
            document = self._ledger.document(str(receipt["document"]))
            names = [str(entry["name"]) for entry in receipt["outputs"]]
        except (OSError, ValueError, KeyError, TypeError):
            self._found("extra", str(path), None, "a receipt that cannot be read")
            return
        if document is None:
            self._found("extra", str(path), None, "a receipt of a document that the ledger does not know")
            return
        for name in names:
            if not os.path.lexists(path.parent / name):
                self._found("missing", str(path.parent / name), document, "named in a receipt, not there")

    def _found(self, kind: str, path: str, document: Document | None, said: str) -> None:
        self.findings.append(Finding(kind, display(path), document.id if document else None, said))


def _folders_in(path: Path) -> Iterator[str]:
    try:
        with os.scandir(path) as entries:
            yield from sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return


def _receipts_below(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        for name in names:
            if name.endswith(RECEIPT_SUFFIX):
                yield Path(folder) / name
