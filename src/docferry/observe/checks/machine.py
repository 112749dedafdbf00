"""The machine: inotify's limits and whether events arrive, SQLite, the clock, open files, the ledger."""

from __future__ import annotations

import ctypes
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]

from docferry.config.models import Config, InboxConfig
from docferry.errors import LedgerError
from docferry.intake.watcher import Listener, Watcher
from docferry.ledger import LedgerReader
from docferry.models import counted, display
from docferry.observe.checks.findings import Finding, advice, fine, wrong
from docferry.observe.checks.folders import folders_to_watch, is_folder, is_there

INOTIFY = Path("/proc/sys/fs/inotify")
CANARY_DEADLINE_S = 3.0
FEWEST_FILES = 1024
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_EARLIEST = 1_767_225_600  # 2026-01-01: a clock before that has lost its battery

# SQLite's WAL-reset bug (two connections writing at once may corrupt the file) was mended in 3.51.3, and in these.
_MENDED = (3, 51, 3)
_MENDED_TOO: Mapping[tuple[int, ...], int] = {(3, 50): 7, (3, 44): 6}


def check_inotify(inboxes: tuple[InboxConfig, ...]) -> list[Finding]:
    """The kernel's limits against the folders there are. Half of a limit is left to others and to growth."""
    counts = folders_to_watch(inboxes)
    if not counts:
        return []
    try:
        most_watches = int((INOTIFY / "max_user_watches").read_text())
        most_instances = int((INOTIFY / "max_user_instances").read_text())
    except OSError as error:
        detail = f"inotify's limits cannot be read: {error.strerror}"
        return [advice("inotify", "machine", detail, f"look into {INOTIFY}")]
    needed = sum(counts.values())
    findings = [_limit("max_user_watches", most_watches, needed, f"{counted(needed, 'folder', 'folders')} to watch")]
    findings.append(_limit("max_user_instances", most_instances, 1, "one is used for all inboxes"))
    return findings


def _limit(name: str, most: int, needed: int, what: str) -> Finding:
    remedy = f"echo fs.inotify.{name}={max(most, needed) * 4} > /etc/sysctl.d/60-docferry.conf && sysctl --system"
    detail = f"{what}, fs.inotify.{name} is {most}"
    if needed >= most:
        return wrong("inotify", "machine", f"{detail}: the rest is found by rescans only, slowly", remedy)
    if needed * 2 > most:
        return advice("inotify", "machine", detail, remedy)
    return fine("inotify", "machine", detail)


def check_canary(inbox: InboxConfig) -> list[Finding]:
    """Makes a file in a hidden folder of the inbox and waits for the event, by the daemon's own way of watching."""
    if not is_folder(inbox.path) or inbox.name not in folders_to_watch((inbox,)):
        return []
    try:
        with tempfile.TemporaryDirectory(prefix=".docferry-doctor-", dir=inbox.path) as folder:
            arrived = _event_arrives(Path(folder))
    except OSError as error:
        remedy = "see the findings on inotify's limits and on this folder"
        return [wrong("canary", inbox.name, f"the inbox cannot be watched: {error.strerror}", remedy)]
    if arrived:
        return [fine("canary", inbox.name, "events arrive")]
    detail = f"no event arrived within {CANARY_DEADLINE_S:.0f} s"
    return [wrong("canary", inbox.name, detail, f"set watch: poll for inbox {inbox.name}")]


def _event_arrives(folder: Path) -> bool:
    seen = threading.Event()
    watcher = Watcher()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        watcher.group(Listener(lambda *hint: seen.set(), lambda reason: None)).watch("", descriptor)
        (folder / "canary").touch()
        return seen.wait(CANARY_DEADLINE_S)
    finally:
        watcher.stop()
        os.close(descriptor)


def check_sqlite() -> list[Finding]:
    """Which SQLite is in use: the machine's own may be one with a bug that can corrupt a ledger."""
    text = sqlite3.sqlite_version
    version = tuple(int(part) for part in text.split("."))[:3]
    source = "pysqlite3's own" if sqlite3.__name__.startswith("pysqlite3") else "this Python's"
    detail = f"SQLite {text} ({source})"
    if is_mended(version):
        return [fine("sqlite", "ledger", detail)]
    why = f"{detail} can corrupt a database that two programs write at once"
    return [advice("sqlite", "ledger", why, "pip install pysqlite3; write to the ledger only through docferry")]


def is_mended(version: tuple[int, ...]) -> bool:
    """Whether this SQLite version is free of the WAL-reset bug."""
    return version >= _MENDED or (version[:2] in _MENDED_TOO and version[2] >= _MENDED_TOO[version[:2]])


def check_ledger(config: Config) -> list[Finding]:
    """Whether the ledger can be read, and how many documents it knows."""
    if not is_there(config.state / "ledger.sqlite"):
        return [fine("ledger", "ledger", f"{display(str(config.state))}: no ledger yet, the first start makes it")]
    try:
        with LedgerReader(config.state) as ledger:
            known = sum(sum(states.values()) for states in ledger.counts().values())
    except LedgerError as error:
        return [wrong("ledger", "ledger", error.message, error.hint or "restore a backup")]
    return [fine("ledger", "ledger", f"the ledger knows {counted(known, 'document', 'documents')}")]


def check_clock() -> list[Finding]:
    """Whether the clock is plausible, and whether the kernel knows it to be synchronised."""
    return [judge_clock(time.time(), is_kept=_clock_is_kept())]


def judge_clock(now: float, *, is_kept: bool | None) -> Finding:
    """``is_kept``: whether something keeps the clock right; None where the kernel does not say."""
    if now < _EARLIEST:
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        detail = f"this machine's clock says {day}: TLS certificates will not be valid yet"
        return wrong("clock", "machine", detail, "set it, and let it be kept: timedatectl set-ntp true")
    if is_kept is None:
        return fine("clock", "machine", "the clock is plausible")
    if not is_kept:
        return advice("clock", "machine", "nothing keeps this machine's clock right", "timedatectl set-ntp true")
    return fine("clock", "machine", "the clock is synchronised")


def _clock_is_kept() -> bool | None:
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    state = -1 if adjtimex is None else adjtimex(ctypes.create_string_buffer(512))  # larger than any struct timex
    return None if state < 0 else state != _TIME_ERROR  # all zeros, so that it only asks


def check_open_files() -> list[Finding]:
    """Each document on its way holds a file and a connection."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    detail = f"{soft} files may be open at once"
    if soft != resource.RLIM_INFINITY and soft < FEWEST_FILES:
        return [advice("limits", "machine", detail, "ulimit -n 4096, or LimitNOFILE= in the unit")]
    return [fine("limits", "machine", detail)]


def check_user(folders: Iterable[Path]) -> list[Finding]:
    """Root may do everything, so what root finds says little about the service's user."""
    if os.geteuid() != 0:
        return []
    owners = {path.owner() for path in folders if is_there(path) and _has_named_owner(path)} - {"root"}
    if not owners:
        return []
    owner = sorted(owners)[0]
    detail = f"checked as root, but the folders belong to {owner}: permissions are not what was checked"
    return [advice("permissions", "machine", detail, f"docferry doctor --user {owner}")]


def _has_named_owner(path: Path) -> bool:
    try:
        path.owner()
    except KeyError:
        return False
    return True
