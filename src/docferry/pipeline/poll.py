"""Asking for a job's result: what a poll says about the job is kept apart from trouble with the poll itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from docferry.errors import JobUnknown, Parked, ProviderError, Rejected, ResultGone, Unavailable
from docferry.failpoints import failpoint
from docferry.models import Document, DocumentState, Step, StepState
from docferry.pipeline import retry
from docferry.pipeline import steps as planning
from docferry.pipeline.cancel import came_too_late, cancel_job, end_canceled, tell_to_stop
from docferry.pipeline.context import Context, Service
from docferry.pipeline.ending import fail, try_later
from docferry.pipeline.finishing import finish_step, point_at_result
from docferry.pipeline.jobnote import keep_note
from docferry.providers.base import Answered, JobCanceled, JobExpired, JobFailed, Pending, Pointed

FRESH_JOB_GRACE_S = 60.0
"""A job may not be visible right after it was accepted (both contracts leave it open); 404 means nothing until then."""

FRESH_JOB_GAP_S = 2.0

MAX_LOST_JOBS = 2
"""A job the provider forgot is submitted again so often; each may have been paid for, so then a person decides."""


JOB_RETRIES = retry.RetrySettings(attempts=2, first_gap_s=5.0)
"""How often a step is submitted when its jobs fail for no fault of the document: each job may be paid for."""


async def poll(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Asks once about the present step's job. The next question waits for the moment an answer is likely."""
    service = context.service(document.provider)
    step = planning.current_step(document, steps)
    if step is None or step.job_id is None:
        return await _submit_anew(context, document, step, "the job's id is not in the ledger")
    now = context.clock.now()
    if document.cancel_requested and (ended := await cancel_job(context, service, document, step)) is not None:
        return ended
    deadline_s = planning.job_timeout_s(document, service.config)
    if now > (step.accepted_at or now) + deadline_s:
        return await _timed_out(context, service, document, step, deadline_s)
    return await _ask(context, service, document, step, steps)


