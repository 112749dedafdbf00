"""Documents, steps and plans for the ledger's tests: plain ones, and Hypothesis strategies for any."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from docferry.ledger import Change, Event
from docferry.models import Document, DocumentState, FileIdentity, Plan, Step, StepPlan, StepState

PLAN = Plan("rule", "hash", "local", (StepPlan("extract", {"a": 1}),))


def make_document(number: int = 0, **fields: Any) -> Document:
    values: dict[str, Any] = {
        "id": f"{number:016d}",
        "inbox": "scans",
        "path": f"folder/{number}.pdf",
        "work_path": f"/inbox/.docferry/{number:016d}/{number}.pdf",
        "state": DocumentState.QUEUED,
        "size_bytes": 10,
        "identity": FileIdentity(1, number, 10, 5, 6),
        "seen_at": 1.0,
        "claimed_at": 2.0 + number,
        "updated_at": 3.0,
        "due_at": 4.0,
    }
    return Document(**{**values, **fields})


def change(before: Document, state: DocumentState, **fields: Any) -> Change:
    return Change(before, replace(before, state=state, **fields), Event("moved"))


def make_step(document: Document, index: int = 0, **fields: Any) -> Step:
    values: dict[str, Any] = {
        "document_id": document.id,
        "run": document.run,
        "index": index,
        "endpoint": "extract",
        "provider": "local",
        "state": StepState.SUBMITTING,
        "options": {},
        "idempotency_key": f"{document.id}-{index}",
        "upload_names": ("a",),
    }
    return Step(**{**values, **fields})


# Any bytes but NUL, as the kernel gives them.
paths = st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw).map(os.fsdecode)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.floats(0, 4e9, allow_nan=False)
naturals = st.integers(0, 2**63 - 1)
unsigned = st.integers(0, 2**64 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=3)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


step_plans = st.builds(StepPlan, st.sampled_from(["extract", "split", "schema", "tables", "classify"]), objects)
plans = st.builds(
    Plan,
    rule=texts,
    rules_hash=texts,
    provider=texts,
    steps=st.lists(step_plans, max_size=3).map(tuple),
    mode=st.sampled_from(["auto", "async", "sync"]),
    formats=st.lists(texts, max_size=3).map(tuple),
    output_name=maybe(paths),
    on_existing=st.sampled_from(["number", "replace"]),
    after=maybe(st.sampled_from(["archive", "delete", "keep"])),
    on_ambiguous=st.sampled_from(["resubmit", "hold"]),
    priority=st.integers(-100, 100),
    fallback_provider=maybe(texts),
    fallback_after_s=moments,
    job_timeout_s=maybe(moments),
)


@st.composite
def any_document(draw: st.DrawFn) -> Document:
    size_bytes = draw(naturals)
    identity = st.builds(
        FileIdentity, unsigned, unsigned, st.just(size_bytes), st.integers(-(2**63), 2**63 - 1), naturals
    )
    return Document(
        id=draw(st.text("0123456789abcdef", min_size=16, max_size=16)),
        inbox=draw(texts),
        path=draw(paths),
        work_path=draw(paths),
        state=draw(st.sampled_from(DocumentState)),
        size_bytes=size_bytes,
        identity=draw(identity),
        seen_at=draw(moments),
        claimed_at=draw(moments),
        updated_at=draw(moments),
        due_at=draw(moments),
        sha256=draw(maybe(texts)),
        plan=draw(maybe(plans)),
        facts=draw(objects),
        step=draw(naturals),
        run=draw(naturals),
        attempts=draw(naturals),
        provider=draw(maybe(texts)),
        priority=draw(st.integers(-100, 100)),
        pages=draw(maybe(naturals)),
        media_type=draw(maybe(texts)),
        output_base=draw(maybe(texts)),
        output_key=draw(maybe(texts)),
        original_at=draw(maybe(paths)),
        filed=draw(st.booleans()),
        error=draw(maybe(texts)),
        error_hint=draw(maybe(texts)),
        waits_for=draw(maybe(texts)),
        warnings=tuple(draw(st.lists(st.text(max_size=9), max_size=3))),
        partial=draw(st.booleans()),
        cancel_requested=draw(st.booleans()),
        linked_to=draw(maybe(texts)),
    )


@st.composite
def any_step(draw: st.DrawFn, document_id: str) -> Step:
    return Step(
        document_id=document_id,
        run=draw(naturals),
        index=draw(naturals),
        endpoint=draw(texts),
        provider=draw(texts),
        state=draw(st.sampled_from(StepState)),
        options=draw(objects),
        idempotency_key=draw(texts),
        upload_names=tuple(draw(st.lists(texts, max_size=3))),
        attempt=draw(naturals),
        mode=draw(texts),
        job_id=draw(maybe(texts)),
        intent_at=draw(maybe(moments)),
        accepted_at=draw(maybe(moments)),
        completed_at=draw(maybe(moments)),
        polls=draw(naturals),
        lost_answers=draw(naturals),
        lost_jobs=draw(naturals),
        sent_bytes=draw(maybe(naturals)),
        sent_sha256=draw(maybe(texts)),
        pages=draw(maybe(naturals)),
        credits=draw(maybe(moments)),
        answer=draw(maybe(texts)),
        pointer=draw(maybe(texts)),
        outcome=draw(objects),
        warnings=tuple(draw(st.lists(st.text(max_size=9), max_size=3))),
        error=draw(maybe(texts)),
    )
