"""Folders: are they there, may we use them, on what are they mounted, is there room."""

from __future__ import annotations

import os
import pwd
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from docferry.config.folders import check_folders
from docferry.config.models import Config, InboxConfig
from docferry.intake.mounts import MOUNTINFO, Mount, mount_of
from docferry.models import display
from docferry.observe.checks.findings import Finding, advice, fine, wrong

FULL_BYTES = 100_000_000
TIGHT_BYTES = 2_000_000_000
FEW_INODES = 1_000
CLOCK_SKEW_S = 5.0
MOST_ENTRIES = 20_000  # looked at in one inbox
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A folder the configuration names, and what docferry must be able to do there."""

    subject: str
    role: str
    path: Path
    must_exist: bool


def wanted_folders(config: Config) -> list[Wanted]:
    """Every folder of the configuration. All must exist but the ledger's, which the first start makes."""
    folders = [Wanted("ledger", "state", config.state, must_exist=False)]
    for inbox in config.inboxes:
        named = {"inbox": inbox.path, "outbox": inbox.outbox, "archive": inbox.archive, "failed": inbox.failed}
        folders += [Wanted(inbox.name, role, path, must_exist=True) for role, path in named.items() if path is not None]
    return folders


def check_folder(folder: Wanted) -> list[Finding]:
    """Whether the folder is there and we may read, write and enter it, by really making a file without a name."""
    path, place = folder.path, f"{folder.role} {display(str(folder.path))}"
    try:
        if not path.exists():
            return [_missing(folder, place)]
        if not path.is_dir():
            return [wrong("folder", folder.subject, f"{place} is not a folder", "name a folder, or move the file away")]
        next(path.iterdir(), None)
        with tempfile.TemporaryFile(dir=path) as probe:
            # The clock that stamps files here may be a file server's. Settling compares its times with each other
            # only, so a difference does no harm by itself, but people who compare logs should know.
            skew_s = os.fstat(probe.fileno()).st_mtime - time.time()
    except OSError as error:
        return [wrong("folder", folder.subject, f"{place}: {error.strerror}", _remedy(error, folder))]
    if abs(skew_s) > CLOCK_SKEW_S:
        detail = f"{place}: its clock differs from this machine's by {skew_s:+.0f} s"
        return [advice("clock", folder.subject, detail, "let both the file server and this machine use NTP")]
    return [fine("folder", folder.subject, f"{place} can be read and written")]


def _missing(folder: Wanted, place: str) -> Finding:
    if folder.must_exist:
        remedy = f"mount it, or: install -d -o {_user()} {folder.path}"
        return wrong("folder", folder.subject, f"{place} does not exist", remedy)
    parent = next(parent for parent in folder.path.parents if parent.exists())
    if os.access(parent, os.W_OK | os.X_OK, effective_ids=True):
        return fine("folder", folder.subject, f"{place} does not exist yet and will be made")
    detail = f"{place} does not exist, and we may not make it in {display(str(parent))}"
    return wrong("folder", folder.subject, detail, f"install -d -o {_user()} {folder.path}")


def _remedy(error: OSError, folder: Wanted) -> str:
    closed = next((above for above in reversed(folder.path.parents) if not _may_enter(above)), None)
    if isinstance(error, PermissionError) and closed is not None:
        return f"let {_user()} into the folder above it: setfacl -m u:{_user()}:x {closed}"
    if isinstance(error, PermissionError):
        return f"give {_user()} the right to it: setfacl -m u:{_user()}:rwx {folder.path}"
    return "mount it again, free space, or see the kernel's log (dmesg)"


def is_folder(path: Path) -> bool:
    """Whether there is a folder for us. Also False, without an error, where a folder above it keeps us out."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for that


def is_there(path: Path) -> bool:
    """Whether there is anything for us at that path, in the same sense."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def _may_enter(folder: Path) -> bool:
    return os.access(folder, os.X_OK, effective_ids=True)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def check_mount(inbox: InboxConfig) -> list[Finding]:
    """On what an inbox lies, whether it is watched or polled for that reason, and whether claiming is one rename."""
    if not is_folder(inbox.path):
        return []
    mount = _mount_of(inbox.path)
    kind = f"inbox {display(str(inbox.path))} lies on {mount.filesystem} mounted at {display(mount.mount_point)}"
    findings = []
    if mount.is_local or inbox.watch == "poll":
        how = "looked through" if inbox.watch == "poll" else "watched"
        findings.append(fine("mount", inbox.name, f"{kind}: {how}"))
    elif inbox.watch == "events":
        remedy = f"set watch: auto for inbox {inbox.name}; files are found after at most {inbox.rescan_s:.0f} s anyway"
        findings.append(advice("mount", inbox.name, f"{kind}: changes made elsewhere send no events", remedy))
    else:
        detail = f"{kind}: no events from elsewhere, so it is looked through every {inbox.rescan_s:.0f} s"
        findings.append(fine("mount", inbox.name, detail))
    return findings + _other_filesystems(inbox)


