"""What can be known of a configuration without a document: references, options, templates, rules never reached."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from docferry.config.keys import readable_by_others
from docferry.config.models import SIDECAR_SETTINGS, InboxConfig, ProviderConfig
from docferry.config.problems import Path, Problem
from docferry.config.rulechecks import rule_problems
from docferry.config.rules import FACT_NAMES, DeliverConfig
from docferry.config.translate import did_you_mean
from docferry.config.written import Written
from docferry.config.yamlsource import Source


def problems_in(written: Written) -> list[Problem]:
    """Every problem in a configuration whose shape is right."""
    return [
        *_inbox_problems(written),
        *_provider_problems(written),
        *rule_problems(written),
        *_test_problems(written),
    ]


def _inbox_problems(written: Written) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, inbox in written.inboxes:
        path: Path = ("inboxes", index)
        if inbox.name in seen:
            yield written.source.problem((*path, "name"), f"the inbox {inbox.name} again", wanted="a name of its own")
        seen.add(inbox.name)
        yield from _filing_problems(inbox, written.source, path)
        yield from _sidecar_problems(inbox, written.source, path)


def _filing_problems(inbox: InboxConfig, source: Source, path: Path) -> Iterator[Problem]:
    if inbox.after == "archive" and inbox.archive is None:
        yield source.problem(
            path,
            "archive is missing",
            wanted="archive: FOLDER, or after: delete",
            hint="where do originals go after delivery?",
        )
    if inbox.claim == "leave" and inbox.after != "keep":
        yield source.problem((*path, "after"), "claim: leave keeps files where they are", wanted="after: keep")
    if inbox.claim == "move" and inbox.after == "keep":
        yield source.problem(
            (*path, "after"), "after: keep needs claim: leave", wanted="archive or delete, or claim: leave"
        )
    folders = {"path": inbox.path, "outbox": inbox.outbox, "archive": inbox.archive, "failed": inbox.failed}
    for name, folder in folders.items():
        twin = next((other for other in folders if other != name and folders[other] == folder), None)
        if folder is not None and twin is not None and list(folders).index(twin) < list(folders).index(name):
            yield source.problem((*path, name), f"the same folder as {twin}", wanted="a folder of its own")


def _sidecar_problems(inbox: InboxConfig, source: Source, path: Path) -> Iterator[Problem]:
    deliver = [f"deliver.{name}" for name in DeliverConfig.model_fields]
    for name in inbox.sidecar.allowed:
        if name in (*SIDECAR_SETTINGS, *deliver) or (name.startswith("options.") and len(name) > len("options.")):
            continue
        known = [*SIDECAR_SETTINGS, *deliver]
        wanted, hint = f"some of {', '.join(known)}, options.NAME", did_you_mean(name, known)
        yield source.problem((*path, "sidecar"), f"a sidecar cannot set {name}", wanted=wanted, hint=hint)


def _provider_problems(written: Written) -> Iterator[Problem]:
    dialects = known_dialects()
    for name, provider in written.file.providers.items():
        path: Path = ("providers", name)
        source = written.source
        if provider.name != name:
            yield source.problem((*path, "name"), "a provider's name is its key", hint="remove this line")
        if provider.dialect not in dialects:
            hint = did_you_mean(provider.dialect, dialects)
            yield source.problem(
                (*path, "dialect"),
                f"unknown dialect {provider.dialect}",
                wanted=f"one of {', '.join(dialects)}",
                hint=hint,
            )
        if (provider.url is None) == (provider.engine is None):
            given = "both url and engine" if provider.url else "neither url nor engine"
            yield source.problem(path, given, wanted='url: "https://…" or engine: embedded')
        if provider.dialect == "pulse" and provider.send_file_as != "file":
            yield source.problem((*path, "send_file_as"), "Pulse takes documents only as files", wanted="file")
        yield from _key_problems(provider, source, path)


def known_dialects() -> list[str]:
    """The dialects that can be used, third parties' included.

    Imported inside: dialects belong to the providers, which stand above the configuration, and yet everything
    that is wrong must be reported at once.
    """
    from importlib.metadata import entry_points

    from docferry.providers.options import ENDPOINTS

    return sorted({*ENDPOINTS, *(entry.name for entry in entry_points(group="docferry.dialects"))})


def _key_problems(provider: ProviderConfig, source: Source, path: Path) -> Iterator[Problem]:
    key = provider.key
    if key is None:
        return
    if key.kind == "file" and readable_by_others(FilePath(key.name)):
        hint = f"chmod o= {key.name}"
        yield source.problem(
            (*path, "key"), "the key file can be read by others", wanted="one that they cannot", hint=hint
        )
    if provider.url and provider.url.startswith("http:") and not _is_loopback(provider.url):
        yield source.problem((*path, "url"), "the key would travel unencrypted", wanted="an https address")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _test_problems(written: Written) -> Iterator[Problem]:
    rules = [rule.name for rule, _, _ in written.rules]
    inboxes = list(written.inbox_names)
    for test, source, index in written.tests:
        path: Path = ("tests", index)
        if written.whole and test.expect.rule is not None and test.expect.rule not in rules:
            hint = did_you_mean(test.expect.rule, rules)
            yield source.problem((*path, "expect", "rule"), f"there is no rule {test.expect.rule}", hint=hint)
        if test.inbox is not None and test.inbox not in inboxes:
            hint = did_you_mean(test.inbox, inboxes)
            yield source.problem((*path, "inbox"), f"there is no inbox {test.inbox}", hint=hint)
        if test.inbox is None and len(inboxes) > 1 and "inbox" not in test.facts:
            yield source.problem(path, "inbox is missing", wanted=f"one of {', '.join(inboxes)}")
        for fact in test.facts:
            if fact not in FACT_NAMES:
                wanted, hint = f"one of {', '.join(FACT_NAMES)}", did_you_mean(fact, list(FACT_NAMES))
                yield source.problem(
                    (*path, "facts", fact), f"there is no fact {fact}", at_key=True, wanted=wanted, hint=hint
                )
        if test.file is None and not test.facts:
            yield source.problem(path, "neither file nor facts", wanted="file: PATH or facts: {name: value}")
