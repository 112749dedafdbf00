"""Documents of the past, routed by the rules of now: which would go elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from docferry.config.models import Config
from docferry.models import Document, DocumentState, Json, Plan
from docferry.rules.evaluate import RuleSet
from docferry.rules.known import cheap_facts, without_unreadable
from docferry.rules.route import ReadsFacts
from docferry.rules.trial import Trial, try_document

EXAMPLES = 3

_ROUTED = (DocumentState.FAILED, DocumentState.SKIPPED)  # also without a plan: no rule took it, or one ignores it


@dataclass(frozen=True, slots=True)
class Rerouted:
    """One document that would go elsewhere: ``before`` and ``after`` in words, ``changes`` what else differs."""

    document_id: str
    inbox: str
    path: str
    before: str
    after: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """What routing ``count`` documents again showed."""

    count: int
    rerouted: tuple[Rerouted, ...]
    untold: tuple[Rerouted, ...]  # a fact is not known any more, or cannot be read


async def replay(config: Config, documents: Iterable[Document], reader: ReadsFacts) -> Replay:
    """Routes ``documents`` by the facts stored with them; others are read from the original where it still lies."""
    rules = RuleSet.of(config)
    inboxes = {inbox.name for inbox in config.inboxes}
    rerouted, untold, count = [], [], 0
    for document in documents:
        if document.plan is None and document.state not in _ROUTED:
            continue  # given up or brought back before any rule was asked
        count += 1
        before = _before(document)
        if document.inbox not in inboxes:
            untold.append(_changed(document, before, f"the inbox {document.inbox} is gone"))
            continue
        trial = await try_document(config, rules, _facts(document), _original(document), reader)
        if trial.problem is not None and trial.plan is None and _hangs_on_facts(trial):
            untold.append(_changed(document, before, trial.problem.message))
            continue
        after, changes = _words(trial.plan, ignored=trial.ignored), _changes(document.plan, trial.plan)
        if after != before or changes:
            rerouted.append(_changed(document, before, after, changes))
    return Replay(count, tuple(rerouted), tuple(untold))


def _hangs_on_facts(trial: Trial) -> bool:
    return any(trace.verdict in ("needs a fact", "cannot be decided") for trace in trial.explanation.rules)


def _facts(document: Document) -> dict[str, Json]:
    modified_at = document.identity.mtime_ns / 1e9
    cheap = cheap_facts(document.inbox, document.path, document.size_bytes, modified_at, document.claimed_at)
    known = {"sha256": document.sha256} if document.sha256 else {}
    return {**cheap, **known, **without_unreadable(document.facts), "inbox": document.inbox}


def _original(document: Document) -> Path | None:
    for place in (document.original_at, document.work_path):
        if place and Path(place).is_file():
            return Path(place)
    return None


def _before(document: Document) -> str:
    """What became of the document by the rules of then. An empty one may have failed before any was tried."""
    if document.plan is None and not document.facts and document.state is DocumentState.FAILED:
        return "failed before a rule took it"
    return _words(document.plan, ignored=document.state is DocumentState.SKIPPED)


def _words(plan: Plan | None, *, ignored: bool) -> str:
    if plan is None:
        return "ignored" if ignored else "no rule"
    return f"{plan.rule} ({plan.provider})"


def _changes(before: Plan | None, after: Plan | None) -> tuple[str, ...]:
    """Which parts of the plan differ, rule and provider aside."""
    if before is None or after is None:
        return ()
    old, new = before.to_json(), after.to_json()
    ignored = {"rule", "rules_hash", "provider"}
    return tuple(name for name in new if name not in ignored and _plain(old.get(name)) != _plain(new[name]))


def _plain(value: Json) -> Json:
    """Lists and tuples alike, whichever of them went through JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _changed(document: Document, before: str, after: str, changes: tuple[str, ...] = ()) -> Rerouted:
    return Rerouted(document.id, document.inbox, document.path, before, after, changes)


def grouped(rerouted: Iterable[Rerouted]) -> list[tuple[str, list[Rerouted]]]:
    """The same change together, the most frequent first: a short diff."""
    groups: dict[str, list[Rerouted]] = {}
    for one in rerouted:
        what = f"{one.before} → {one.after}" if one.before != one.after else one.before
        detail = f", other {', '.join(one.changes)}" if one.changes and one.before == one.after else ""
        groups.setdefault(what + detail, []).append(one)
    return sorted(groups.items(), key=lambda group: -len(group[1]))
