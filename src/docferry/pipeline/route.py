"""Choosing the plan: the document's facts meet the rules, and the decision is stored with the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from docferry.errors import ConfigError, FactError, InboxOffline, RoutingError
from docferry.ledger.ledger import find_same_content
from docferry.models import Document, DocumentState, Json, Plan, Step
from docferry.pipeline import steps as planning
from docferry.pipeline.context import Context
from docferry.pipeline.ending import fail
from docferry.pipeline.pages import Target, page_facts
from docferry.pipeline.submit import submit
from docferry.rules.route import Candidate, Routing

T = TypeVar("T")

AWAY_RETRY_S = 10.0


async def route(context: Context, document: Document, steps: Sequence[Step]) -> Document:
    """Stores facts and plan. Ends queued for its provider, failed, skipped, or delivering an earlier result again.

    Where the provider has a free place the document is sent at once, and plan and intent are one commit.
    """
    try:
        routing = await context.router.route(candidate_of(context, document))
    except (FactError, RoutingError, ConfigError) as error:
        return await fail(context, document, error.message, error.hint)
    except InboxOffline as error:
        return await _wait_for_the_share(context, document, error)
    if routing.plan is None:
        return await _not_taken(context, document, routing)
    facts = {**document.facts, **routing.facts}
    plan = routing.plan
    if planning.SENT_TO in document.facts:
        plan = replace(plan, provider=document.facts[planning.SENT_TO], fallback_provider=None)
    facts |= await _page_facts(context, document, plan, facts)
    sha256 = _known(facts, "sha256", str) or document.sha256
    earlier = await _earlier(context, document, plan, sha256)
    if earlier is not None:
        return await _duplicate(context, document, plan, facts, earlier)
    routed = context.change(
        document,
        "routed",
        {"rule": plan.rule, "provider": plan.provider, "rules": plan.rules_hash[:12]},
        plan=plan,
        provider=plan.provider,
        priority=plan.priority,
        facts=facts,
        sha256=sha256,
        pages=_known(facts, "pages", int),
        media_type=_known(facts, "type", str) or document.media_type,
        due_at=context.clock.now(),
        warnings=(*document.warnings, *routing.warnings),
        waits_for=f"a free place at {plan.provider}",
    )
    if context.may_submit_now(routed.after):
        return await submit(context, routed.after, steps, routed=routed)
    return await context.commit(routed)


async def _page_facts(
    context: Context, document: Document, plan: Plan, facts: Mapping[str, Json]
) -> Mapping[str, Json]:
    """The number of pages, where a provider that the document may go to makes something hang on it."""
    if planning.is_link(document.path, context.inbox(document), plan):
        return {}
    found: Mapping[str, Json] = {}
    for name in (plan.provider, plan.fallback_provider):
        service = context.services.get(name) if name is not None else None
        if service is not None:
            target = Target(service.provider.capabilities, service.config)
            file, size_bytes = Path(document.work_path), document.size_bytes
            found = {**found, **await page_facts(target, plan, {**facts, **found}, file, size_bytes, context.router)}
    return found


async def _wait_for_the_share(context: Context, document: Document, error: InboxOffline) -> Document:
    """Not the document's fault, and no reason to send it where it does not belong: asked again until it can be read."""
    due_at = context.clock.now() + AWAY_RETRY_S
    changed = context.change(document, "inbox away", quiet=True, due_at=due_at, waits_for=error.message)
    return await context.commit(changed)


def _known(facts: Mapping[str, Json], name: str, kind: type[T]) -> T | None:
    """A fact's value; None when nobody asked for it or it could not be read (its value then says why)."""
    value = facts.get(name)
    return value if isinstance(value, kind) else None


def candidate_of(context: Context, document: Document) -> Candidate:
    """What the rules may know of a document that is ours."""
    inbox = context.inbox(document)
    return Candidate(
        id=document.id,
        inbox=document.inbox,
        path=document.path,
        file=Path(document.work_path),
        size_bytes=document.size_bytes,
        modified_at=datetime.fromtimestamp(document.identity.mtime_ns / 1e9, UTC),
        known=dict(document.facts),
        wanted=frozenset({"sha256"}) if inbox.duplicates != "process" else frozenset(),
    )


async def _not_taken(context: Context, document: Document, routing: Routing) -> Document:
    if routing.ignored:
        return await context.commit(
            context.change(
                document,
                "ignored by rule",
                {"rule": routing.rule},
                state=DocumentState.SKIPPED,
                filed=False,
                due_at=context.clock.now(),
                error=f"rule {routing.rule!r} ignores it",
                waits_for=None,
            )
        )
    hint = f"add or widen a rule, then: docferry retry {document.id}"
    message = f"no rule takes it: {routing.explanation_line}"
    return await fail(context, document, message, hint, facts={**document.facts, **routing.facts})


async def _earlier(context: Context, document: Document, plan: Plan, sha256: str | None) -> Document | None:
    """An earlier document with the same bytes and the same plan, where the inbox cares about duplicates."""
    if context.inbox(document).duplicates == "process" or sha256 is None or document.run > 1:
        return None
    earlier = await context.ledger.call(
        lambda connection: find_same_content(connection, sha256, document.inbox, document.id)
    )
    if earlier is None or earlier.plan is None:
        return None
    same = planning.plan_fingerprint(earlier.plan) == planning.plan_fingerprint(plan)
    return earlier if same else None


async def _duplicate(
    context: Context, document: Document, plan: Plan, facts: Mapping[str, Json], earlier: Document
) -> Document:
    document_known: dict[str, Any] = {
        "plan": plan,
        "provider": plan.provider,
        "facts": facts,
        "sha256": earlier.sha256,
        "due_at": context.clock.now(),
    }
    detail = {"earlier": earlier.id, "rule": plan.rule}
    if context.inbox(document).duplicates == "skip":
        return await context.commit(
            context.change(
                document,
                "skipped as a duplicate",
                detail,
                state=DocumentState.SKIPPED,
                filed=False,
                error=f"same bytes and plan as document {earlier.id}",
                error_hint=f"its results: docferry why {earlier.id}",
                waits_for=None,
                **document_known,
            )
        )
    return await context.commit(
        context.change(
            document,
            "linked to an earlier result",
            detail,
            state=DocumentState.DELIVERING,
            waits_for="the earlier result to be written again",
            linked_to=earlier.id,
            **document_known,
        )
    )
