"""The values intake speaks: what is seen of a file, what is claimed, what an inbox says of itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from docferry.models import FileIdentity

SIDECAR_SUFFIX = ".docferry.yaml"
DONE_SUFFIX = ".done"


class Hint(IntEnum):
    """The strongest thing an event said of a file since it last changed; a greater one says more."""

    NONE = 0
    CREATED = 1
    CLOSED = 2  # a writer closed it
    MOVED_IN = 3  # it got its name in one step, from elsewhere


class EventKind(StrEnum):
    """What intake reports besides documents; the word is what the log and the ledger show."""

    OFFLINE = "offline"
    ONLINE = "online"
    MARKER = "marker"  # detail: the marker id to remember for this inbox
    SPECIAL_FILE = "special_file"
    UNREADABLE = "unreadable"
    NOT_MOVABLE = "not_movable"
    OTHER_FILESYSTEM = "other_filesystem"
    SIDECAR_REFUSED = "sidecar_refused"
    WATCH_LIMIT = "watch_limit"
    WATCH_FAILED = "watch_failed"
    OVERFLOW = "overflow"
    EVENTS_UNPROVEN = "events_unproven"
    ADOPTED = "adopted"
    HAND_OVER_FAILED = "hand_over_failed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class IntakeEvent:
    """Something a person may want to know. ``path`` is below the inbox, ``""`` for the inbox itself."""

    kind: EventKind
    inbox: str
    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is ready. ``path`` is below the inbox, ``file`` where it lies."""

    inbox: str
    path: str
    file: str
    identity: FileIdentity
    seen_at: float
    problem: str | None = None
    companions: tuple[str, ...] = ()  # names in the same folder that go with it: sidecar, done-file


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that is ours. ``problem`` says why it was given up on (empty, never completed); None: it is whole.

    ``identity`` is that of the file at ``work_path``: a rename changes a file's ctime. ``adopted``: it was found in its
    work folder, which may hold more than the file.
    """

    id: str
    inbox: str
    path: str
    work_path: str
    identity: FileIdentity
    seen_at: float
    claimed_at: float
    problem: str | None = None
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file that is not claimed yet, and what it waits for in words. ``since`` is when it was first seen.

    ``is_stuck``: a person must do something about it, such as let us read it.
    """

    path: str
    size_bytes: int
    waits_for: str
    since: float
    unchanged_s: float
    is_stuck: bool


@dataclass(frozen=True, slots=True)
class InboxStatus:
    """One inbox at this moment. ``hung_since`` is set while a call on its filesystem does not come back."""

    name: str
    online: bool
    reason: str | None
    watching: str  # events | poll | both
    files_waiting: tuple[WaitingFile, ...]
    waiting_count: int  # files_waiting may be cut
    busy: bool  # a round is under way: what it takes is neither waiting nor handed over yet
    last_scan_at: float | None
    scan_took_s: float | None
    hung_since: float | None
    events_proven: bool | None
    directories: int
    scanned_once: bool
    marker_id: str | None


def identity_of(status: os.stat_result) -> FileIdentity:
    """The identity that ``stat`` shows."""
    return FileIdentity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def join(directory: str, name: str) -> str:
    """The path below the inbox; ``""`` is the inbox itself."""
    return f"{directory}/{name}" if directory else name


def split(path: str) -> tuple[str, str]:
    """Folder and name of a path below the inbox."""
    directory, _, name = path.rpartition("/")
    return directory, name
