"""Work folders that the ledger does not know: documents to take up again, and leftovers to clear away.

A crash between the rename and the ledger's commit leaves such a folder, and so does a ledger that is gone. Two
daemons may share an inbox, so a folder whose record names another owner is never touched.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from docferry.config.models import InboxConfig
from docferry.intake.claiming import remove_work_folder, work_path
from docferry.intake.ignoring import OWN_PREFIX
from docferry.intake.record import RECORD, RECORD_LIMIT_BYTES, Record, parse
from docferry.intake.root import Home, Root
from docferry.intake.values import DONE_SUFFIX, SIDECAR_SUFFIX, Claimed, identity_of, split

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{16}")  # the alphabet of models.new_id
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FRESH_S = 60.0  # a work folder without a record may be one that somebody is just making
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(slots=True)
class Recovery:
    """What was found. ``undecided`` work folders have no record and are too fresh to be judged: ask again later."""

    documents: list[Claimed] = field(default_factory=list)
    undecided: int = 0


def recover(
    config: InboxConfig, known_ids: Collection[str], *, owner: str = "", now: float, fresh_s: float = FRESH_S
) -> list[Claimed]:
    """The documents in work folders that the ledger does not know. InboxOffline as ``Home.open``."""
    with Home(str(config.path), None).open() as root:
        unknown = [id for id in work_folders(root) if id not in known_ids]
        return adopt(root, config.name, unknown, owner=owner, now=now, fresh_s=fresh_s).documents


def work_folders(root: Root) -> list[str]:
    """The ids of all work folders, oldest first."""
    with os.scandir(root.work_fd) as entries:
        return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and _ID.fullmatch(e.name))


def clear_away(folder: Path) -> bool:
    """Whether nothing of ours is left of a work folder. One that holds anything else, an original say, stays."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names, not paths
        if all(name.startswith(OWN_PREFIX) or name.endswith((SIDECAR_SUFFIX, DONE_SUFFIX)) for name in names):
            for name in names:
                _remove(folder / name)
            folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        log.warning("%s stays for now: %s", folder, error.strerror)
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():  # the pictures of an answer
        for inner in path.iterdir():
            inner.unlink()
        path.rmdir()
    else:
        path.unlink()


def adopt(root: Root, inbox: str, ids: Iterable[str], *, owner: str, now: float, fresh_s: float = FRESH_S) -> Recovery:
    """The documents in these work folders, which the ledger does not know."""
    recovery = Recovery()
    for id in ids:
        try:
            _adopt_one(root, inbox, _look(root, id), owner, now, fresh_s, recovery)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
    return recovery


def _adopt_one(
    root: Root, inbox: str, found: _Found, owner: str, now: float, fresh_s: float, recovery: Recovery
) -> None:
    id, record = found.id, found.record
    if record is None and (root.filesystem_now_ns() or 0) - found.changed_at_ns < fresh_s * 1e9:
        recovery.undecided += 1  # somebody may be at work on it
        return
    if record is not None and record.owner != owner:
        return
    if found.original is None:
        if not found.others:
            remove_work_folder(root, id)
        return
    status = os.stat(f"{id}/{found.original}", dir_fd=root.work_fd, follow_symlinks=False)
    path = record.path if record is not None else found.original
    _bring_companions(root, id, path)
    recovery.documents.append(
        Claimed(
            id=id,
            inbox=inbox,
            path=path,
            work_path=work_path(root, id, found.original),
            identity=identity_of(status),
            seen_at=record.seen_at if record is not None else now,
            claimed_at=now,
            problem=record.problem if record is not None else None,
            adopted=True,
        )
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What a work folder holds. ``others`` counts what is neither record nor original."""

    id: str
    record: Record | None
    original: str | None
    others: int
    changed_at_ns: int


def _look(root: Root, id: str) -> _Found:
    fd = os.open(id, _OPEN_FOLDER, dir_fd=root.work_fd)
    try:
        record = _read_record(fd, id)
        with os.scandir(fd) as entries:
            names = sorted(entry.name for entry in entries if entry.name != RECORD)
            files = [name for name in names if _is_file(fd, name)]
        changed_at_ns = os.fstat(fd).st_ctime_ns
    finally:
        os.close(fd)
    wanted = split(record.path)[1] if record is not None else _likely_original(files)
    original = wanted if wanted in files else None
    return _Found(id, record, original, len(names) - (original is not None), changed_at_ns)


def _likely_original(files: list[str]) -> str | None:
    """The original in a folder whose record was lost to power failure: such a folder has no answers in it yet."""
    ours = (OWN_PREFIX, SIDECAR_SUFFIX, DONE_SUFFIX)
    return next((name for name in files if not name.startswith(ours[0]) and not name.endswith(ours[1:])), None)


def _is_file(fd: int, name: str) -> bool:
    with suppress(FileNotFoundError):
        return stat.S_ISREG(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    return False


def _read_record(folder_fd: int, id: str) -> Record | None:
    try:
        fd = os.open(RECORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    except OSError:
        return None  # none was written, or it is no file: the folder's content is what counts
    try:
        return parse(os.read(fd, RECORD_LIMIT_BYTES)).get(id)
    finally:
        os.close(fd)


def _bring_companions(root: Root, id: str, path: str) -> None:
    """Moves sidecar and done-file after their document, where a crash came between them."""
    folder, name = split(path)
    with suppress(OSError), root.open_folder(folder) as folder_fd:
        if _is_file(folder_fd, name):
            return  # they belong to the next document of that name
        for companion in (name + SIDECAR_SUFFIX, name + DONE_SUFFIX):
            if _is_file(folder_fd, companion):
                os.rename(companion, f"{id}/{companion}", src_dir_fd=folder_fd, dst_dir_fd=root.work_fd)
