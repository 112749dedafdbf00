"""The claim: a work folder with its record, and one rename that makes the file ours or leaves it alone.

What is on disk after power loss: before a batch is handed over, its record and its renames are synced, so the ledger
never knows a document whose original went back into the inbox. On ext4 and xfs that takes one sync for a whole
batch, because their journals keep order; elsewhere each work folder is synced. A process that is killed loses nothing
in either case: ``recovery`` finds its work folders.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from docferry.failpoints import failpoint
from docferry.folders import NOT_SUPPORTED, Folder, rename_new
from docferry.intake.record import RECORD, Record, to_bytes
from docferry.intake.root import WORK_FOLDER, Root
from docferry.intake.values import Candidate, Claimed, identity_of, split
from docferry.models import FileIdentity

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOWHERE = Path()  # these folders are known by their descriptor alone
# Trouble with one file or its folder; anything else is the whole inbox's.
_ONE_FILES_TROUBLE = frozenset({errno.EACCES, errno.EPERM, errno.EXDEV, errno.EBUSY, errno.ETXTBSY, errno.ENAMETOOLONG})


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
        chosen = [(self.new_id(), candidate) for candidate in candidates]
        by_folder: dict[str, list[tuple[str, Candidate]]] = {}
        for id, candidate in chosen:
            by_folder.setdefault(split(candidate.path)[0], []).append((id, candidate))
        batch = Batch()
        with _WorkFolders(root, to_bytes(self._record(id, candidate) for id, candidate in chosen)) as work:
            try:
                for folder, members in by_folder.items():
                    self._claim_from(root, work, folder, members, batch)
            except OSError as error:
                batch.error = error
            if batch.claimed:
                work.sync()
                _sync(root, batch.claimed, by_folder)
                failpoint("intake.claims-synced")
        return batch

    def _record(self, id: str, candidate: Candidate) -> Record:
        return Record(
            id, candidate.inbox, candidate.path, candidate.identity, candidate.seen_at, self.owner, candidate.problem
        )

    def _claim_from(
        self, root: Root, work: _WorkFolders, folder: str, members: Sequence[tuple[str, Candidate]], batch: Batch
    ) -> None:
        left = iter(members)
        try:
            with root.open_folder(folder) as folder_fd:
                for id, candidate in left:
                    self._claim_one(root, work, folder_fd, id, candidate, batch)
        except FileNotFoundError:
            batch.refused.extend(Refused(candidate, None) for _, candidate in left)  # the folder went away

    def _claim_one(
        self, root: Root, work: _WorkFolders, folder_fd: int, id: str, candidate: Candidate, batch: Batch
    ) -> None:
        work.make(id)
        failpoint("intake.work-folder-made")
        name = split(candidate.path)[1]
        try:
            os.rename(name, f"{id}/{name}", src_dir_fd=folder_fd, dst_dir_fd=root.work_fd)
        except OSError as error:
            work.discard(id)
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
            work.discard(id)
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


class _WorkFolders:
    """Makes the work folders of one batch, each with the batch's record in it."""

    def __init__(self, root: Root, record: bytes) -> None:
        self._root = root
        self._record = record
        self._first: str | None = None  # the record's first name, to link the others to
        self._unused: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Only now: until the batch is through, the first record may be in an unused folder.
        for id in self._unused:
            remove_work_folder(self._root, id)

    def make(self, id: str) -> None:
        """The folder with the record; nothing is left of it when that fails, on a full disk say."""
        os.mkdir(id, 0o700, dir_fd=self._root.work_fd)
        try:
            if self._first is None or not self._link(f"{id}/{RECORD}"):
                self._write(f"{id}/{RECORD}")
        except OSError:
            remove_work_folder(self._root, id)
            raise

    def discard(self, id: str) -> None:
        """The folder is not needed after all."""
        self._unused.append(id)

    def sync(self) -> None:
        if self._first is not None:
            _sync_path(self._root, self._first, _OLD_FILE)

    def _link(self, name: str) -> bool:
        """False where there are no hard links (FAT, some shares) or no more of them: then each folder has its own."""
        work_fd = self._root.work_fd
        try:
            os.link(self._first or "", name, src_dir_fd=work_fd, dst_dir_fd=work_fd, follow_symlinks=False)
        except OSError as error:
            if error.errno in NOT_SUPPORTED or error.errno == errno.EACCES:
                return False
            raise
        return True

    def _write(self, name: str) -> None:
        fd = os.open(name, _NEW_FILE, 0o600, dir_fd=self._root.work_fd)
        try:
            rest = memoryview(self._record)
            while rest:
                rest = rest[os.write(fd, rest) :]
        finally:
            os.close(fd)
        self._first = name


def work_path(root: Root, id: str, name: str) -> str:
    """The absolute path of a claimed original."""
    return f"{root.path}/{WORK_FOLDER}/{id}/{name}"


def remove_work_folder(root: Root, id: str) -> None:
    """Takes back a work folder that holds nothing but its record; anything else in it keeps it."""
    with suppress(OSError):
        os.unlink(f"{id}/{RECORD}", dir_fd=root.work_fd)
    with suppress(OSError):
        os.rmdir(id, dir_fd=root.work_fd)


def _is_the_same(moved: os.stat_result, judged: FileIdentity) -> bool:
    """Whether what we moved is what we judged; its ctime is the rename's now."""
    found = (moved.st_ino, moved.st_size, moved.st_mtime_ns)
    return stat.S_ISREG(moved.st_mode) and found == (judged.inode, judged.size_bytes, judged.mtime_ns)


def _put_back(root: Root, folder_fd: int, id: str, name: str) -> bool:
    """Returns what was swapped in, or written to, between our look and the rename.

    False: a new file has the name by now, so this one is what an atomic save replaced: it is kept, and taken.
    """
    with (
        Folder(_NOWHERE, fd=os.open(id, _OPEN_FOLDER, dir_fd=root.work_fd)) as work,
        Folder(_NOWHERE, fd=os.dup(folder_fd)) as folder,
    ):
        try:
            rename_new(work, name, folder, name)
        except FileExistsError:
            return not stat.S_ISREG(os.stat(name, dir_fd=work.fd, follow_symlinks=False).st_mode)
    return True


def _sync(root: Root, claimed: Sequence[Claimed], folders: Iterable[str]) -> None:
    """Makes the batch's renames survive power loss."""
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
