"""Everything that is known about what a person names: from the ledger, the daemon and the disk."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from docferry.clock import ago
from docferry.config.models import Config, InboxConfig
from docferry.daemon.control import ask
from docferry.daemon.sockets import CONTROL, socket_path
from docferry.daemon.status import document_facts, step_facts
from docferry.errors import LedgerError
from docferry.intake.ignoring import ignores
from docferry.ledger import LedgerReader
from docferry.models import Document, display
from docferry.pipeline.lanes import lane_of


def look_up(config: Config, what: str) -> list[dict[str, Any]]:
    """One entry for each document that ``what`` may mean, the latest first; or one that says what is known instead."""
    try:
        with LedgerReader(config.state) as ledger:
            documents = _find(config, ledger, what)
            if documents:
                return [_entry(ledger, document) for document in documents]
    except LedgerError:
        pass  # nothing was ever run here: what the disk says still helps
    return [_not_in_ledger(config, what)]


def _find(config: Config, ledger: LedgerReader, what: str) -> list[Document]:
    """As it was named, then as an absolute path, then as a path below each inbox, outbox, archive or failed folder."""
    absolute = os.path.abspath(what)  # noqa: PTH100 - a name may end in a component that must not be resolved
    candidates = [what, absolute, os.path.realpath(what)]
    for inbox in config.inboxes:
        for folder in (inbox.path, os.path.realpath(inbox.path)):
            if absolute.startswith(f"{folder}/"):
                candidates.append(absolute[len(str(folder)) + 1 :])
    for candidate in dict.fromkeys(candidates):
        if documents := ledger.find(candidate):
            return documents
    return []


def _entry(ledger: LedgerReader, document: Document) -> dict[str, Any]:
    facts = document_facts(document, [])
    return facts | {
        "kind": "document",
        "steps": [step_facts(step) for step in ledger.all_steps(document)],
        "next_at": document.due_at if lane_of(document) is not None and document.due_at < 1e11 else None,
        "deliveries": [
            {**row, "path": display(row["path"]), "there": os.path.lexists(row["path"])}
            for row in ledger.deliveries(document.id)
        ],
        "events": ledger.events(document.id),
    }


def _not_in_ledger(config: Config, what: str) -> dict[str, Any]:
    """A file that is no document yet (or never will be), or nothing at all."""
    absolute = _place_of(config, what)
    entry = {"kind": "file", "path": display(what), "said": ""}
    inbox = next((inbox for inbox in config.inboxes if _is_below(absolute, inbox)), None)
    if inbox is None:
        said = (
            "exists, but lies in no inbox"
            if os.path.lexists(absolute)
            else "no document, job or file is known by this name"
        )
        return entry | {"kind": "unknown", "said": said}
    if not os.path.lexists(absolute):
        return entry | {"kind": "unknown", "said": f"not in inbox {inbox.name}, and never was a document"}
    return entry | {"inbox": inbox.name, "said": _what_a_file_waits_for(config, inbox, absolute)}


def _place_of(config: Config, what: str) -> str:
    """Where the file that a person names lies: in an inbox, also when its path was given as ``status`` shows it."""
    absolute = os.path.abspath(what)  # noqa: PTH100 - see above
    places = [absolute, *(os.path.join(inbox.path, what) for inbox in config.inboxes)]  # noqa: PTH118 - see above
    in_an_inbox = (place for place in places if any(_is_below(place, inbox) for inbox in config.inboxes))
    return next((place for place in in_an_inbox if os.path.lexists(place)), absolute)


def _is_below(path: str, inbox: InboxConfig) -> bool:
    return any(path.startswith(f"{folder}/") for folder in (inbox.path, os.path.realpath(inbox.path)))


def _what_a_file_waits_for(config: Config, inbox: InboxConfig, absolute: str) -> str:
    status = ask(config.control.socket or socket_path(config.state, CONTROL), {"do": "status"})
    relative = os.path.relpath(absolute, os.path.realpath(inbox.path) if Path(inbox.path).is_symlink() else inbox.path)
    if status is None:
        return "lies in the inbox; no daemon runs that would take it"
    facts = next(entry for entry in status["inboxes"] if entry["name"] == inbox.name)
    for file in facts.get("waiting_files", []):
        if file["path"] in (relative, display(relative)):
            return f"waits for {file['waits_for']} (seen {ago(file['since'], time.time())} ago)"
    directory, _, name = relative.rpartition("/")
    if (reason := ignores(inbox.ignore)(directory, name)) is not None:
        return f"is left alone: {reason}"
    if facts["state"] != "watched":
        return f"lies in the inbox, which is {facts['state']}"
    return "lies in the inbox and has not been looked at yet; it is at the next scan"
