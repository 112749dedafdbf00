"""Walks an inbox: every folder, every name; what is ready goes to the batch as soon as it is found."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from docferry.config.models import InboxConfig
from docferry.intake.ignoring import ignores
from docferry.intake.listings import Listings
from docferry.intake.looking import Age, Looker, Moment, Seen
from docferry.intake.root import Root
from docferry.intake.tracks import Tracks
from docferry.intake.values import DONE_SUFFIX, SIDECAR_SUFFIX, Candidate, EventKind, Hint, join

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

Watch = Callable[[str, int], None]  # a folder below the inbox, its descriptor
Take = Callable[[Candidate], None]  # may raise NoRoom


class NoRoom(Exception):
    """Nothing more can be taken for now."""


@dataclass(slots=True)
class Walk:
    """A walk and its findings: the folders it came to, by path and by identity; whether it saw everything.

    A ``quick`` walk lists only folders in which something can be new.
    """

    watch: Watch
    take: Take
    age: Age | None = None
    quick: bool = False
    paths: set[str] = field(default_factory=set)
    folders: set[tuple[int, int]] = field(default_factory=set)
    complete: bool = False


class Scanner:
    """Finds candidates in one inbox, for the inbox's thread alone."""

    def __init__(self, config: InboxConfig, looker: Looker, tracks: Tracks, now: Callable[[], Moment]) -> None:
        self._recursive = config.recursive
        self._moves = config.claim == "move"
        self._done_files = config.done_file
        self._looker = looker
        self._tracks = tracks
        self._ignores = ignores(config.ignore)
        self._now = now
        self._listings = Listings()
        self._number = 0

    def walk(self, root: Root, start: str, walk: Walk) -> None:
        """Looks at everything from the folder ``start`` down; each folder is watched before it is listed.

        OSError is the whole inbox's trouble.
        """
        self._number += 1
        self._looker.passed.begin()
        folders = [start]
        try:
            while folders:
                folders.extend(self._visit(root, folders.pop(), walk))
        except NoRoom:
            return
        walk.complete = True
        if not (start or walk.quick):
            self._tracks.forget_unseen(self._number)
            self._looker.passed.end()
            self._listings.keep_only(walk.paths)

    def look_at(self, root: Root, folder: str, names: Iterable[tuple[str, Hint]], take: Take) -> list[str]:
        """Looks at single names of one folder; gives the folders among them, which want a walk."""
        inner = []
        try:
            with root.open_folder(folder) as fd:
                for name, hint in names:
                    if self._ignores(folder, name) is None and self._look(root, fd, folder, name, hint, take, None):
                        inner.append(join(folder, name))
        except OSError as error:
            if error.errno not in _GONE and not isinstance(error, PermissionError):
                raise
        return inner if self._recursive else []

    def _visit(self, root: Root, folder: str, walk: Walk) -> list[str]:
        """One folder; gives those in it."""
        try:
            with root.open_folder(folder) as fd:
                status = os.fstat(fd)
                if not self._enter(root, folder, status, walk):
                    return []
                walk.watch(folder, fd)
                may_skip = walk.quick and root.mount.keeps_folder_times
                unchanged = self._listings.inner_if_unchanged(folder, status) if may_skip else None
                return self._list(root, folder, fd, status, walk) if unchanged is None else unchanged
        except PermissionError as error:
            if not folder:
                raise
            detail = f"we may not open this folder ({error.strerror}): let docferry's user open it"
            self._looker.folder_trouble(root, folder, self._now(), EventKind.UNREADABLE, detail, self._number)
        except OSError as error:
            if error.errno not in _GONE or not folder:
                raise
        return []

    def _enter(self, root: Root, folder: str, status: os.stat_result, walk: Walk) -> bool:
        """Whether the folder is ours to look into: once, and only where a rename can take a file from."""
        identity = (status.st_dev, status.st_ino)
        if identity in walk.folders:
            return False  # the same folder again, by a bind mount
        if self._moves and status.st_dev != root.device:
            detail = "another filesystem is mounted here, nothing can be claimed from it: make it an inbox of its own"
            self._looker.folder_trouble(root, folder, self._now(), EventKind.OTHER_FILESYSTEM, detail, self._number)
            return False
        walk.folders.add(identity)
        walk.paths.add(folder)
        return True

    def _list(self, root: Root, folder: str, fd: int, status: os.stat_result, walk: Walk) -> list[str]:
        inner = []
        names = 0
        listed_at = self._now().elapsed
        with os.scandir(fd) as entries:
            for entry in entries:
                name = entry.name
                names ^= hash(name)
                if self._ignores(folder, name) is not None:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    inner.append(join(folder, name))
                else:
                    self._look(root, fd, folder, name, Hint.NONE, walk.take, walk.age)
        if not self._recursive:
            inner = []
        self._listings.remember(folder, status, listed_at, names, inner)
        return inner

    def _look(self, root: Root, fd: int, folder: str, name: str, hint: Hint, take: Take, age: Age | None) -> bool:
        """Looks at one name; True when it is a folder."""
        document = self._document_of(name)
        if document is not None:
            if name.endswith(SIDECAR_SUFFIX) and not self._looker.takes_sidecars:
                self._looker.refuse_sidecar(fd, join(folder, name), name)
                return False
            name, hint = document, Hint.NONE
        seen = self._looker.look(root, fd, folder, name, self._now(), hint, age)
        if isinstance(seen, Candidate):
            take(seen)
            return False
        track = self._tracks.get(join(folder, name))
        if track is not None:
            track.scan = self._number
        return seen is Seen.FOLDER

    def _document_of(self, name: str) -> str | None:
        """The document that a sidecar or done-file belongs to; None for a document."""
        if name.endswith(SIDECAR_SUFFIX):
            return name.removesuffix(SIDECAR_SUFFIX)
        if self._done_files and name.endswith(DONE_SUFFIX):
            return name.removesuffix(DONE_SUFFIX)
        return None
