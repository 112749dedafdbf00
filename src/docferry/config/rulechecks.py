"""What can be known of the rules without a document: names, references, contradictions, reachability."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import regex

from docferry.config import template
from docferry.config.decisionchecks import Layer, combined_problems, written_problems
from docferry.config.models import ConfigFile
from docferry.config.problems import Path, Problem
from docferry.config.reachable import classifies, unreachable
from docferry.config.rules import Decision, RuleConfig, WhenConfig
from docferry.config.translate import did_you_mean
from docferry.config.written import Written
from docferry.config.yamlsource import Source


def rule_problems(written: Written) -> Iterator[Problem]:
    """Every problem of the rules and of the defaults."""
    file = written.file
    if not written.rules and written.whole:
        hint = "a document that no rule takes fails"
        yield written.source.problem((), "rules is missing", wanted="at least one rule", hint=hint)
    yield from _name_problems(written)
    defaults = Layer(file.defaults, written.source, ("defaults",), frozenset())
    yield from written_problems(defaults, written.provider_names)
    continued: list[Layer] = []
    for rule, source, index in written.rules:
        layer = Layer(rule, source, ("rules", index), groups_of(rule.when))
        yield from _when_problems(rule.when, written.inbox_names, source, (*layer.path, "when"))
        yield from _shape_problems(rule, source, layer.path)
        yield from _after_problems(rule, file, source, layer.path)
        yield from written_problems(layer, written.provider_names)
        if rule.continue_:
            continued += [layer] if rule.enabled else []
        elif not rule.ignore:
            yield from combined_problems(layer, [*continued, defaults], written)
    yield from _reachability_problems(written)
    yield from _maimed_problems(written, defaults)


def _maimed_problems(written: Written, defaults: Layer) -> Iterator[Problem]:
    """What else is wrong in rules of which some keys are wrong; only what the missing keys cannot have to do with."""
    for rule, source, index, wrong in written.maimed:
        layer = Layer(rule, source, ("rules", index), groups_of(rule.when))
        yield from _when_problems(rule.when, written.inbox_names, source, (*layer.path, "when"))
        if "when" not in wrong:  # its groups are variables
            yield from written_problems(layer, written.provider_names)
        if not wrong & {"provider", "steps", "extra"} and not rule.continue_ and not rule.ignore:
            yield from combined_problems(layer, [defaults], written)


def groups_of(when: WhenConfig) -> frozenset[str]:
    """The names of the groups that the rule's regular expressions bring as variables."""
    names = _own_groups(when)
    for part in (*(when.any or ()), *(when.all or ())):
        names |= groups_of(part)
    return frozenset(names)


def _own_groups(when: WhenConfig) -> set[str]:
    return {name for pattern in when.regex or () for name in regex.compile(pattern).groupindex}


def _name_problems(written: Written) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for rule, source, index in written.rules:
        path: Path = ("rules", index, "name")
        if rule.name in seen:
            hint = f"it stands at {seen[rule.name]} already"
            yield source.problem(path, f"the rule {rule.name} again", wanted="a name of its own", hint=hint)
        seen.setdefault(rule.name, source.where(path))


def _when_problems(when: WhenConfig, inboxes: Sequence[str], source: Source, path: Path) -> Iterator[Problem]:
    for name in when.inbox or ():
        if name not in inboxes:
            wanted, hint = f"one of {', '.join(inboxes)}", did_you_mean(name, list(inboxes))
            yield source.problem((*path, "inbox"), f"there is no inbox {name}", wanted=wanted, hint=hint)
    for key in ("name", "path"):
        for one in getattr(when, key) or ():
            if fault := glob_fault(key, one):
                reason, hint = fault
                yield source.problem((*path, key), f"{one} never matches: {reason}", hint=hint)
    for group in sorted(_own_groups(when) & set(template.VARIABLES)):
        message = f"the group {group} has the name of a built-in variable"
        yield source.problem((*path, "regex"), message, wanted="another name")
    for key in ("any", "all"):
        for index, part in enumerate(getattr(when, key) or ()):
            yield from _when_problems(part, inboxes, source, (*path, key, index))
    if when.not_ is not None:
        yield from _when_problems(when.not_, inboxes, source, (*path, "not"))


_PATTERN_MARKS = re.compile(r"\^.*\$|\(\?P?<|\\[dswb]|\.\*\$", re.DOTALL)


def glob_fault(key: str, glob: str) -> tuple[str, str] | None:
    """Why no file can ever match ``glob``, and what was probably meant; None where one may."""
    if _PATTERN_MARKS.search(glob):
        return "it is a regular expression, and a glob is wanted", "regex: takes one, on the path below the inbox"
    if key == "name":
        if "/" in glob.removeprefix("**/"):
            return "a file name holds no /", "path: looks at the folders too"
        return None
    if glob.startswith(("/", "./")) or ".." in glob.split("/"):
        return "paths start below the inbox", "without a leading / or ./, and without .."
    return ("it names a folder", f"for all that lies in it: {glob}**") if glob.endswith("/") else None


def _shape_problems(rule: RuleConfig, source: Source, path: Path) -> Iterator[Problem]:
    decided = sorted(rule.model_fields_set & set(Decision.model_fields))
    if rule.ignore and decided:
        yield source.problem((*path, "ignore"), f"ignore: true beside {', '.join(decided)}", wanted="one or the other")
    if rule.ignore and rule.continue_:
        yield source.problem((*path, "ignore"), "ignore: true beside continue: true", wanted="one or the other")
    if not classifies(rule):
        return
    if rule.continue_:
        yield source.problem((*path, "continue"), "continue: true in a rule that classifies", wanted="one or the other")
    if len(rule.steps or ()) > 1:
        hint = "the rules are read again once the class is known: put other steps into a rule with `when: {class: …}`"
        yield source.problem((*path, "steps"), "classify beside other steps", wanted="classify alone", hint=hint)


def _after_problems(rule: RuleConfig, file: ConfigFile, source: Source, path: Path) -> Iterator[Problem]:
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
