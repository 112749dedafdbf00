"""Sidecars: ``NAME.docferry.yaml`` dropped with a document. What it sets is literal, and only what the inbox allows."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, StrictInt, ValidationError

from docferry.config.base import FrozenModel
from docferry.config.models import Config, InboxConfig
from docferry.config.problems import Path as KeyPath
from docferry.config.problems import Problem, dotted
from docferry.config.rules import DeliverConfig
from docferry.config.translate import problems_of
from docferry.config.values import Name
from docferry.config.yamlsource import Source, parse
from docferry.errors import InboxOffline, RoutingError
from docferry.folders import AWAY
from docferry.models import Json, Plan, StepPlan
from docferry.providers.options import FORMATS, check_options
from docferry.rules.fill import safe_path

SUFFIX = ".docferry.yaml"
_SIZE_LIMIT_BYTES = 64 * 1024


class SidecarFile(FrozenModel):
    """What a sidecar may say, if its inbox allows it."""

    options: dict[str, Json] = Field(default_factory=dict, description="Options of the first step")
    deliver: DeliverConfig = DeliverConfig()
    provider: Name | None = None
    mode: Literal["auto", "async", "sync"] | None = None
    priority: StrictInt | None = Field(default=None, ge=-1000, le=1000)
    on_ambiguous: Literal["resubmit", "hold"] | None = None


def read_sidecar(file: Path, inbox: InboxConfig) -> Source | None:
    """The sidecar beside ``file``, or None. RoutingError when the inbox wants one and there is none."""
    if not inbox.sidecar.allowed and not inbox.sidecar.required:
        return None
    path = file.with_name(file.name + SUFFIX)
    try:
        content = _content(path)
    except FileNotFoundError as error:
        if inbox.sidecar.required:
            raise RoutingError(f"the sidecar {path.name} is missing", hint="drop it with the document") from error
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and not inbox.sidecar.required:
            return None  # a name so long that nothing can lie beside it
        if error.errno in AWAY:
            raise InboxOffline(f"{path.name} cannot be read: {AWAY[error.errno]}") from error
        raise RoutingError(f"the sidecar {path.name} cannot be read: {error.strerror}") from error
    return parse(content, path.name)


def _content(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RoutingError(f"the sidecar {path.name} is not a regular file")
        content = file.read(_SIZE_LIMIT_BYTES + 1)
    if len(content) > _SIZE_LIMIT_BYTES:
        raise RoutingError(f"the sidecar {path.name} is larger than {_SIZE_LIMIT_BYTES // 1024} KiB")
    return content


def apply_sidecar(
    plan: Plan, source: Source, inbox: InboxConfig, config: Config, extra: str | None
) -> tuple[Plan, tuple[str, ...]]:
    """The plan as the sidecar wants it, and warnings. RoutingError names everything that is wrong with it."""
    sidecar = _checked(source, inbox.sidecar.allowed)
    if sidecar.provider is not None and sidecar.provider not in config.providers:
        raise _refused([source.problem(("provider",), f"there is no provider {sidecar.provider}")])
    changed = _merged(plan, sidecar)
    provider = config.providers[changed.provider]
    problems = list(_option_problems(changed, provider.dialect, "allow" in (extra, provider.extra), source))
    if problems:
        raise _refused(problems)
    return changed, () if source.data else (f"the sidecar {source.file} sets nothing",)


def _checked(source: Source, allowed: Sequence[str]) -> SidecarFile:
    if source.problems:
        raise _refused(source.problems)
    wanted = ", ".join(allowed) or "nothing"
    problems = [
        source.problem(path, "this inbox does not allow a sidecar to set this", at_key=True, wanted=wanted)
        for path in _set_paths(source.data)
        if path[0] in SidecarFile.model_fields and not is_allowed(path, allowed)
    ]
    try:
        sidecar = SidecarFile.model_validate(source.data, by_alias=True, by_name=False, context={"base": Path()})
    except ValidationError as error:
        raise _refused([*problems_of(error, source, SidecarFile), *problems]) from error
    if problems:
        raise _refused(problems)
    return sidecar


def _set_paths(data: Json) -> Iterator[KeyPath]:
    """What the sidecar sets: ``options`` and ``deliver`` key by key."""
    if not isinstance(data, Mapping):
        return
    for key, value in data.items():
        if key in ("options", "deliver") and isinstance(value, Mapping):
            yield from ((key, inner) for inner in value)
        else:
            yield (key,)


def is_allowed(path: KeyPath, allowed: Sequence[str]) -> bool:
    """True when ``path`` or what it is part of is in ``allowed``."""
    text = dotted(path)
    return any(text == name or text.startswith(name + ".") for name in allowed)


def _merged(plan: Plan, sidecar: SidecarFile) -> Plan:
    first, *rest = plan.steps
    steps = (StepPlan(first.endpoint, {**first.options, **sidecar.options}), *rest)
    deliver = sidecar.deliver
    return replace(
        plan,
        steps=steps,
        provider=sidecar.provider or plan.provider,
        mode=sidecar.mode or plan.mode,
        priority=plan.priority if sidecar.priority is None else sidecar.priority,
        on_ambiguous=sidecar.on_ambiguous or plan.on_ambiguous,
        formats=deliver.formats or plan.formats,
        output_name=safe_path(deliver.name) if deliver.name else plan.output_name,
        on_existing=deliver.on_existing or plan.on_existing,
    )


def _option_problems(plan: Plan, dialect: str, extra_allowed: bool, source: Source) -> Iterator[Problem]:
    for index, step in enumerate(plan.steps):
        for fault in check_options(dialect, step.endpoint, step.options, extra_allowed):
            place: KeyPath = ("options", *fault.path) if index == 0 else ("provider",)
            yield source.problem(place, fault.found, wanted=fault.wanted)
    for name in plan.formats:
        if name not in FORMATS[dialect]:
            yield source.problem(
                ("deliver", "formats"), f"{plan.provider} gives no {name}", wanted=", ".join(FORMATS[dialect])
            )


def _in_one_line(problem: Problem) -> str:
    advice = [f"wanted: {problem.wanted}"] if problem.wanted else []
    advice += [problem.hint] if problem.hint else []
    return f"{problem.headline} ({'; '.join(advice)})" if advice else problem.headline


def _refused(problems: Sequence[Problem]) -> RoutingError:
    text = "; ".join(_in_one_line(problem) for problem in problems)
    return RoutingError(
        f"the sidecar is wrong: {text}", hint="mend it in the failed folder and retry the document, or drop both again"
    )
