"""A step's result is safe in the work folder: what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from docferry.failpoints import failpoint
from docferry.ledger import Change, LedgerConflict
from docferry.models import Document, DocumentState, Step, StepState
from docferry.pipeline import steps as planning
from docferry.pipeline.context import Context
from docferry.pipeline.deliver import likely_name
from docferry.providers.base import Answered, Pointed

CLASS = "class"  # the fact that a classification step gives to the rules


async def point_at_result(context: Context, document: Document, step: Step, pointed: Pointed, **also: Any) -> Document:
    """Records where a large result lies before it is fetched: its link works once. ``also``: further changed fields."""
    context.warn_once(step.provider, pointed.warnings)
    step = replace(
        step,
        state=StepState.STORING,
        pointer=pointed.url,
        outcome=dict(pointed.outcome),
        pages=pointed.pages,
        credits=pointed.credits if pointed.credits is not None else step.credits,
        warnings=(*step.warnings, *pointed.warnings),
        completed_at=context.clock.now(),
    )
    return await context.commit(
        context.change(
            document,
            "large result to fetch",
            {"job": step.job_id},
            steps=(step,),
            state=DocumentState.STORING,
            due_at=context.clock.now(),
            waits_for=f"the large result of job {step.job_id}",
            **also,
        )
    )


async def finish_step(
    context: Context, document: Document, step: Step, steps: Sequence[Step], answered: Answered, **also: Any
) -> Document:
    """The answer is on disk: goes to the next step, back to the rules with a class, or to delivery.

    ``also``: further fields that change with it.
    """
    now = context.clock.now()
    context.warn_once(step.provider, answered.warnings)
    done = replace(
        step,
        state=StepState.DONE,
        answer=planning.answer_name(step),
        outcome={**dict(step.outcome), **dict(answered.outcome)},
        pages=answered.pages if answered.pages is not None else step.pages,
        credits=answered.credits if answered.credits is not None else step.credits,
        warnings=tuple(dict.fromkeys((*step.warnings, *answered.warnings))),
        completed_at=step.completed_at or now,
        pointer=None,
        error=None,
    )
    changes = []
    if document.state is not DocumentState.STORING:
        changes.append(
            context.change(document, "completed", {"job": step.job_id}, steps=(done,), state=DocumentState.STORING)
        )
        document = changes[-1].after
    onward = _onward(context, document, done, also)
    if onward.after.state is DocumentState.DELIVERING:
        document = await _commit_with_name(context, changes, onward)
    else:
        document = await context.commit(*changes, onward)
    failpoint("step.finished")
    _learn(context, document, done)
    return document


async def _commit_with_name(context: Context, changes: Sequence[Change], delivering: Change) -> Document:
    """Reserves the results' name in the same commit; where another document has it, delivery looks for a free one."""
    named = replace(delivering, after=replace(delivering.after, **likely_name(context, delivering.after)))
    try:
        return await context.commit(*changes, named)
    except LedgerConflict:
        return await context.commit(*changes, delivering)


def _onward(context: Context, document: Document, done: Step, also: Mapping[str, Any]) -> Change:
    now = context.clock.now()
    pages = document.pages if document.pages is not None else done.pages
    plan = planning.plan_of(document)
    common: dict[str, Any] = {"pages": pages, "attempts": 0, "due_at": now, **also}
    if document.step + 1 < len(plan.steps):
        return context.change(
            document,
            "next step",
            {"endpoint": plan.steps[document.step + 1].endpoint},
            steps=(done,),
            state=DocumentState.QUEUED,
            step=document.step + 1,
            waits_for="its next step",
            **common,
        )
    if done.endpoint == "classify" and CLASS not in document.facts:
        return context.change(
            document,
            "classified",
            {CLASS: done.outcome.get(CLASS)},
            steps=(done,),
            state=DocumentState.QUEUED,
            plan=None,
            step=0,
            run=document.run + 1,
            facts={**document.facts, CLASS: done.outcome.get(CLASS)},
            waits_for="its rule, now that its class is known",
            **common,
        )
    return context.change(
        document,
        "delivering",
        steps=(done,),
        state=DocumentState.DELIVERING,
        waits_for="its results to be written",
        **common,
    )


def _learn(context: Context, document: Document, done: Step) -> None:
    if done.accepted_at is not None and done.completed_at is not None and done.mode == "async":
        took_s = done.completed_at - done.accepted_at
        context.pace.learn(done, document, took_s)
        context.metrics.job_ended(done.provider, done.endpoint, took_s)
    if done.credits:
        context.metrics.credits_spent(done.provider, done.credits)
