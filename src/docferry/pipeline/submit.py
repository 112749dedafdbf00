"""Sending a step: the intent is durable before the request leaves, the job id before anything else is done."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from docferry.errors import Ambiguous, DocumentChanged, InboxOffline, Parked, ProviderError, Unavailable
from docferry.failpoints import failpoint
from docferry.folders import sha256_of_file
from docferry.ledger import Change
from docferry.models import Document, DocumentState, FileIdentity, Json, Step, StepState
from docferry.pipeline import retry, settle
from docferry.pipeline import steps as planning
from docferry.pipeline.context import Context, Service
from docferry.pipeline.ending import cancel_unsent, fail, try_later, use_fallback
from docferry.pipeline.finishing import finish_step, point_at_result
from docferry.pipeline.jobnote import keep_note
from docferry.pipeline.links import read_link
from docferry.pipeline.pages import Target, known_pages, mode_of
from docferry.providers.base import TOO_LONG_FOR_SYNC, Accepted, Answered, Pointed, Submission

LOST_AT, LOOKS = "lost_at", "looks"  # kept in the step's outcome while its fate is being settled
REFUSED_SYNC = "refused_sync"  # kept there until the step was accepted the other way


async def submit(
    context: Context, document: Document, steps: Sequence[Step], *, routed: Change | None = None
) -> Document:
    """Sends the present step. Ends in waiting, the next step, delivering, queued for later, held or failed.

    ``routed``: the change that led here and is not committed yet; it goes into the first commit.
    """
    if document.cancel_requested:
        return await cancel_unsent(context, document)
    earlier = (routed,) if routed else ()
    service = context.service(document.provider)
    if (wait_s := _pages_wait_s(context, service, document)) > 0:
        return await context.commit(*earlier, _wait_for_pages(context, document, wait_s))
    if service.gate.is_probing and not await _answers(context, service):
        return await context.commit(*earlier, _wait_for_provider(context, service, document))
    existing = planning.current_step(document, steps)
    resend = existing is not None and existing.state in (StepState.PLANNED, StepState.SUBMITTING)
    mode = _mode(context, service, document, existing)
    step = planning.intend(document, existing, mode, context.clock.now(), resend=resend)
    document = await context.commit(
        *earlier,
        context.change(
            document,
            "submitting",
            {"endpoint": step.endpoint, "provider": step.provider, "attempt": step.attempt, "mode": mode},
            steps=(step,),
            state=DocumentState.SUBMITTING,
            waits_for=_request_under_way(step),
        ),
    )
    failpoint("submit.intended")
    answer_path = context.work_folder(document) / planning.answer_name(step)
    if context.inbox(document).claim == "leave":
        answer_path.parent.mkdir(parents=True, exist_ok=True)  # nobody has claimed into it
    submission = await _submission(context, service, document, step, planning.inputs(steps, step.index))
    try:
        answer = await service.provider.submit(submission, answer_path)
    except DocumentChanged as error:
        return await _read_again(context, document, step, error)
    except InboxOffline as error:
        return await _refused(context, document, step, Parked(error.message, hint=error.hint), spend_attempt=False)
    except ProviderError as error:
        return await _not_taken(context, service, document, step, error)
    finally:
        context.uploads.pop(document.id, None)
    failpoint("submit.answered")
    service.gate.succeeded(context.clock.now())
    context.metrics.submitted(step.provider, step.endpoint, "accepted")
    if answer.sent is not None:
        context.metrics.uploaded(step.provider, answer.sent.size_bytes)
    return await _taken(context, document, step, steps, answer)


async def settle_lost(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Goes on with a submission whose outcome is unknown: a crash, a cut connection, a timeout after the last byte."""
    service = context.service(document.provider)
    step = planning.current_step(document, steps)
    if step is None:  # the intent and its row are one commit, so this ledger was edited by hand
        return await context.commit(context.change(document, "queued again", state=DocumentState.QUEUED, due_at=0.0))
    now = context.clock.now()
    lost_at, looks = step.outcome.get(LOST_AT, now), step.outcome.get(LOOKS, 0)
    capabilities = service.provider.capabilities
    if _is_link(context, document):
        capabilities = replace(capabilities, finds_lost_submissions=False)  # the service chose the record's name
    verdict = settle.decide(
        capabilities,
        step,
        planning.plan_of(document).on_ambiguous,
        lost_at=lost_at,
        looks=looks,
        now=now,
    )
    match verdict.what:
        case settle.Settlement.RESEND:
            return await context.commit(
                context.change(
                    document,
                    "sending again under the same key",
                    {"note": verdict.reason, "key": step.idempotency_key},
                    state=DocumentState.QUEUED,
                )
            )
        case settle.Settlement.LOOK:
            return await _look(context, service, document, step, lost_at, looks)
        case settle.Settlement.WAIT:
            return await context.commit(
                context.change(
                    document, "settling", {"note": verdict.reason}, due_at=verdict.at, waits_for=verdict.reason
                )
            )
        case settle.Settlement.RESUBMIT:
            return await _resubmit(context, document, step, verdict.reason)
        case settle.Settlement.HOLD:
            return await _hold(context, document, step, verdict.reason)


