"""What ``status``, ``jobs`` and ``why`` show: plain values, from a running daemon or from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docferry.clock import iso
from docferry.config import load, state_folder
from docferry.config.models import Config
from docferry.daemon.control import ask
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.errors import ConfigError, LedgerError
from docferry.ledger import LedgerReader
from docferry.models import Document, Json, Step, display

SHOWN_DOCUMENTS = 50
OPEN_STATES = ("queued", "submitting", "waiting", "storing", "delivering", "held")


def ask_status(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """The status of what runs with the configuration at ``path``, or what the ledger says when nothing does.

    A running daemon is asked also while the file on disk is broken by an edit. Raises ConfigError otherwise.
    """
    try:
        config = load(path, environ=environ)
    except ConfigError:
        status = ask(socket_path(state_folder(path, environ=environ), CONTROL), {"do": "status"})
        if status is None:
            raise
        return status
    return ask(config.control.socket or socket_path(config.state, CONTROL), {"do": "status"}) or from_ledger(config)


def from_ledger(config: Config) -> dict[str, Any]:
    """The status when no daemon answers."""
    status = base_status(config)
    try:
        with LedgerReader(config.state) as ledger:
            counts = ledger.counts()
            documents = ledger.documents(states=OPEN_STATES, limit=SHOWN_DOCUMENTS)
    except LedgerError:
        counts, documents = {}, []  # nothing was ever run here
    for inbox in status["inboxes"]:
        inbox["documents"] = counts.get(inbox["name"], {})
    status["documents"] = [brief(document) for document in documents]
    return status


def base_status(config: Config) -> dict[str, Any]:
    """What the configuration alone can say."""
    return {
        "running": False,
        "trouble": [],
        "config": str(config.path),
        "state": str(config.state),
        "inboxes": [
            {
                "name": inbox.name,
                "path": str(inbox.path),
                "outbox": str(inbox.outbox),
                "state": "not watched",
                "documents": {},
            }
            for inbox in config.inboxes
        ],
        "providers": [
            {
                "name": provider.name,
                "dialect": provider.dialect,
                "state": "not used",
                "running": 0,
                "url": provider.url or "embedded engine",
            }
            for provider in config.providers.values()
        ],
        "documents": [],
    }


def brief(document: Document) -> dict[str, Json]:
    return {
        "id": document.id,
        "inbox": document.inbox,
        "path": display(document.path),
        "state": document.state.value,
        "provider": document.provider,
        "waits_for": document.waits_for,
        "seen_at": document.seen_at,
        "due_at": document.due_at if document.due_at > 0 else None,
    }


def document_facts(document: Document, steps: Sequence[Step]) -> dict[str, Json]:
    """Everything the ledger's rows say of a document, fit for JSON."""
    return {
        "id": document.id,
        "inbox": document.inbox,
        "path": display(document.path),
        "state": document.state.value,
        "filed": document.filed,
        "waits_for": document.waits_for,
        "error": document.error,
        "hint": document.error_hint,
        "rule": document.plan.rule if document.plan else None,
        "rules_hash": document.plan.rules_hash if document.plan else None,
        "provider": document.provider,
        "run": document.run,
        "attempts": document.attempts,
        "size_bytes": document.size_bytes,
        "sha256": document.sha256,
        "media_type": document.media_type,
        "pages": document.pages,
        "seen_at": iso(document.seen_at),
        "claimed_at": iso(document.claimed_at),
        "updated_at": iso(document.updated_at),
        "due_at": iso(document.due_at) if 0 < document.due_at < 1e11 else None,
        "work_path": display(document.work_path),
        "original_at": display(document.original_at) if document.original_at else None,
        "results": document.output_base,
        "partial": document.partial,
        "linked_to": document.linked_to,
        "warnings": list(document.warnings),
        "facts": dict(document.facts),
        "steps": [step_facts(step) for step in steps],
    }


def step_facts(step: Step) -> dict[str, Json]:
    return {
        "run": step.run,
        "endpoint": step.endpoint,
        "provider": step.provider,
        "state": step.state.value,
        "mode": step.mode,
        "attempt": step.attempt,
        "job_id": step.job_id,
        "idempotency_key": step.idempotency_key,
        "submitted_at": iso(step.intent_at),
        "accepted_at": iso(step.accepted_at),
        "completed_at": iso(step.completed_at),
        "polls": step.polls,
        "lost_answers": step.lost_answers,
        "sent_bytes": step.sent_bytes,
        "sent_sha256": step.sent_sha256,
        "pages": step.pages,
        "credits": step.credits,
        "warnings": list(step.warnings),
        "error": step.error,
        "outcome": _shown_outcome(step.outcome),
    }


def _shown_outcome(outcome: Mapping[str, Json]) -> dict[str, Json]:
    """Ids and notes; anything long stays in the raw answer."""
    return {name: value for name, value in outcome.items() if len(str(value)) <= 500}
