"""What a matched rule decides, as a plan with its templates filled in. Pure."""

from __future__ import annotations

from docferry.config.rules import Decision, StepConfig
from docferry.models import Plan, StepPlan
from docferry.rules.conditions import Facts, groups
from docferry.rules.evaluate import Matched, comparable
from docferry.rules.fill import fill_name, fill_options, moment_of, uses, values_of

DEFAULT_STEPS = (StepConfig(endpoint="extract"),)
DEFAULT_FORMATS = ("markdown", "json")


def steps_of(decision: Decision) -> tuple[StepConfig, ...]:
    """The decision's steps; a rule that names none extracts."""
    return decision.steps or DEFAULT_STEPS


def needs_sha256(decision: Decision) -> bool:
    """True when some template of the decision cannot be filled without the content's hash."""
    return uses([dict(step.options) for step in steps_of(decision)] + [decision.deliver.name], "sha256")


def plan_of(matched: Matched, facts: Facts, document_id: str, rules_hash: str) -> Plan:
    """The plan for one document. ``facts`` hold ``sha256`` where ``needs_sha256`` says so."""
    decision = matched.decision
    own_groups: dict[str, str] = {}
    for rule in (*matched.continued, matched.rule):
        own_groups |= groups(rule.config.when, comparable(facts))
    values, moment = values_of(facts, document_id, own_groups), moment_of(facts)
    deliver, fallback, defaults = decision.deliver, decision.fallback, Plan("", "", "", ())
    assert decision.provider is not None  # the configuration's checks saw to it
    return Plan(
        rule=matched.rule.config.name,
        rules_hash=rules_hash,
        provider=decision.provider,
        steps=tuple(StepPlan(step.endpoint, fill_options(step.options, values, moment)) for step in steps_of(decision)),
        mode=decision.mode or defaults.mode,
        formats=deliver.formats or DEFAULT_FORMATS,
        output_name=fill_name(deliver.name, values, moment) if deliver.name else None,
        on_existing=deliver.on_existing or defaults.on_existing,
        after=decision.after,
        on_ambiguous=decision.on_ambiguous or defaults.on_ambiguous,
        priority=decision.priority or 0,
        fallback_provider=fallback.provider if fallback else None,
        fallback_after_s=fallback.after_s if fallback else defaults.fallback_after_s,
        job_timeout_s=decision.job_timeout_s,
        links=decision.links,
    )