def _request_under_way(step: Step) -> str:
    if step.mode == "sync":
        return f"the answer of {step.provider} to a synchronous {step.endpoint} call"
    return f"{step.provider} to take the {step.endpoint} request"


def _pages_wait_s(context: Context, service: Service, document: Document) -> float:
    """Pages are what providers limit; a step that sends no document asks for none."""
    if planning.planned_step(document).endpoint not in planning.UPLOADING:
        return 0.0
    return service.gate.pages_wait_s(_pages(document) or 1, context.clock.now())


def _is_link(context: Context, document: Document) -> bool:
    return planning.is_link(document.path, context.inbox(document), planning.plan_of(document))


def _pages(document: Document) -> int | None:
    return document.pages if document.pages is not None else known_pages(document.facts)


def _wait_for_pages(context: Context, document: Document, wait_s: float) -> Change:
    return context.change(
        document,
        "page rate",
        quiet=True,
        due_at=context.clock.now() + wait_s,
        waits_for=f"the page rate of {document.provider}",
    )


async def _answers(context: Context, service: Service) -> bool:
    """Asks a parked provider how it is, before a document is spent on finding out: its answer might get lost."""
    health = await service.provider.check()
    is_well = not health.down and health.key_accepted is not False
    if not is_well:
        service.gate.park(context.clock.now(), Parked(health.detail, needs_person=health.key_accepted is False))
    return is_well


def _wait_for_provider(context: Context, service: Service, document: Document) -> Change:
    reason = service.gate.parked.reason if service.gate.parked else ""
    return context.change(document, "provider is parked", quiet=True, waits_for=f"{service.provider.name}: {reason}")


def _mode(context: Context, service: Service, document: Document, existing: Step | None) -> str:
    if existing is not None and existing.outcome.get(REFUSED_SYNC):
        return "async"
    pages = None if _is_link(context, document) else _pages(document)
    target = Target(service.provider.capabilities, service.config)
    return mode_of(target, planning.plan_of(document), document.step, pages, document.size_bytes)


async def _submission(
    context: Context, service: Service, document: Document, step: Step, inputs: Mapping[str, Json]
) -> Submission:
    upload, file_url = None, None
    if step.endpoint in planning.UPLOADING and _is_link(context, document):
        file_url = await asyncio.to_thread(read_link, Path(document.work_path))
    elif step.endpoint in planning.UPLOADING:
        upload = planning.make_upload(document, lambda sent_bytes: context.uploads.update({document.id: sent_bytes}))
    return Submission(
        endpoint=step.endpoint,
        options=step.options,
        mode=step.mode,
        idempotency_key=step.idempotency_key,
        upload_name=step.upload_names[-1],
        upload=upload,
        file_url=file_url,
        inputs=inputs,
        timeout_s=planning.job_timeout_s(document, service.config) if step.mode == "sync" else None,
    )