async def fetch(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Fetches a large result whose link is in the ledger; it may work only once."""
    service = context.service(document.provider)
    step = planning.current_step(document, steps)
    if step is None or step.pointer is None:
        # A crash between the stored answer and its commit: the poll gives the result again.
        return await _back_to_waiting(context, document, step)
    answer = context.work_folder(document) / planning.answer_name(step)
    try:
        answered = await service.provider.fetch(step.pointer, answer)
    except ResultGone as error:
        return await _result_gone(context, document, step, error)
    except ProviderError as error:
        _note_trouble(context, service, error)
        return await try_later(
            context,
            document,
            step,
            error,
            spend_attempt=service.gate.parked is None,
            state=DocumentState.STORING,
        )
    failpoint("fetch.stored")
    service.gate.succeeded(context.clock.now())
    return await finish_step(context, document, step, steps, answered)


async def _ask(context: Context, service: Service, document: Document, step: Step, steps: Sequence[Step]) -> Document:
    assert step.job_id is not None  # looked at by ``poll``
    job_id = step.job_id
    step = replace(step, polls=step.polls + 1)
    asked = context.clock.elapsed()
    try:
        answer = await service.provider.poll(
            step.endpoint, job_id, context.work_folder(document) / planning.answer_name(step)
        )
    except JobUnknown as error:
        return await _unknown(context, document, step, error)
    except ResultGone as error:
        return await _result_gone(context, document, step, error)
    except ProviderError as error:
        return await _poll_failed(context, service, document, step, error)
    service.gate.succeeded(context.clock.now())
    if isinstance(answer, Pending):  # whose answer time does not grow with the document
        service.gate.timed(context.clock.elapsed() - asked, context.clock.now())
    context.metrics.polled(step.provider, type(answer).__name__)
    match answer:
        case Pending():
            return await _still_pending(context, document, step, steps, answer)
        case Answered():
            failpoint("poll.stored")
            also = came_too_late(document) if document.cancel_requested else {}
            return await finish_step(context, document, step, steps, answer, **also)
        case Pointed():
            return await point_at_result(context, document, step, answer)
        case JobFailed():
            return await _job_failed(context, document, step, answer)
        case JobCanceled():
            return await end_canceled(context, document, step, "the job was cancelled at the provider")
        case JobExpired():
            gone = ResultGone("the provider purged the result before it was fetched")
            return await _result_gone(context, document, step, gone)


async def _still_pending(
    context: Context, document: Document, step: Step, steps: Sequence[Step], pending: Pending
) -> Document:
    now = context.clock.now()
    context.warn_once(step.provider, pending.warnings)
    due_at = context.pace.next_poll_at(step, document, now, pending)
    step = replace(step, warnings=tuple(dict.fromkeys((*step.warnings, *pending.warnings))))
    document = await context.commit(
        context.change(
            document,
            "polled",
            {"status": pending.status},
            quiet=True,
            steps=(step,),
            due_at=due_at,
            attempts=0,
            waits_for=f"job {step.job_id} of {step.provider} ({pending.status})",
        )
    )
    await keep_note(context, document, steps, step)
    return document


async def _poll_failed(
    context: Context, service: Service, document: Document, step: Step, error: ProviderError
) -> Document:
    """Trouble with asking says nothing about the job: it is asked again, as long as its deadline allows.

    An answer that will be the same however often one asks (too large, not what it must be) is final.
    """
    _note_trouble(context, service, error)
    context.metrics.polled(step.provider, type(error).__name__)
    if isinstance(error, Rejected):
        hint = error.hint or f"docferry retry {document.id} runs it again; the provider will charge for it again"
        return await fail(context, document, f"the result of job {step.job_id}: {error.message}", hint, step=step)
    now = context.clock.now()
    decision = retry.decide(error, min(document.attempts, retry.PATIENT_ATTEMPTS), now, context.rng)
    due_at = decision.at if isinstance(decision, retry.RetryAt) else now + retry.LONGEST_GAP_S
    return await context.commit(
        context.change(
            document,
            "poll failed",
            {"reason": error.message},
            quiet=True,
            steps=(step,),
            attempts=document.attempts + 1,
            due_at=due_at,
            waits_for=f"job {step.job_id} of {step.provider}: {error}",
        )
    )


def _note_trouble(context: Context, service: Service, error: ProviderError) -> None:
    now = context.clock.now()
    context.metrics.error(service.provider.name, type(error).__name__)
    if isinstance(error, Parked):
        service.gate.park(now, error)
    elif isinstance(error, Unavailable):
        service.gate.trouble(now, error)


async def _unknown(context: Context, document: Document, step: Step, error: JobUnknown) -> Document:
    now = context.clock.now()
    if now - (step.accepted_at or now) < FRESH_JOB_GRACE_S:
        return await context.commit(
            context.change(
                document,
                "not visible yet",
                {"status": "unknown"},
                quiet=True,
                steps=(step,),
                due_at=now + FRESH_JOB_GAP_S,
                waits_for=f"job {step.job_id} to become visible at {step.provider}",
            )
        )
    return await _submit_anew(
        context, document, step, f"the provider does not know job {step.job_id} any more: {error}"
    )


async def _submit_anew(context: Context, document: Document, step: Step | None, why: str) -> Document:
    """The job is gone: submitted again within a budget, then held, since each run may be paid for."""
    lost = (step.lost_jobs if step else 0) + 1
    steps = (
        (replace(step, state=StepState.FAILED, upload_names=(), job_id=None, pointer=None, lost_jobs=lost),)
        if step
        else ()
    )
    if lost > MAX_LOST_JOBS:
        return await context.commit(
            context.change(
                document,
                "held",
                {"reason": why},
                steps=steps,
                state=DocumentState.HELD,
                error=why,
                error_hint=f"docferry retry {document.id} submits it again (and pays again)",
                waits_for="a person: docferry retry or docferry cancel",
            )
        )
    return await context.commit(
        context.change(
            document,
            "submitting again",
            {"reason": why},
            steps=steps,
            state=DocumentState.QUEUED,
            due_at=context.clock.now(),
            warnings=(*document.warnings, f"submitted again, may be paid twice: {why}"),
            waits_for="another submission",
        )
    )


async def _back_to_waiting(context: Context, document: Document, step: Step | None) -> Document:
    why = "the answer was not safe yet when docferry stopped"
    if step is None or step.job_id is None:
        return await _submit_anew(context, document, step, why)
    return await context.commit(
        context.change(
            document, "polling again", {"note": why}, state=DocumentState.WAITING, due_at=context.clock.now()
        )
    )


async def _result_gone(context: Context, document: Document, step: Step, error: ResultGone) -> Document:
    hint = f"docferry retry {document.id} runs it again; the provider will charge for it again"
    return await fail(context, document, f"the result of job {step.job_id} is gone: {error.message}", hint, step=step)


async def _job_failed(context: Context, document: Document, step: Step, failed: JobFailed) -> Document:
    """The provider gave up on the job. Where it does not blame the document, another try is worth it."""
    now = context.clock.now()
    decision = retry.decide(Unavailable(failed.message), step.attempt - 1, now, context.rng, JOB_RETRIES)
    if not failed.retryable or isinstance(decision, retry.GiveUp):
        return await fail(
            context,
            document,
            f"{step.provider} could not do {step.endpoint}: {failed.message}",
            f"look at the document; docferry retry {document.id} tries again",
            step=step,
        )
    return await context.commit(
        context.change(
            document,
            "job failed, will submit again",
            {"reason": failed.message, "job": step.job_id},
            steps=(replace(step, state=StepState.FAILED, upload_names=(), job_id=None, error=failed.message),),
            state=DocumentState.QUEUED,
            due_at=decision.at,
            waits_for=f"another try after: {failed.message}",
        )
    )


async def _timed_out(context: Context, service: Service, document: Document, step: Step, deadline_s: float) -> Document:
    note = await tell_to_stop(service, step)
    message = f"job {step.job_id} of {step.provider} did not end within {deadline_s:.0f} s"
    hint = f"raise job_timeout of the provider or rule; docferry retry {document.id} submits it again. {note}".strip()
    return await fail(context, document, message, hint, step=step)
