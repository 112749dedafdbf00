"""What ``docferry explain`` does once the configuration has been read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from docferry.cli.common import print_json
from docferry.config import Config
from docferry.daemon.sockets import ENGINE, socket_path
from docferry.errors import ExitCode, UsageError
from docferry.models import Json, Plan, display
from docferry.pipeline.links import read_link
from docferry.pipeline.pages import Target, known_pages, mode_of, page_facts
from docferry.pipeline.steps import UPLOADING, is_link, upload_name
from docferry.providers.base import RequestDescription, Submission, Upload
from docferry.providers.build import create_provider
from docferry.rules.evaluate import RuleSet
from docferry.rules.facts import FactReader
from docferry.rules.given import given_facts
from docferry.rules.known import cheap_facts, unreadable_reason
from docferry.rules.showing import bytes_shown, moment_shown
from docferry.rules.trial import TRIAL_ID, Trial, facts_of_file, try_document

_SHOWN_ANYWAY = ("type", "pages", "encrypted")
_NOT_SHOWN = frozenset({"stem", "extension", "now", "name"})
_MARKS = {"matched": "✓", "continues": "+", "no match": "✗", "disabled": "-", "not asked": "·"}
_FLOWING = ("extraction_id", "split_id")  # what later steps get from earlier ones


@dataclass(frozen=True)
class _Explained:
    """One document: what would become of it, and the requests that would be sent."""

    label: str
    trial: Trial
    facts: Mapping[str, Json]
    requests: tuple[tuple[str, RequestDescription], ...]


def explain_all(
    config: Config, files: Sequence[Path], inbox_name: str | None, given: Sequence[str], as_json: bool
) -> ExitCode:
    """Explains every file, or the given facts alone, and says with the exit code whether one would fail."""
    facts = given_facts(dict(_pair(text) for text in given))
    if not files and not facts:
        raise UsageError("nothing to explain", hint="name a FILE, or give facts with --fact")
    known = [inbox.name for inbox in config.inboxes]
    for name in (inbox_name, facts.get("inbox")):
        if name is not None and name not in known:
            raise UsageError(f"there is no inbox {name}", hint=f"there are {', '.join(known)}")
    explained = asyncio.run(_explain(config, files, inbox_name, facts))
    if as_json:
        print_json([_as_json(one) for one in explained])
    else:
        for number, one in enumerate(explained):
            _print(one, blank_before=number > 0)
    return ExitCode.FAILED if any(one.trial.problem for one in explained) else ExitCode.OK


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--fact {text} is not NAME=VALUE", hint="for example --fact pages=80")
    return name.strip(), value


async def _explain(
    config: Config, files: Sequence[Path], inbox_name: str | None, given: dict[str, Json]
) -> list[_Explained]:
    reader, rules = FactReader(), RuleSet.of(config)
    try:
        explained = []
        for file in files or (None,):
            inbox, path = _place(config, file, inbox_name or given.get("inbox"))
            facts = {**_cheap(file, inbox, path), **given}
            trial = await try_document(config, rules, facts, file, reader)
            known, requests = await _requests(config, trial.plan, trial.facts, file, reader) if trial.plan else ({}, ())
            facts = {**trial.facts, **known}
            more = await _more_facts(reader, trial, file) if file is not None else {}
            explained.append(_Explained(str(file or facts["path"]), trial, {**facts, **more}, requests))
        return explained
    finally:
        await reader.aclose()


async def _more_facts(reader: FactReader, trial: Trial, file: Path) -> dict[str, Json]:
    """What people want to know of a file although no rule asked, always in the same order."""
    unknown = [name for name in _SHOWN_ANYWAY if name not in trial.facts]
    read = await reader.read(file, frozenset(unknown))
    return {name: read[name] for name in unknown}


def _place(config: Config, file: Path | None, inbox_name: str | None) -> tuple[str, str]:
    """The inbox the file would be dropped into, and its path there: where it lies, if it lies in one."""
    if file is not None:
        for inbox in config.inboxes:
            if inbox_name in (None, inbox.name) and file.resolve().is_relative_to(inbox.path.resolve()):
                return inbox.name, str(file.resolve().relative_to(inbox.path.resolve()))
    if inbox_name is None and len(config.inboxes) > 1:
        raise UsageError("which inbox?", hint=f"--inbox one of {', '.join(inbox.name for inbox in config.inboxes)}")
    return inbox_name or config.inboxes[0].name, file.name if file is not None else "document"


def _cheap(file: Path | None, inbox: str, path: str) -> dict[str, Json]:
    now = time.time()
    if file is None:
        return cheap_facts(inbox, path, 0, now, now)
    try:
        return facts_of_file(file, inbox, path, now)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


async def _requests(
    config: Config, plan: Plan, facts: Mapping[str, Json], file: Path | None, reader: FactReader
) -> tuple[Mapping[str, Json], tuple[tuple[str, RequestDescription], ...]]:
    """Each step's request, as it would leave but for the key; ids of earlier steps are named, not known.

    ``facts`` are those that routing knows: one that it did not ask for must not change the request here either.
    Before the requests stand the facts that sending asks for besides.
    """
    settings = config.providers[plan.provider]
    provider = create_provider(settings, key=None, engine_socket=socket_path(config.state, ENGINE))
    target = Target(provider.capabilities, settings)
    inbox = config.inbox(facts["inbox"])
    try:
        link = read_link(file) if file is not None and is_link(facts["path"], inbox, plan) else None
        known = {}
        if file is not None and link is None:
            known = await page_facts(target, plan, facts, file, facts["size"], reader)
        submissions = [_submission(target, plan, at, {**facts, **known}, file, link) for at in range(len(plan.steps))]
        return known, tuple((submission.mode, provider.describe(submission)) for submission in submissions)
    finally:
        await provider.aclose()


def _submission(
    target: Target, plan: Plan, index: int, facts: Mapping[str, Json], file: Path | None, link: str | None
) -> Submission:
    step, key = plan.steps[index], f"{TRIAL_ID}-1-{index}-1"
    media_type = facts["type"] if isinstance(facts.get("type"), str) else "application/octet-stream"
    upload = Upload(file or Path(facts["path"]), facts["size"], media_type)
    return Submission(
        endpoint=step.endpoint,
        options=step.options,
        mode=mode_of(target, plan, index, None if link else known_pages(facts), facts["size"]),
        idempotency_key=key,
        upload_name=upload_name(key, facts["path"]),
        upload=upload if step.endpoint in UPLOADING and link is None else None,
        file_url=link if step.endpoint in UPLOADING else None,
        inputs={name: f"<{name}>" for name in _FLOWING} if index else {},
    )


def _as_json(one: _Explained) -> dict[str, Any]:
    trial = one.trial
    return {
        "file": one.label,
        "facts": dict(one.facts),
        "rules": trial.explanation.to_json(),
        "rule": trial.rule,
        "ignored": trial.ignored,
        "plan": trial.plan.to_json() if trial.plan else None,
        "requests": [
            {
                "mode": mode,
                "method": request.method,
                "url": request.url,
                "headers": dict(request.headers),
                "fields": [list(field) for field in request.fields],
            }
            for mode, request in one.requests
        ],
        "problem": trial.problem.message if trial.problem else None,
        "hint": trial.problem.hint if trial.problem else None,
        "warnings": list(trial.warnings),
    }


def _print(one: _Explained, *, blank_before: bool) -> None:
    if blank_before:
        click.echo()
    click.echo(click.style(display(one.label), bold=True))
    click.echo("  facts")
    for name, value in one.facts.items():
        if name not in _NOT_SHOWN:
            click.echo(f"    {display(name):<12} {_fact_shown(name, value)}")
    click.echo("  rules")
    width = max((len(trace.rule) for trace in one.trial.explanation.rules), default=0)
    for trace in one.trial.explanation.rules:
        reason = trace.because or ("" if trace.verdict == "matched" else trace.verdict)
        line = f"    {_MARKS.get(trace.verdict, '!')} {trace.rule:<{width}}  {trace.origin}  {reason}"
        click.echo(line.rstrip())
    _print_outcome(one)


def _fact_shown(name: str, value: Json) -> str:
    if reason := unreadable_reason(value):
        return f"cannot be read: {reason}"
    if name == "size":
        return bytes_shown(value)
    if name == "modified":
        return moment_shown(value)
    return ("true" if value else "false") if isinstance(value, bool) else display(str(value))


def _print_outcome(one: _Explained) -> None:
    trial = one.trial
    if trial.problem is not None:
        click.echo(f"  it would fail: {trial.problem.message}")
        if trial.problem.hint:
            click.echo(f"    {trial.problem.hint}")
    elif trial.plan is None:
        click.echo(f"  it would be left where it is: rule {trial.rule} ignores it")
    else:
        _print_plan(trial.plan, trial.warnings)
    for mode, request in one.requests:
        click.echo(f"  request ({mode})")
        click.echo(f"    {request.method} {request.url}")
        for name, text in request.headers.items():
            click.echo(f"    {name}: {text}")
        for field, value in request.fields:
            click.echo(f"    {field:<22} {_field_shown(value)}")


def _print_plan(plan: Plan, warnings: Sequence[str]) -> None:
    click.echo("  plan")
    rows = {
        "provider": plan.provider,
        "steps": " → ".join(step.endpoint for step in plan.steps),
        "formats": ", ".join(plan.formats),
        "results": plan.output_name or "under the document's own name",
        "after": plan.after or "as the inbox says",
        "priority": str(plan.priority) if plan.priority else "",
        "fallback": f"{plan.fallback_provider} after {plan.fallback_after_s:g} s" if plan.fallback_provider else "",
        "on_ambiguous": plan.on_ambiguous,
    }
    for name, text in rows.items():
        if text:
            click.echo(f"    {name:<12} {display(text)}")
    for warning in warnings:
        click.echo(f"    warning      {display(warning)}")


def _field_shown(value: Json) -> str:
    return display(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
