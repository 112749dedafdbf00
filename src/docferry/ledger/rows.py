"""Rows to values and back; the one place that knows which column holds what."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from docferry.ledger.changes import Delivery, Event
from docferry.models import Document, DocumentState, FileIdentity, Json, Plan, Step, StepState, display

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def dumps(value: Json) -> str:
    """JSON that SQLite can hold: lone surrogates (undecodable file names) become escapes."""
    return _ENCODER.encode(value)


def text(value: str | None) -> str | None:
    """What a provider or a file name said, in characters that SQLite can hold: lone surrogates are escaped."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _plan_columns(document: Document) -> dict[str, Any]:
    plan = document.plan
    if plan is None:
        return {"rule": None, "rules_hash": None, "plan": None}
    return {"rule": plan.rule, "rules_hash": plan.rules_hash, "plan": dumps(plan.to_json())}


def _identity_columns(document: Document) -> dict[str, Any]:
    identity = document.identity
    return {
        "device": str(identity.device),
        "inode": str(identity.inode),
        "mtime_ns": identity.mtime_ns,
        "ctime_ns": identity.ctime_ns,
    }


# Fields that are not kept as they are, with the columns that hold them.
_CONVERTED: Mapping[str, Callable[[Document], dict[str, Any]]] = {
    "path": lambda document: {"path": os.fsencode(document.path), "display": display(document.path)},
    "work_path": lambda document: {"work_path": os.fsencode(document.work_path)},
    "state": lambda document: {"state": document.state.value},
    "identity": _identity_columns,
    "media_type": lambda document: {"media_type": text(document.media_type)},
    "plan": _plan_columns,
    "facts": lambda document: {"facts": dumps(dict(document.facts))},
    "output_base": lambda document: {"output_base": text(document.output_base)},
    "original_at": lambda document: {
        "original_at": os.fsencode(document.original_at) if document.original_at else None
    },
    "filed": lambda document: {"filed": int(document.filed)},
    "error": lambda document: {"error": text(document.error)},
    "error_hint": lambda document: {"error_hint": text(document.error_hint)},
    "waits_for": lambda document: {"waits_for": text(document.waits_for)},
    "warnings": lambda document: {"warnings": dumps(list(document.warnings))},
    "partial": lambda document: {"partial": int(document.partial)},
    "cancel_requested": lambda document: {"cancel_requested": int(document.cancel_requested)},
}
_FIELDS = tuple(field.name for field in fields(Document))


def document_columns(document: Document) -> dict[str, Any]:
    """Every column of the document's row."""
    return _columns(document, _FIELDS)


def changed_columns(before: Document, after: Document) -> dict[str, Any]:
    """Only what differs: a transition writes a handful of columns, not forty, and encodes no more."""
    return _columns(after, changed_fields(before, after))


def changed_fields(before: Document, after: Document) -> list[str]:
    """The names of the fields that differ."""
    return [name for name in _FIELDS if _differs(getattr(before, name), getattr(after, name))]


def _differs(old: object, new: object) -> bool:
    return old is not new and old != new


