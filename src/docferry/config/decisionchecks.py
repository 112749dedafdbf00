"""What rules decide, checked without a document: providers, steps and their options, formats, names, templates.

A rule inherits from the defaults and from the rules that continue into it. What is wrong is reported where it
is written, once, however many rules inherit it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docferry.config import template
from docferry.config.models import ProviderConfig
from docferry.config.problems import Path, Problem
from docferry.config.rules import Decision, RuleConfig, StepConfig
from docferry.config.translate import did_you_mean
from docferry.config.written import Written
from docferry.config.yamlsource import Source, old_numbers

if TYPE_CHECKING:
    from docferry.providers.base import OptionProblem

_TELLS_APART = {"name", "stem", "path", "sha256", "id"}
_EXTRACT = (StepConfig(endpoint="extract"),)


@dataclass(frozen=True)
class Layer:
    """One decision and where it is written. ``groups`` are the variables its own regular expressions bring."""

    decision: Decision
    source: Source
    path: Path
    groups: frozenset[str]


def written_problems(layer: Layer, providers: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with a layer whatever it is combined with."""
    decision, path = layer.decision, layer.path
    for name, place in (
        (decision.provider, (*path, "provider")),
        (decision.fallback.provider if decision.fallback else None, (*path, "fallback", "provider")),
    ):
        if name is not None and name not in providers:
            hint = did_you_mean(name, list(providers))
            yield layer.source.problem(
                place, f"there is no provider {name}", wanted=f"one of {', '.join(providers)}", hint=hint
            )
    for index, step in enumerate(decision.steps or ()):
        place = (*path, "steps", index, step.endpoint)
        yield from _template_problems(step.options, layer, place)
        for inner, text in old_numbers(step.options):
            hint = f'some YAML readers take it as octal: write "{text}" for the text, or leave out the zeros'
            yield layer.source.problem((*place, *inner), f"found {text}, a number with a leading zero", hint=hint)
    formats = decision.deliver.formats or ()
    for index, name in enumerate(formats):
        if name in formats[:index]:
            place = (*path, "deliver", "formats", index)
            yield layer.source.problem(place, f"{name} again", hint="each format is delivered once")
    if decision.deliver.name is not None:
        yield from _output_name_problems(decision.deliver.name, layer)


def combined_problems(own: Layer, inherited: Sequence[Layer], written: Written) -> Iterator[Problem]:
    """What is wrong with a rule together with what it inherits; the last of ``inherited`` are the defaults."""
    rule = own.decision
    assert isinstance(rule, RuleConfig)
    givers = _givers(own, inherited, lambda decision: decision.provider)
    certain = own.decision.provider or inherited[-1].decision.provider
    if certain is None and len(written.provider_names) > 1:
        wanted = f"one of {', '.join(written.provider_names)}"
        yield own.source.problem(own.path, "provider is missing", wanted=wanted)
    file = written.file
    names = [str(giver.decision.provider) for giver in givers] or list(file.providers)[:1]
    used = [file.providers[name] for name in dict.fromkeys(names) if name in file.providers]
    extra = _givers(own, inherited, lambda decision: decision.extra)
    allowed = any(giver.decision.extra == "allow" for giver in extra)
    for provider in used:
        allow = allowed or provider.extra == "allow"
        step_givers = _givers(own, inherited, lambda decision: decision.steps)
        if own not in step_givers and inherited[-1] not in step_givers:
            yield from _option_problems(_EXTRACT, provider, allow, own.source, own.path, at_steps=False)
        for giver in step_givers:
            yield from _option_problems(
                giver.decision.steps or (), provider, allow, giver.source, (*giver.path, "steps")
            )
        for giver in _givers(own, inherited, lambda decision: decision.deliver.formats):
            yield from _format_problems(giver, provider)
        for giver in _givers(own, inherited, lambda decision: decision.fallback):
            yield from _fallback_problems(giver, provider, file.providers)


def _givers(own: Layer, inherited: Sequence[Layer], field: Callable[[Decision], object]) -> list[Layer]:
    """The layers from which the rule may get a field: itself, or else those it inherits from."""
    if field(own.decision) is not None:
        return [own]
    return [layer for layer in inherited if field(layer.decision) is not None]


