"""What the disk says of a configuration: folders that are missing, not writable, or inside each other."""

from __future__ import annotations

import grp
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from docferry.config.models import Config, InboxConfig
from docferry.config.mounts import MOUNTINFO, NETWORK_TYPES, Location, Mount, locate, read_mounts

ENGINE_VARIABLE = "DOCFERRY_ENGINE_SOCKET"  # names the socket of a service that is the embedded engine
_TARGETS = ("outbox", "archive", "failed")


def user_state(environ: Mapping[str, str] = os.environ) -> Path:
    """The state folder when the configuration names none: systemd's, else the user's."""
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else user_folder(environ, "XDG_STATE_HOME", ".local/state")


def user_folder(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    """docferry's own folder below one of the user's base folders (XDG)."""
    given = Path(environ.get(variable, ""))
    home = Path(environ.get("HOME") or "/")
    return (given if given.is_absolute() else home / below_home) / "docferry"


def check_folders(config: Config, known: Collection[Path] = ()) -> list[str]:
    """One line for each thing about the folders that would go wrong; empty when all is well.

    A missing folder among ``known`` ones (used by an earlier run) is a share that is not mounted: it stays offline
    and comes back by itself, and must not stop the other inboxes.
    """
    problems = [*_missing(config, known), *_state(config.state)]
    if problems:
        return problems
    mounts = read_mounts(MOUNTINFO.read_bytes()) if MOUNTINFO.exists() else []
    return [*_nested(config, mounts), *_shared(config, mounts), *_network(config.state, mounts), *_files(config)]


def folders_of(inbox: InboxConfig) -> Iterator[tuple[str, Path]]:
    """The folders of an inbox that must be there, each with its key."""
    yield "path", inbox.path
    for name in _TARGETS:
        folder = getattr(inbox, name)
        if folder is not None:
            yield name, folder


def _missing(config: Config, known: Collection[Path]) -> Iterator[str]:
    for inbox in config.inboxes:
        for name, folder in folders_of(inbox):
            if folder in known and not os.path.lexists(folder):
                continue
            reads_only = name == "path" and inbox.claim == "leave"
            problem = _unusable(folder, writable=not reads_only)
            if problem:
                yield f"inboxes.{inbox.name}.{name}: {problem}"


def _unusable(folder: Path, *, writable: bool) -> str:
    try:
        if not folder.exists():
            return f"{folder} does not exist (create it: mkdir -p {folder})"
        if not folder.is_dir():
            return f"{folder} is not a folder"
    except OSError as error:
        return f"{folder} cannot be looked at: {error.strerror}"
    if writable and not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable for this user (check its owner, its mode and its filesystem)"
    if not os.access(folder, os.R_OK | os.X_OK):
        return f"{folder} is not readable for this user"
    return ""


def _state(state: Path) -> Iterator[str]:
    """The state folder may be missing: then the nearest folder above it must take it."""
    nearest = next(folder for folder in (state, *state.parents) if folder.exists())
    problem = _unusable(nearest, writable=True)
    if problem:
        yield f"state: {problem}"


def _nested(config: Config, mounts: Sequence[Mount]) -> Iterator[str]:
    places = {inbox.name: locate(inbox.path, mounts) for inbox in config.inboxes}
    for one, other in combinations(config.inboxes, 2):
        first, second = places[one.name], places[other.name]
        if first.is_within(second) or second.is_within(first):
            yield f"inboxes.{other.name}.path: {other.path} and {one.path} of inbox {one.name} are nested in each other"
    for inbox in config.inboxes:
        place = places[inbox.name]
        for owner in config.inboxes:
            for name, folder in folders_of(owner):
                if name != "path":
                    yield from _overlap(place, inbox, locate(folder, mounts), f"inboxes.{owner.name}.{name}", folder)
        if locate(config.state, mounts).is_within(place):
            yield f"state: {config.state} lies inside the inbox {inbox.name} ({inbox.path})"


def _overlap(place: Location, inbox: InboxConfig, other: Location, label: str, folder: Path) -> Iterator[str]:
    if other.is_within(place):
        yield f"{label}: {folder} lies inside the inbox {inbox.name} ({inbox.path}): its files would become documents"
    elif place.is_within(other):
        yield f"{label}: the inbox {inbox.name} ({inbox.path}) lies inside {folder}: results would become documents"


def _shared(config: Config, mounts: Sequence[Mount]) -> Iterator[str]:
    """Two names for one folder: what is written under one would not be seen as taken under the other."""
    named = [
        (f"inboxes.{inbox.name}.{name}", folder)
        for inbox in config.inboxes
        for name, folder in folders_of(inbox)
        if name != "path"
    ]
    for (one, first), (other, second) in combinations(named, 2):
        if os.path.normpath(first) == os.path.normpath(second) and one.rsplit(".", 1)[1] == other.rsplit(".", 1)[1]:
            continue
        if locate(first, mounts).is_same(locate(second, mounts)):
            yield f"{other}: {second} is the same folder as {one} ({first}): use one path for one purpose"


def _network(state: Path, mounts: Sequence[Mount]) -> Iterator[str]:
    kind = locate(state, mounts).kind
    if kind in NETWORK_TYPES:
        yield f"state: {state} is on a network filesystem ({kind}), where the ledger is not safe; use a local folder"


def _files(config: Config) -> Iterator[str]:
    for inbox in config.inboxes:
        if inbox.output_group is not None and not _group_exists(inbox.output_group):
            yield f"inboxes.{inbox.name}.output_group: there is no group {inbox.output_group} on this machine"
    for provider in config.providers.values():
        if provider.ca_bundle is not None and not os.access(provider.ca_bundle, os.R_OK):
            yield f"providers.{provider.name}.ca_bundle: {provider.ca_bundle} cannot be read"


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
