"""What can be known of the rules without a document: names, references, options, templates, reachability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import regex

from docferry.config import template
from docferry.config.models import ConfigFile, ProviderConfig
from docferry.config.problems import Path, Problem
from docferry.config.reachable import classifies, unreachable
from docferry.config.rules import Decision, RuleConfig, StepConfig, WhenConfig
from docferry.config.translate import did_you_mean
from docferry.config.written import Written
from docferry.config.yamlsource import Source, old_numbers
from docferry.providers.base import OptionProblem

_TELLS_APART = {"name", "stem", "path", "sha256", "id"}


def rule_problems(written: Written) -> Iterator[Problem]:
    """Every problem of the rules and of the defaults."""
    if not written.rules:
        yield written.source.problem(
            (), "rules is missing", wanted="at least one rule", hint="a document that no rule takes fails"
        )
    yield from _name_problems(written)
    file = written.file
    providers = file.providers
    yield from _decision_problems(
        file.defaults, providers, written.source, ("defaults",), frozenset(), _default_providers(file)
    )
    inherited = _default_providers(file)
    for rule, source, index in written.rules:
        path: Path = ("rules", index)
        groups = groups_of(rule.when)
        yield from _when_problems(rule.when, file, source, (*path, "when"))
        yield from _shape_problems(rule, source, path)
        used = [rule.provider] if rule.provider else inherited
        if not used and not rule.ignore and not rule.continue_:
            yield source.problem(path, "provider is missing", wanted=f"one of {', '.join(providers)}")
        yield from _decision_problems(rule, providers, source, path, groups, used)
        yield from _archive_problems(rule, file, source, path)
        if rule.continue_ and rule.enabled and rule.provider:
            inherited = [*inherited, rule.provider]
    yield from _reachability_problems(written)


def groups_of(when: WhenConfig) -> frozenset[str]:
    """The names of the groups that the rule's regular expressions bring as variables."""
    names = {name for pattern in when.regex or () for name in regex.compile(pattern).groupindex}
    for part in (*(when.any or ()), *(when.all or ())):
        names |= groups_of(part)
    return frozenset(names)


def _default_providers(file: ConfigFile) -> list[str]:
    """The provider of a rule that names none: the defaults', or the only one there is."""
    if file.defaults.provider:
        return [file.defaults.provider]
    return list(file.providers) if len(file.providers) == 1 else []


def _name_problems(written: Written) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for rule, source, index in written.rules:
        if rule.name in seen:
            message = f"the rule {rule.name} again"
            yield source.problem(
                ("rules", index, "name"),
                message,
                wanted="a name of its own",
                hint=f"it stands at {seen[rule.name]} already",
            )
        seen.setdefault(rule.name, source.where(("rules", index, "name")))


def _when_problems(when: WhenConfig, file: ConfigFile, source: Source, path: Path) -> Iterator[Problem]:
    inboxes = [inbox.name for inbox in file.inboxes]
    for name in when.inbox or ():
        if name not in inboxes:
            hint = did_you_mean(name, inboxes)
            yield source.problem(
                (*path, "inbox"), f"there is no inbox {name}", wanted=f"one of {', '.join(inboxes)}", hint=hint
            )
    for group in sorted(_own_groups(when) & set(template.VARIABLES)):
        yield source.problem(
            (*path, "regex"), f"the group {group} has the name of a built-in variable", wanted="another name"
        )
    for key in ("any", "all"):
        for index, part in enumerate(getattr(when, key) or ()):
            yield from _when_problems(part, file, source, (*path, key, index))
    if when.not_ is not None:
        yield from _when_problems(when.not_, file, source, (*path, "not"))


def _own_groups(when: WhenConfig) -> set[str]:
    return {name for pattern in when.regex or () for name in regex.compile(pattern).groupindex}


