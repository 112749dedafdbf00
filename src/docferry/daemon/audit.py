"""Reconciles what the ledger says with what is on disk: nothing missing, nothing extra, or a list.

Without ``deep`` every open document and everything that was claimed since ``since`` is looked at, and existence and
size decide; with ``deep`` every document of the ledger and every receipt below the outboxes, and hashes decide.
A daemon may be at work meanwhile: a document that moved on while it was looked at is looked at again.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docferry.config.models import Config, InboxConfig
from docferry.daemon.audit_receipts import ReceiptProblem, examine_receipt, receipts_below
from docferry.errors import DocferryError
from docferry.folders import sha256_of_file
from docferry.intake.record import RECORD, RECORD_LIMIT_BYTES, parse
from docferry.intake.recovery import FRESH_S
from docferry.intake.root import PROBE
from docferry.ledger import LedgerReader
from docferry.models import Document, DocumentState, StepState, display
from docferry.outbox.failure import reason_path
from docferry.pipeline.context import WORK_FOLDER

LOOKS = 5  # at one document that moves on each time


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the ledger says. ``kind``: missing, changed, extra."""

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
    with LedgerReader(config.state) as ledger:
        examiner = _Examiner(ledger, config, deep=deep)
        for document in ledger.for_audit(since=0.0 if deep else since):
            examiner.examine(document)
        for inbox in config.inboxes:
            examiner.look_for_strangers(inbox)
        if deep:
            examiner.examine_receipts(sorted({Path(inbox.outbox) for inbox in config.inboxes}))
        return Audit(examiner.documents, examiner.files, tuple(examiner.findings))