def _option_problems(
    steps: Sequence[StepConfig],
    provider: ProviderConfig,
    extra_allowed: bool,
    source: Source,
    path: Path,
    *,
    at_steps: bool = True,
) -> Iterator[Problem]:
    """What the dialect says of the steps. Without ``at_steps`` they are written nowhere: ``path`` must do."""
    # Imported here for the reason given in checks.py: the dialects stand above the configuration.
    from docferry.providers.options import ENDPOINTS, check_chain, check_options

    if provider.dialect not in ENDPOINTS:
        return
    endpoints = sorted(ENDPOINTS[provider.dialect])
    faults: list[tuple[Path, OptionProblem]] = []
    for index, step in enumerate(steps):
        if step.endpoint not in endpoints:
            message = f"{provider.name} ({provider.dialect}) offers no {step.endpoint}"
            yield source.problem((*path, index) if at_steps else path, message, wanted=f"one of {', '.join(endpoints)}")
            return
        for fault in check_options(provider.dialect, step.endpoint, step.options, extra_allowed):
            faults.append(((index, step.endpoint, *fault.path), fault))
    if not faults:
        chain = check_chain(provider.dialect, [(step.endpoint, step.options) for step in steps])
        faults = [((fault.path[0], steps[int(fault.path[0])].endpoint, *fault.path[1:]), fault) for fault in chain]
    for place, fault in faults:
        at_key = fault.found.startswith("unknown")
        where = (*path, *place) if at_steps else path
        message = fault.found if fault.found.startswith(("unknown", "no ", "a second")) else f"found {fault.found}"
        message = message if at_steps else f"steps is missing, and extract alone will not do: {message}"
        yield source.problem(where, message, at_key=at_key, wanted=fault.wanted)


def _format_problems(layer: Layer, provider: ProviderConfig) -> Iterator[Problem]:
    # Imported here for the reason given in checks.py: the dialects stand above the configuration.
    from docferry.providers.options import FORMATS

    known = sorted(FORMATS.get(provider.dialect, ()))
    for index, name in enumerate(layer.decision.deliver.formats or ()):
        if known and name not in known:
            message = f"{provider.name} ({provider.dialect}) gives no {name}"
            hint = did_you_mean(name, known)
            place = (*layer.path, "deliver", "formats", index)
            yield layer.source.problem(place, message, wanted=f"some of {', '.join(known)}", hint=hint)


def _fallback_problems(
    layer: Layer, provider: ProviderConfig, providers: Mapping[str, ProviderConfig]
) -> Iterator[Problem]:
    assert layer.decision.fallback is not None
    name = layer.decision.fallback.provider
    path: Path = (*layer.path, "fallback")
    if name == provider.name:
        yield layer.source.problem(path, f"{name} as its own fallback", wanted="another provider")
    elif name in providers and providers[name].dialect != provider.dialect:
        message = f"{name} speaks {providers[name].dialect}, but {provider.name} speaks {provider.dialect}"
        hint = "the engine speaks every dialect: add a provider with this dialect and engine: embedded"
        yield layer.source.problem(path, message, wanted="a provider of the same dialect", hint=hint)


def _output_name_problems(name: str, layer: Layer) -> Iterator[Problem]:
    path: Path = (*layer.path, "deliver", "name")
    wrong = list(_template_problems({"name": name}, layer, path[:-1]))
    yield from wrong
    if name.startswith("/") or ".." in name.split("/") or name.endswith("/") or not name.isprintable():
        yield layer.source.problem(path, "a name that leads out of the outbox", wanted="a relative path without ..")
    used = {variable for variable, _ in template.variables(name)}
    if not wrong and not used & (_TELLS_APART | layer.groups):
        hint = f"use one of {', '.join(sorted('{' + variable + '}' for variable in _TELLS_APART))}"
        message = "every document would get this same name"
        yield layer.source.problem(path, message, wanted="a name that tells documents apart", hint=hint)


def _template_problems(options: Mapping[str, object], layer: Layer, path: Path) -> Iterator[Problem]:
    for inner, text in _texts(options, ()):
        for variable, form in template.variables(text):
            message = template.fault(variable, form, layer.groups)
            if message:
                known = [*template.VARIABLES, *layer.groups]
                hint = did_you_mean(variable, known) if variable not in known else ""
                yield layer.source.problem((*path, *inner), message, hint=hint)


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text in the options, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