async def _taken(
    context: Context, document: Document, step: Step, steps: Sequence[Step], answer: Accepted | Answered | Pointed
) -> Document:
    now = context.clock.now()
    context.warn_once(step.provider, answer.warnings)
    step = replace(
        step,
        accepted_at=now,
        job_id=answer.job_id,
        sent_bytes=answer.sent.size_bytes if answer.sent else step.sent_bytes,
        sent_sha256=answer.sent.sha256 if answer.sent else step.sent_sha256,
        credits=answer.credits,
        warnings=answer.warnings,
        outcome={},
    )
    sha256 = answer.sent.sha256 if answer.sent else document.sha256
    if sha256 is None:  # found in a listing: what was sent was counted by a process that is gone
        sha256 = await asyncio.to_thread(sha256_of_file, Path(document.work_path))
    if isinstance(answer, Accepted):
        step = replace(step, state=StepState.WAITING)
        document = await context.commit(
            context.change(
                document,
                "accepted",
                {"job": answer.job_id, "provider": step.provider, "endpoint": step.endpoint},
                steps=(step,),
                state=DocumentState.WAITING,
                due_at=context.pace.first_poll_at(step, document, now),
                attempts=0,
                sha256=sha256,
                waits_for=f"job {answer.job_id} of {step.provider}",
            )
        )
        await keep_note(context, document, steps, step)
        return document
    if isinstance(answer, Pointed):
        return await point_at_result(context, document, step, answer, sha256=sha256)
    return await finish_step(context, document, step, steps, answer, sha256=sha256)


async def _not_taken(
    context: Context, service: Service, document: Document, step: Step, error: ProviderError
) -> Document:
    """The request did not give a job: whose trouble it is decides what happens."""
    now = context.clock.now()
    context.metrics.submitted(step.provider, step.endpoint, type(error).__name__)
    context.metrics.error(step.provider, type(error).__name__)
    match error:
        case Parked():
            service.gate.park(now, error)
            return await _refused(context, document, step, error, spend_attempt=False)
        case Unavailable():
            service.gate.trouble(now, error)
            spend_attempt = not error.throttled and service.gate.parked is None
            return await _refused(context, document, step, error, spend_attempt=spend_attempt)
        case Ambiguous():
            service.gate.trouble(now, error)
            return await _answer_lost(context, document, step, error, spend_attempt=service.gate.parked is None)
        case _:
            service.gate.answered()
            if error.code == TOO_LONG_FOR_SYNC and step.endpoint in service.provider.capabilities.async_endpoints:
                return await _send_as_job(context, document, step, error)
            if _refuses_type(error) and _has_fallback(document):
                return await use_fallback(context, document, error.message, step=step)
            return await fail(context, document, f"{step.endpoint}: {error.message}", error.hint, step=step)


def _refuses_type(error: ProviderError) -> bool:
    """Whether another provider may take what this one does not: 415, or Pulse's code for an unsupported type."""
    return error.status == 415 or error.code == "FILE_001"


def _has_fallback(document: Document) -> bool:
    other = planning.plan_of(document).fallback_provider
    return other is not None and other != document.provider and document.step == 0


async def _refused(
    context: Context, document: Document, step: Step, error: Unavailable, *, spend_attempt: bool
) -> Document:
    """Nothing was accepted: the step's row says so, and the document waits for another try."""
    step = replace(step, state=StepState.PLANNED, error=error.message)
    return await try_later(context, document, step, error, spend_attempt=spend_attempt)


async def _send_as_job(context: Context, document: Document, step: Step, error: ProviderError) -> Document:
    """The provider counts more pages than it takes at once. Nothing was accepted."""
    step = replace(step, state=StepState.PLANNED, error=error.message, outcome={REFUSED_SYNC: True})
    return await context.commit(
        context.change(
            document,
            "too long for a synchronous call",
            {"note": error.message},
            steps=(step,),
            state=DocumentState.QUEUED,
            due_at=context.clock.now(),
            waits_for="another submission, asynchronous",
        )
    )