def _other_filesystems(inbox: InboxConfig) -> list[Finding]:
    """Originals put away across filesystems are copied, which costs time and room but loses nothing."""
    here = inbox.path.stat().st_dev
    away = [
        f"{role} folder"
        for role, path in (("archive", inbox.archive), ("failed", inbox.failed))
        if path is not None and is_folder(path) and path.stat().st_dev != here
    ]
    if not away:
        return []
    detail = f"the {' and the '.join(away)} lies on another filesystem: originals are copied there, then removed"
    return [advice("mount", inbox.name, detail, "put it beside the inbox where originals are large")]


def check_layout(config: Config) -> list[Finding]:
    """Whether the folders lie well to one another: none inside an inbox, the ledger on a disk of this machine."""
    if not all(is_folder(folder.path) for folder in wanted_folders(config) if folder.must_exist):
        return []  # said of each folder already
    remedy = "name another folder in the configuration"
    problems = [wrong("layout", "machine", problem, remedy) for problem in check_folders(config)]
    return problems or [fine("layout", "machine", "no folder lies where it would do harm")]


def check_state_privacy(config: Config) -> list[Finding]:
    """The ledger names documents: others should not read it."""
    ledger = config.state / "ledger.sqlite"
    open_to_all = [path for path in (config.state, ledger) if is_there(path) and path.stat().st_mode & 0o007]
    # A private folder protects what is in it.
    if len(open_to_all) < 2:
        return []
    detail = f"every user of this machine may read the ledger {display(str(ledger))}, which names your documents"
    return [advice("folder", "ledger", detail, f"chmod o= {config.state}")]


def check_space(config: Config) -> list[Finding]:
    """Room on each filesystem, named once."""
    places: dict[int, tuple[str, Path]] = {}
    for folder in wanted_folders(config):
        path = _nearest(folder.path)
        places.setdefault(path.stat().st_dev, (f"{folder.subject} ({folder.role})", path))
    return [_space(subject, path) for subject, path in places.values()]


def _space(subject: str, path: Path) -> Finding:
    room = os.statvfs(path)
    free_bytes = room.f_bavail * room.f_frsize
    place = f"{display(str(path))}: {free_bytes / 1e9:.1f} GB free"
    remedy = "free some space; docferry waits and goes on by itself"
    if free_bytes < FULL_BYTES:
        return wrong("space", subject, place, remedy)
    if room.f_files > 0 and room.f_favail < FEW_INODES:
        return wrong("space", subject, f"{display(str(path))}: only {room.f_favail} inodes free", remedy)
    if free_bytes < TIGHT_BYTES:
        return advice("space", subject, place, remedy)
    return fine("space", subject, place)


def check_contents(inbox: InboxConfig) -> list[Finding]:
    """Files we could not read and folders we could not take anything out of, in what lies in the inbox now."""
    if not is_folder(inbox.path):
        return []
    unreadable: list[str] = []
    locked: list[str] = []
    for entry in islice(_walk(str(inbox.path), inbox.recursive), MOST_ENTRIES):
        is_inner = entry.is_dir(follow_symlinks=False)
        if is_inner and inbox.claim == "move" and not os.access(entry.path, os.W_OK | os.X_OK, effective_ids=True):
            locked.append(entry.path)
        elif entry.is_file(follow_symlinks=False) and not os.access(entry.path, os.R_OK, effective_ids=True):
            unreadable.append(entry.path)
    findings = []
    if unreadable:
        remedy = (
            f"setfacl -R -m u:{_user()}:rX {inbox.path}; for what comes: setfacl -d -m u:{_user()}:rwX {inbox.path}"
        )
        findings.append(wrong("permissions", inbox.name, f"we may not read {_some(unreadable)}", remedy))
    if locked:
        remedy = (
            f"setfacl -R -m u:{_user()}:rwX {inbox.path}; for what comes: setfacl -d -m u:{_user()}:rwX {inbox.path}"
        )
        findings.append(wrong("permissions", inbox.name, f"we may not take files out of {_some(locked)}", remedy))
    return findings


def _some(paths: list[str]) -> str:
    named = ", ".join(display(path) for path in paths[:MOST_NAMED])
    return named if len(paths) <= MOST_NAMED else f"{named} and {len(paths) - MOST_NAMED} more"


def _walk(folder: str, recursive: bool) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder, hidden names left out; a folder we may not list is reported by its own entry."""
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except PermissionError:
        return
    for entry in entries:
        yield entry
        if recursive and entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, recursive)


def folders_to_watch(inboxes: tuple[InboxConfig, ...]) -> Mapping[str, int]:
    """For each inbox that is watched by events, how many folders that takes."""
    counts: dict[str, int] = {}
    for inbox in inboxes:
        if (
            is_folder(inbox.path)
            and inbox.watch != "poll"
            and (inbox.watch == "events" or _mount_of(inbox.path).is_local)
        ):
            below = sum(entry.is_dir(follow_symlinks=False) for entry in _walk(str(inbox.path), inbox.recursive))
            counts[inbox.name] = 1 + (below if inbox.recursive else 0)
    return counts


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if is_there(folder))


def _mount_of(path: Path) -> Mount:
    return mount_of(os.path.realpath(path), path.stat().st_dev, MOUNTINFO.read_bytes())
