"""The claim: a work folder with its record, and one rename that makes the file ours or leaves it alone.

What is on disk after power loss: before a batch is handed over, its renames are synced, so the ledger never knows
a document whose original went back into the inbox. On ext4 and xfs one sync brings a whole batch, because their
journals keep order; elsewhere each work folder is synced. The record's own bytes are synced where there are few
(a person's drop): in a large batch it may come back empty after power loss, and then ``recovery`` goes by the
original's name alone. A process that is killed loses nothing in either case.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from docferry.failpoints import failpoint
from docferry.folders import Folder, rename_new
from docferry.intake.record import RECORD, Record
from docferry.intake.root import WORK_FOLDER, Root
from docferry.intake.values import Candidate, Claimed, identity_of, split
from docferry.models import FileIdentity

MOST_SYNCED_RECORDS = 4
# Trouble with one file or its folder; anything else is the whole inbox's.
_ONE_FILES_TROUBLE = frozenset({errno.EACCES, errno.EPERM, errno.EXDEV, errno.EBUSY, errno.ETXTBSY, errno.ENAMETOOLONG})
_NOWHERE = Path()  # these folders are known by their descriptor alone
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Refused:
    """A candidate that could not be claimed. ``error`` is None when the file changed, or went away, meanwhile."""

    candidate: Candidate
    error: OSError | None


@dataclass(slots=True)
class Batch:
    """What became of a batch of candidates. ``error`` is the inbox's trouble that broke it off."""

    claimed: list[Claimed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    error: OSError | None = None


@dataclass(frozen=True, slots=True)
class Claimer:
    """Claims for one inbox. ``new_id`` gives ids that never repeat; ``now`` is wall time."""

    owner: str
    new_id: Callable[[], str]
    now: Callable[[], float]

    def claim(self, root: Root, candidates: Sequence[Candidate]) -> Batch:
        """Moves each candidate into its work folder, durably.

        OSError: nobody knows what is on disk; ``recovery`` finds what was moved.
        """
        batch = Batch()
        by_folder: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            by_folder.setdefault(split(candidate.path)[0], []).append(candidate)
        try:
            for folder, members in by_folder.items():
                self._claim_from(root, folder, members, batch)
        except OSError as error:
            batch.error = error
        if batch.claimed:
            _sync(root, batch.claimed, list(by_folder))
            failpoint("intake.claims-synced")
        return batch

    def _claim_from(self, root: Root, folder: str, candidates: Sequence[Candidate], batch: Batch) -> None:
        try:
            with root.open_folder(folder) as folder_fd:
                for candidate in candidates:
                    self._claim_one(root, folder_fd, candidate, batch)
        except FileNotFoundError:
            done = {claimed.path for claimed in batch.claimed} | {refused.candidate.path for refused in batch.refused}
            batch.refused.extend(Refused(candidate, None) for candidate in candidates if candidate.path not in done)

    def _claim_one(self, root: Root, folder_fd: int, candidate: Candidate, batch: Batch) -> None:
        id = self.new_id()
        _prepare(root, id, candidate, self.owner)
        failpoint("intake.work-folder-made")
        name = split(candidate.path)[1]
        try:
            os.rename(name, f"{id}/{name}", src_dir_fd=folder_fd, dst_dir_fd=root.work_fd)
        except OSError as error:
            _remove_work_folder(root, id)
            if error.errno == errno.ENOENT:
                batch.refused.append(Refused(candidate, None))
            elif error.errno in _ONE_FILES_TROUBLE:
                batch.refused.append(Refused(candidate, error))
            else:
                raise
            return
        failpoint("intake.renamed")
        moved = os.stat(f"{id}/{name}", dir_fd=root.work_fd, follow_symlinks=False)
        if not _is_the_same(moved, candidate.identity) and _put_back(root, folder_fd, id, name):
            batch.refused.append(Refused(candidate, None))
            return
        for companion in candidate.companions:
            with suppress(FileNotFoundError):
                os.rename(companion, f"{id}/{companion}", src_dir_fd=folder_fd, dst_dir_fd=root.work_fd)
        batch.claimed.append(
            Claimed(
                id=id,
                inbox=candidate.inbox,
                path=candidate.path,
                work_path=work_path(root, id, name),
                identity=identity_of(moved),
                seen_at=candidate.seen_at,
                claimed_at=self.now(),
                problem=candidate.problem,
            )
        )


def work_path(root: Root, id: str, name: str) -> str:
    """The absolute path of a claimed original."""
    return f"{root.path}/{WORK_FOLDER}/{id}/{name}"


def _prepare(root: Root, id: str, candidate: Candidate, owner: str) -> None:
    """The work folder with its record; nothing is left of it when the disk is full."""
    record = Record(
        id, candidate.inbox, candidate.path, candidate.identity, candidate.seen_at, owner, candidate.problem
    )
    os.mkdir(id, 0o700, dir_fd=root.work_fd)
    try:
        fd = os.open(f"{id}/{RECORD}", _NEW_FILE, 0o600, dir_fd=root.work_fd)
        try:
            data = record.to_bytes()
            if os.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(fd)
    except OSError:
        _remove_work_folder(root, id)
        raise


def _remove_work_folder(root: Root, id: str) -> None:
    """Takes back a work folder that holds nothing but its record."""
    with suppress(OSError):
        os.unlink(f"{id}/{RECORD}", dir_fd=root.work_fd)
    with suppress(OSError):
        os.rmdir(id, dir_fd=root.work_fd)


def _is_the_same(moved: os.stat_result, judged: FileIdentity) -> bool:
    """Whether what we moved is what we judged; its ctime is the rename's now."""
    found = (moved.st_ino, moved.st_size, moved.st_mtime_ns)
    return stat.S_ISREG(moved.st_mode) and found == (judged.inode, judged.size_bytes, judged.mtime_ns)


def _put_back(root: Root, folder_fd: int, id: str, name: str) -> bool:
    """Returns what was swapped in, or written to, between our look and the rename. False: its name is taken again."""
    work_fd = os.open(id, _OPEN_FOLDER, dir_fd=root.work_fd)
    with Folder(_NOWHERE, fd=work_fd) as work, Folder(_NOWHERE, fd=os.dup(folder_fd)) as folder:
        try:
            rename_new(work, name, folder, name)
        except FileExistsError:
            return not stat.S_ISREG(os.stat(name, dir_fd=work_fd, follow_symlinks=False).st_mode)
    _remove_work_folder(root, id)
    return True


def _sync(root: Root, claimed: Sequence[Claimed], folders: Sequence[str]) -> None:
    """Makes the batch's renames survive power loss."""
    if len(claimed) <= MOST_SYNCED_RECORDS:
        for document in claimed:
            _sync_path(root, f"{document.id}/{RECORD}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if root.mount.has_ordered_journal:
        # The last rename touched this folder last, so everything before it is in the journal before it.
        _sync_path(root, claimed[-1].id, _OPEN_FOLDER)
        return
    for document in claimed:
        _sync_path(root, document.id, _OPEN_FOLDER)
    _sync_path(root, ".", _OPEN_FOLDER)
    for folder in folders:
        with root.open_folder(folder) as fd, Folder(_NOWHERE, fd=os.dup(fd)) as opened:
            opened.sync()


def _sync_path(root: Root, relative: str, flags: int) -> None:
    with Folder(_NOWHERE, fd=os.open(relative, flags, dir_fd=root.work_fd)) as opened:
        opened.sync()