async def _answer_lost(
    context: Context, document: Document, step: Step, error: Ambiguous, *, spend_attempt: bool
) -> Document:
    """Outcome unknown: stays in submitting, where ``settle_lost`` takes it up."""
    now = context.clock.now()
    service = context.service(document.provider)
    honoured = service.provider.capabilities.honours_idempotency_key
    job_timeout_s = planning.job_timeout_s(document, service.config)
    if honoured and step.lost_answers and settle.had_its_time(step, job_timeout_s, now):
        return await _never_answered(context, document, step, job_timeout_s)
    attempts = document.attempts if spend_attempt else min(document.attempts, retry.PATIENT_ATTEMPTS - 1)
    decision = retry.decide(error, attempts, now, context.rng)
    if isinstance(decision, retry.GiveUp):
        return await _hold(context, document, step, f"{decision.reason}: {error.message}", same_key=honoured)
    step = replace(step, lost_answers=step.lost_answers + 1, error=error.message, outcome={LOST_AT: now, LOOKS: 0})
    return await context.commit(
        context.change(
            document,
            "answer lost",
            {"reason": error.message, "provider": step.provider, "lost_answers": step.lost_answers},
            steps=(step,),
            attempts=document.attempts + int(spend_attempt),
            due_at=decision.at,
            waits_for=f"settling a submission whose answer was lost: {error.message}",
        )
    )


async def _never_answered(context: Context, document: Document, step: Step, job_timeout_s: float) -> Document:
    """The same key's answer was missed before, so it is the job that does not end. Without an id nothing stops it."""
    message = f"{step.provider} did not answer a synchronous {step.endpoint} call within {job_timeout_s:g} s"
    hint = f"raise job_timeout of the provider or rule; docferry retry {document.id} submits it again"
    return await fail(context, document, message, hint, step=step)


async def _look(
    context: Context, service: Service, document: Document, step: Step, lost_at: float, looks: int
) -> Document:
    """Reads the listing for the present name and those whose fate never became known."""
    now = context.clock.now()
    try:
        found = await service.provider.find_lost(step.upload_names, step.intent_at or lost_at)
    except ProviderError as error:
        if isinstance(error, Parked):
            service.gate.park(now, error)
        return await try_later(context, document, step, error, spend_attempt=False, state=DocumentState.SUBMITTING)
    if found is not None:
        return await _taken(context, document, step, (), found)
    step = replace(step, outcome={LOST_AT: lost_at, LOOKS: looks + 1})
    return await context.commit(
        context.change(document, "not in the listing yet", {"looks": looks + 1}, steps=(step,), due_at=now)
    )


async def _resubmit(context: Context, document: Document, step: Step, why: str) -> Document:
    step = replace(step, state=StepState.FAILED, outcome={})
    return await context.commit(
        context.change(
            document,
            "submitting again",
            {"reason": why, "key": step.idempotency_key},
            steps=(step,),
            state=DocumentState.QUEUED,
            warnings=(*document.warnings, f"{step.endpoint} was submitted again: {why}"),
        )
    )


async def _hold(context: Context, document: Document, step: Step, why: str, *, same_key: bool = False) -> Document:
    """``same_key``: what a retry sends is the same submission, which the provider may have taken already."""
    step = replace(step, state=StepState.PLANNED if same_key else StepState.FAILED, outcome={})
    return await context.commit(
        context.change(
            document,
            "held",
            {"reason": why},
            steps=(step,),
            state=DocumentState.HELD,
            error=why,
            error_hint=f"docferry retry {document.id} sends it again; docferry cancel {document.id} gives it up",
            waits_for="a person: docferry retry or docferry cancel",
        )
    )


async def _read_again(context: Context, document: Document, step: Step, error: DocumentChanged) -> Document:
    """The file changed while it was read; nothing was accepted. It is routed anew as what it is now."""
    step = replace(step, state=StepState.PLANNED, error=error.message)
    try:
        status = await asyncio.to_thread(os.lstat, document.work_path)
    except FileNotFoundError:
        return await fail(context, document, error.message, "drop it again", step=step)
    except OSError as trouble:
        return await _refused(context, document, step, Parked(str(trouble)), spend_attempt=False)
    if not stat.S_ISREG(status.st_mode):
        return await fail(context, document, error.message, "drop a regular file", step=step)
    return await context.commit(
        context.change(
            document,
            "changed while it was read",
            {"reason": error.message},
            steps=(step,),
            state=DocumentState.QUEUED,
            size_bytes=status.st_size,
            identity=FileIdentity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns),
            plan=None,
            facts={name: value for name, value in document.facts.items() if name == planning.SENT_TO},
            sha256=None,
            pages=None,
            media_type=None,
            due_at=context.clock.now() + context.inbox(document).settle_s,
            waits_for="the file to stop changing",
        )
    )