def _shape_problems(rule: RuleConfig, source: Source, path: Path) -> Iterator[Problem]:
    decided = sorted(rule.model_fields_set & (set(Decision.model_fields)))
    if rule.ignore and decided:
        yield source.problem((*path, "ignore"), f"ignore: true beside {', '.join(decided)}", wanted="one or the other")
    if rule.ignore and rule.continue_:
        yield source.problem((*path, "ignore"), "ignore: true beside continue: true", wanted="one or the other")
    if rule.continue_ and classifies(rule):
        yield source.problem((*path, "continue"), "continue: true in a rule that classifies", wanted="one or the other")
    if classifies(rule) and len(rule.steps or ()) > 1:
        hint = (
            "the rules are read again once the class is known: put the other steps into a rule with `when: {class: …}`"
        )
        yield source.problem((*path, "steps"), "classify beside other steps", wanted="classify alone", hint=hint)


def _decision_problems(
    decision: Decision,
    providers: Mapping[str, ProviderConfig],
    source: Source,
    path: Path,
    groups: frozenset[str],
    used: Sequence[str],
) -> Iterator[Problem]:
    if decision.provider is not None:
        yield from _provider_problem(decision.provider, providers, source, (*path, "provider"))
    known = [providers[name] for name in dict.fromkeys(used) if name in providers]
    yield from _step_problems(decision.steps or (), known, decision.extra, source, (*path, "steps"), groups)
    yield from _deliver_problems(decision, known, source, (*path, "deliver"), groups)
    if decision.fallback is not None:
        yield from _fallback_problems(decision, providers, used, source, (*path, "fallback"))


def _provider_problem(
    name: str, providers: Mapping[str, ProviderConfig], source: Source, path: Path
) -> Iterator[Problem]:
    if name not in providers:
        known = list(providers)
        yield source.problem(
            path, f"there is no provider {name}", wanted=f"one of {', '.join(known)}", hint=did_you_mean(name, known)
        )


def _fallback_problems(
    decision: Decision, providers: Mapping[str, ProviderConfig], used: Sequence[str], source: Source, path: Path
) -> Iterator[Problem]:
    assert decision.fallback is not None
    name = decision.fallback.provider
    yield from _provider_problem(name, providers, source, path)
    if name in used:
        yield source.problem(path, f"{name} as its own fallback", wanted="another provider")
    others = {providers[other].dialect for other in used if other in providers}
    if name in providers and others - {providers[name].dialect}:
        message = f"{name} speaks {providers[name].dialect}, the rule's options are for {', '.join(sorted(others))}"
        hint = "the engine speaks every dialect: add a provider with this dialect and engine: embedded"
        yield source.problem(path, message, wanted="a provider of the same dialect", hint=hint)


def _step_problems(
    steps: Sequence[StepConfig],
    used: Sequence[ProviderConfig],
    extra: str | None,
    source: Source,
    path: Path,
    groups: frozenset[str],
) -> Iterator[Problem]:
    for index, step in enumerate(steps):
        place: Path = (*path, index, step.endpoint)
        yield from _template_problems(step.options, source, place, groups)
        for inner, text in old_numbers(step.options):
            hint = f'some YAML readers take it as octal: write "{text}" for the text, or leave out the zeros'
            yield source.problem((*place, *inner), f"found {text}, a number with a leading zero", hint=hint)
    for provider in used:
        yield from _option_problems(steps, provider, extra, source, path)


def _option_problems(
    steps: Sequence[StepConfig], provider: ProviderConfig, extra: str | None, source: Source, path: Path
) -> Iterator[Problem]:
    # Imported here for the reason given in checks.py: the dialects stand above the configuration.
    from docferry.providers.options import ENDPOINTS, check_chain, check_options

    if provider.dialect not in ENDPOINTS:
        return
    endpoints = sorted(ENDPOINTS[provider.dialect])
    faults: list[tuple[Path, OptionProblem]] = []
    for index, step in enumerate(steps):
        if step.endpoint not in endpoints:
            message = f"{provider.name} ({provider.dialect}) offers no {step.endpoint}"
            yield source.problem((*path, index), message, wanted=f"one of {', '.join(endpoints)}")
            continue
        allowed = "allow" in (extra, provider.extra)
        for fault in check_options(provider.dialect, step.endpoint, step.options, allowed):
            faults.append(((index, step.endpoint, *fault.path), fault))
    if not faults:
        chain = check_chain(provider.dialect, [(step.endpoint, step.options) for step in steps])
        faults = [((fault.path[0], steps[int(fault.path[0])].endpoint, *fault.path[1:]), fault) for fault in chain]
    for place, fault in faults:
        at_key = fault.found.startswith("unknown")
        yield source.problem((*path, *place), fault.found, at_key=at_key, wanted=fault.wanted)