class _Examiner:
    def __init__(self, ledger: LedgerReader, config: Config, *, deep: bool) -> None:
        self.documents = 0
        self.files = 0
        self.findings: list[Finding] = []
        self._ledger = ledger
        self._config = config
        self._inboxes = {inbox.name: inbox for inbox in config.inboxes}
        self._deep = deep

    def examine(self, document: Document) -> None:
        self.documents += 1
        for _ in range(LOOKS):
            already = len(self.findings)
            self._look_at(document)
            if len(self.findings) == already:
                return
            current = self._ledger.document(document.id)
            if current == document:
                return
            del self.findings[already:]
            if current is None:
                return  # it was forgotten meanwhile
            document = current

    def _look_at(self, document: Document) -> None:
        if not document.filed:
            self._file(document, _present_place(document), document.size_bytes, document.sha256, "the original")
        elif document.original_at is not None and document.original_at != document.work_path:
            self._examine_ended(document, document.original_at)
        if document.filed and document.state in (DocumentState.FAILED, DocumentState.CANCELED):
            self._examine_reason(document)
        if document.state is DocumentState.DELIVERED or (document.partial and document.filed):
            self._examine_results(document)
        if not document.filed or document.state is DocumentState.FAILED:
            self._examine_answers(document)

    def _examine_ended(self, document: Document, path: str) -> None:
        """An original that was deleted on request, or stays in its inbox, is not ours any more; every other one is."""
        was_put_aside = document.state is not DocumentState.DELIVERED
        if was_put_aside and not os.path.lexists(path) and self._ledger.came_back(document):
            return  # a person moved it back into the inbox, where it was taken as a new document
        self._file(document, path, document.size_bytes, document.sha256, "the original")

    def _examine_reason(self, document: Document) -> None:
        inbox = self._inboxes.get(document.inbox)
        if inbox is None or document.original_at is None:
            return
        stays = document.original_at == document.work_path
        if not stays and not os.path.lexists(document.original_at):
            return  # the original is what is missing
        reason = reason_path(document, Path(inbox.failed))
        if reason is not None:
            self._file(document, os.fspath(reason), None, None, "the reason of the failure")

    def _examine_results(self, document: Document) -> None:
        deliveries = self._ledger.deliveries(document.id)
        receipt = next((row for row in deliveries if row["format"] == "receipt"), None)
        if receipt is None:
            self._found("missing", document.output_base or document.path, document, "delivered without a receipt")
        elif self._ledger.replaced_later(document.id, receipt["path"], receipt["delivered_at"]):
            return  # on_existing: replace; the whole set made way for another document's
        for row in deliveries:
            self._file(document, row["path"], row["size_bytes"], row["sha256"], f"a result ({row['format']})")

    def _examine_answers(self, document: Document) -> None:
        """What was paid for is kept until delivery, and with a failed document, where ``retry`` goes on from it."""
        folder = Path(document.work_path).parent
        if folder.parent.name != WORK_FOLDER:
            folder = self._config.state / "work" / document.id
        for step in self._ledger.steps(document):
            if step.state is StepState.DONE and step.answer is not None:
                path = os.fspath(folder / step.answer)
                self._file(document, path, None, None, f"the stored answer of {step.endpoint}")

    def _file(self, document: Document, path: str, size_bytes: int | None, sha256: str | None, what: str) -> None:
        self.files += 1
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                self._found("changed", path, document, f"{what} is not a regular file any more")
            elif size_bytes is not None and status.st_size != size_bytes:
                self._found("changed", path, document, f"{what} has {status.st_size} bytes instead of {size_bytes}")
            elif self._deep and sha256 is not None and sha256_of_file(Path(path)) != sha256:
                self._found("changed", path, document, f"{what} has other content than was recorded")
        except OSError as error:
            self._found("missing", path, document, f"{what} is not there: {error.strerror}")
        except DocferryError as error:
            self._found("changed", path, document, f"{what} cannot be read: {error.message}")

    def look_for_strangers(self, inbox: InboxConfig) -> None:
        """Our work folders that the ledger does not know; those of another daemon on the same inbox are its own."""
        owner = self._ledger.memory("owner")
        for folder in _folders_in(Path(inbox.path) / WORK_FOLDER):
            if folder.name.startswith(PROBE):
                continue  # a crash left it; the inbox clears it away when it comes online
            if self._ledger.document(folder.name) is None and _is_stray(folder, owner):
                self._found("extra", str(folder), None, "a work folder that the ledger does not know")

    def examine_receipts(self, outboxes: list[Path]) -> None:
        """What the receipts say, whoever wrote them, is there; and the ledger knows who did."""
        forgotten_before = None
        if self._config.keep_history_s is not None:
            forgotten_before = time.time() - self._config.keep_history_s
        for outbox in outboxes:
            for path in receipts_below(outbox):
                self.files += 1
                for problem in examine_receipt(path, self._known, forgotten_before):
                    self._tell(problem)

    def _known(self, document_id: str) -> bool:
        return self._ledger.document(document_id) is not None

    def _tell(self, problem: ReceiptProblem) -> None:
        self.findings.append(Finding(problem.kind, display(problem.path), problem.document, problem.said))

    def _found(self, kind: str, path: str, document: Document | None, said: str) -> None:
        self.findings.append(Finding(kind, display(path), document.id if document else None, said))


def _present_place(document: Document) -> str:
    """Where an open document's original is: in its work folder, or still where ``retry`` brings it back from."""
    if document.original_at is None or os.path.lexists(document.work_path):
        return document.work_path
    return document.original_at


def _folders_in(path: Path) -> Iterator[Path]:
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    yield from (path / name for name in names)


def _is_stray(folder: Path, owner: Any) -> bool:
    """Not one that is just being made, not one that was removed meanwhile, not another daemon's."""
    try:
        is_fresh = time.time() - folder.lstat().st_ctime < FRESH_S
    except FileNotFoundError:
        return False
    return not is_fresh and _owner_of(folder) in (None, owner)


def _owner_of(folder: Path) -> str | None:
    try:
        with (folder / RECORD).open("rb") as file:
            record = parse(file.read(RECORD_LIMIT_BYTES)).get(folder.name)
    except OSError:
        return None
    return record.owner if record is not None else None