def _columns(document: Document, names: Iterable[str]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in names:
        convert = _CONVERTED.get(name)
        if convert is None:
            columns[name] = getattr(document, name)
        else:
            columns |= convert(document)
    return columns


def to_document(row: Mapping[str, Any]) -> Document:
    return Document(
        id=row["id"],
        inbox=row["inbox"],
        path=os.fsdecode(row["path"]),
        work_path=os.fsdecode(row["work_path"]),
        state=DocumentState(row["state"]),
        size_bytes=row["size_bytes"],
        identity=FileIdentity(
            int(row["device"]), int(row["inode"]), row["size_bytes"], row["mtime_ns"], row["ctime_ns"]
        ),
        seen_at=row["seen_at"],
        claimed_at=row["claimed_at"],
        updated_at=row["updated_at"],
        due_at=row["due_at"],
        sha256=row["sha256"],
        plan=Plan.from_json(json.loads(row["plan"])) if row["plan"] else None,
        facts=json.loads(row["facts"]),
        step=row["step"],
        run=row["run"],
        attempts=row["attempts"],
        provider=row["provider"],
        priority=row["priority"],
        pages=row["pages"],
        media_type=row["media_type"],
        output_base=row["output_base"],
        output_key=row["output_key"],
        original_at=os.fsdecode(row["original_at"]) if row["original_at"] else None,
        filed=bool(row["filed"]),
        error=row["error"],
        error_hint=row["error_hint"],
        waits_for=row["waits_for"],
        warnings=tuple(json.loads(row["warnings"])),
        partial=bool(row["partial"]),
        cancel_requested=bool(row["cancel_requested"]),
        linked_to=row["linked_to"],
    )


# Fields that do not come back from the file as they were given: escaped characters, lists for tuples inside JSON.
_KEPT: Mapping[str, Callable[[Document], Any]] = {
    "identity": lambda document: replace(document.identity, size_bytes=document.size_bytes),
    "media_type": lambda document: text(document.media_type),
    "plan": lambda document: Plan.from_json(json.loads(dumps(document.plan.to_json()))) if document.plan else None,
    "facts": lambda document: json.loads(dumps(dict(document.facts))),
    "output_base": lambda document: text(document.output_base),
    "error": lambda document: text(document.error),
    "error_hint": lambda document: text(document.error_hint),
    "waits_for": lambda document: text(document.waits_for),
}


def kept_document(document: Document, name: str) -> Any:
    """The field as ``to_document`` will give it."""
    keep = _KEPT.get(name)
    return getattr(document, name) if keep is None else keep(document)


def kept(document: Document) -> Document:
    """The whole document as ``to_document`` will give it."""
    return replace(document, **{name: keep(document) for name, keep in _KEPT.items()})


def kept_step(step: Step) -> Step:
    """The step as ``to_step`` will give it."""
    return replace(
        step,
        options=_kept_object(step.options),
        job_id=text(step.job_id),
        answer=text(step.answer),
        pointer=text(step.pointer),
        outcome=_kept_object(step.outcome),
        error=text(step.error),
    )


def _kept_object(value: Mapping[str, Json]) -> Mapping[str, Json]:
    return json.loads(dumps(dict(value))) if value else value


def step_columns(step: Step) -> dict[str, Any]:
    return {
        "document": step.document_id,
        "run": step.run,
        "position": step.index,
        "endpoint": step.endpoint,
        "provider": step.provider,
        "state": step.state.value,
        "options": dumps(dict(step.options)),
        "mode": step.mode,
        "attempt": step.attempt,
        "idempotency_key": step.idempotency_key,
        "upload_names": dumps(list(step.upload_names)),
        "job_id": text(step.job_id),
        "intent_at": step.intent_at,
        "accepted_at": step.accepted_at,
        "completed_at": step.completed_at,
        "polls": step.polls,
        "lost_answers": step.lost_answers,
        "lost_jobs": step.lost_jobs,
        "sent_bytes": step.sent_bytes,
        "sent_sha256": step.sent_sha256,
        "pages": step.pages,
        "credits": step.credits,
        "answer": text(step.answer),
        "pointer": text(step.pointer),
        "outcome": dumps(dict(step.outcome)),
        "warnings": dumps(list(step.warnings)),
        "error": text(step.error),
    }


def delivery_columns(delivery: Delivery, document_id: str, delivered_at: float) -> dict[str, Any]:
    return {
        "document": document_id,
        "path": os.fsencode(delivery.path),
        "format": delivery.format,
        "sha256": delivery.sha256,
        "size_bytes": delivery.size_bytes,
        "delivered_at": delivered_at,
    }


def event_columns(event: Event, at: float, document_id: str | None, state: str | None) -> dict[str, Any]:
    return {"at": at, "document": document_id, "kind": event.kind, "state": state, "detail": dumps(dict(event.detail))}


def to_step(row: Mapping[str, Any]) -> Step:
    return Step(
        document_id=row["document"],
        run=row["run"],
        index=row["position"],
        endpoint=row["endpoint"],
        provider=row["provider"],
        state=StepState(row["state"]),
        options=json.loads(row["options"]),
        mode=row["mode"],
        attempt=row["attempt"],
        idempotency_key=row["idempotency_key"],
        upload_names=tuple(json.loads(row["upload_names"])),
        job_id=row["job_id"],
        intent_at=row["intent_at"],
        accepted_at=row["accepted_at"],
        completed_at=row["completed_at"],
        polls=row["polls"],
        lost_answers=row["lost_answers"],
        lost_jobs=row["lost_jobs"],
        sent_bytes=row["sent_bytes"],
        sent_sha256=row["sent_sha256"],
        pages=row["pages"],
        credits=row["credits"],
        answer=row["answer"],
        pointer=row["pointer"],
        outcome=json.loads(row["outcome"]),
        warnings=tuple(json.loads(row["warnings"])),
        error=row["error"],
    )


def dicts(cursor: Any) -> list[dict[str, Any]]:
    """A cursor's rows as dictionaries."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