def _deliver_problems(
    decision: Decision, used: Sequence[ProviderConfig], source: Source, path: Path, groups: frozenset[str]
) -> Iterator[Problem]:
    # Imported here for the reason given in checks.py: the dialects stand above the configuration.
    from docferry.providers.options import FORMATS

    formats = decision.deliver.formats or ()
    for index, name in enumerate(formats):
        if name in formats[:index]:
            yield source.problem((*path, "formats", index), f"{name} again", hint="each format is delivered once")
        for provider in used:
            known = sorted(FORMATS.get(provider.dialect, {name}))
            if name not in known:
                message = f"{provider.name} ({provider.dialect}) gives no {name}"
                hint = did_you_mean(name, known)
                yield source.problem(
                    (*path, "formats", index), message, wanted=f"some of {', '.join(known)}", hint=hint
                )
    if decision.deliver.name is not None:
        yield from _output_name_problems(decision.deliver.name, source, (*path, "name"), groups)


def _output_name_problems(name: str, source: Source, path: Path, groups: frozenset[str]) -> Iterator[Problem]:
    yield from _template_problems({"name": name}, source, path[:-1], groups)
    if name.startswith("/") or ".." in name.split("/") or name.endswith("/") or not name.isprintable():
        yield source.problem(path, "a name that leads out of the outbox", wanted="a relative path without ..")
    used = {variable for variable, _ in template.variables(name)}
    if not used & (_TELLS_APART | groups):
        hint = f"use one of {', '.join(sorted('{' + variable + '}' for variable in _TELLS_APART))}"
        yield source.problem(
            path, "every document would get this same name", wanted="a name that tells documents apart", hint=hint
        )


def _template_problems(
    options: Mapping[str, object], source: Source, path: Path, groups: frozenset[str]
) -> Iterator[Problem]:
    for inner, text in _texts(options, ()):
        for variable, form in template.variables(text):
            message = template.fault(variable, form, groups)
            if message:
                hint = did_you_mean(variable, [*template.VARIABLES, *groups])
                yield source.problem((*path, *inner), message, hint=hint)


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _archive_problems(rule: RuleConfig, file: ConfigFile, source: Source, path: Path) -> Iterator[Problem]:
    if rule.after is None:
        return
    for inbox in file.inboxes:
        if rule.when.inbox is not None and inbox.name not in rule.when.inbox:
            continue
        if rule.after == "archive" and inbox.archive is None:
            yield source.problem((*path, "after"), f"the inbox {inbox.name} has no archive", wanted="delete or keep")
        if (rule.after == "keep") != (inbox.claim == "leave"):
            claim = "moves files away" if inbox.claim == "move" else "leaves files where they are"
            yield source.problem((*path, "after"), f"after: {rule.after}, but the inbox {inbox.name} {claim}")


def _reachability_problems(written: Written) -> Iterator[Problem]:
    rules = [rule for rule, _, _ in written.rules]
    for late, early in unreachable(rules):
        _, source, index = written.rules[late]
        _, other, other_index = written.rules[early]
        message = f"the rule {rules[late].name} is never reached: {rules[early].name} takes all its documents"
        hint = f"move it above {other.where(('rules', other_index))}, or narrow that rule"
        yield source.problem(("rules", index), message, hint=hint)
