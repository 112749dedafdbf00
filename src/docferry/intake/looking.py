"""One look at one file: what is it, what is known of it now, may it be taken?"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from docferry.config.models import InboxConfig
from docferry.intake.companions import Companions, CompanionWatch
from docferry.intake.inspection import NotAFile, inspect
from docferry.intake.pace import Gaps
from docferry.intake.passed import Passed
from docferry.intake.readiness import Decision, GiveUp, Inside, LookInside, Observation, Settings, WaitUntil, decide
from docferry.intake.root import Root
from docferry.intake.structure import WELL_MARKED, Structure
from docferry.intake.tracks import Track, Tracks
from docferry.intake.values import Candidate, EventKind, Hint, identity_of, join
from docferry.models import FileIdentity

_FIRST_RETRY_S = 5.0
_LONGEST_RETRY_S = 300.0
_MOST_REPORTED = 20_000
_MOST_CLAIMS_REMEMBERED = 1000
_ONE_FILES_TROUBLE = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY, errno.EAGAIN, errno.EOVERFLOW})
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)

Report = Callable[[EventKind, str, str], None]  # kind, path, detail
Age = Callable[[int], float]  # how long ago a ctime was, in s, by the filesystem's own clock


class Seen(Enum):
    """What a look found, where it was no candidate."""

    NOTHING = "nothing to take now"
    FOLDER = "a folder"


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on the elapsed clock and the wall's."""

    elapsed: float
    wall: float


@dataclass(slots=True)
class _File:
    folder_fd: int
    is_local: bool
    path: str
    name: str
    track: Track
    companions: Companions
    aged_s: float | None


def settings_of(config: InboxConfig) -> Settings:
    """What readiness needs of the inbox's configuration."""
    return Settings(
        settle_s=config.settle_s,
        settle_max_s=config.settle_max_s,
        done_file=config.done_file,
        sidecar_allowed=bool(config.sidecar.allowed) or config.sidecar.required,
        sidecar_required=config.sidecar.required,
    )


class Looker:
    """Looks at the files of one inbox, for the inbox's thread alone."""

    def __init__(self, config: InboxConfig, tracks: Tracks, gaps: Gaps, report: Report) -> None:
        self._inbox = config.name
        self._settings = settings_of(config)
        self._tracks = tracks
        self._gaps = gaps
        self._report = report
        self._reported: set[tuple[str, int, int, int]] = set()
        self._companions = CompanionWatch(self._settings)
        self._claimed_at: dict[str, float] = {}
        self.passed = Passed()
        self.takes_sidecars = self._settings.sidecar_allowed
        self._may_wait_for_companions = self._settings.sidecar_allowed or self._settings.done_file

    def look(
        self, root: Root, folder_fd: int, folder: str, name: str, now: Moment, hint: Hint, age: Age | None
    ) -> Candidate | Seen:
        """The file as a candidate if it may be taken now; else it is tracked, reported or forgotten."""
        path = join(folder, name)
        try:
            status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
                raise
            self._tracks.forget(path)
            return Seen.NOTHING
        identity = identity_of(status)
        if not stat.S_ISREG(status.st_mode):
            self._tracks.forget(path)
            return self._special(path, status.st_mode, identity)
        if self.passed.holds(path, identity):
            self._tracks.forget(path)
            return Seen.NOTHING
        return self._judge(root, folder_fd, path, name, identity, now, hint, age)

    def _judge(
        self,
        root: Root,
        folder_fd: int,
        path: str,
        name: str,
        identity: FileIdentity,
        now: Moment,
        hint: Hint,
        age: Age | None,
    ) -> Candidate | Seen:
        track = self._observe(path, identity, hint, now)
        companions = self._companions.beside(folder_fd, root.mount.is_local, path, name, now.elapsed)
        file = _File(
            folder_fd, root.mount.is_local, path, name, track, companions, age(track.identity.ctime_ns) if age else None
        )
        decision: Decision = LookInside()
        if self._may_wait_for_companions:  # else nothing can be decided without looking inside
            decision = self._decide(file, None, now.elapsed)
        if isinstance(decision, LookInside):
            inside = self._look_inside(file, now)
            if inside is None:
                return Seen.NOTHING
            decision = self._decide(file, inside, now.elapsed)
        if isinstance(decision, WaitUntil):
            self._tracks.wait(path, file.track, decision.at, decision.reason)
            return Seen.NOTHING
        return Candidate(
            inbox=self._inbox,
            path=path,
            file=f"{root.path}/{path}",
            identity=file.track.identity,
            seen_at=file.track.seen_at,
            problem=decision.reason if isinstance(decision, GiveUp) else None,
            companions=companions.names,
        )

    def _observe(self, path: str, identity: FileIdentity, hint: Hint, now: Moment) -> Track:
        """The file's track after one more look; what its writer's pauses teach is learned."""
        track, gap_s = self._tracks.observe(path, identity, hint, now.elapsed, now.wall)
        if gap_s is not None:
            self._gaps.learn(gap_s, now.elapsed)
        return track

    def _decide(self, file: _File, inside: Inside | None, now: float) -> Decision:
        seen = Observation(
            size_bytes=file.track.identity.size_bytes,
            first_seen_at=file.track.first_seen_at,
            changed_at=file.track.changed_at,
            hint=file.track.hint,
            inside=inside,
            aged_s=file.aged_s,
            gap_s=self._gaps.wait_s(now),
            has_done_file=file.companions.done_file,
            has_sidecar=file.companions.sidecar,
            companion_is_settled=file.companions.settled,
        )
        return decide(seen, now, self._settings)

    def _look_inside(self, file: _File, now: Moment) -> Inside | None:
        """What is inside; None when the file is gone or may not be read, which is reported."""
        try:
            inspected = inspect(file.folder_fd, file.name, is_local=file.is_local)
        except (NotAFile, FileNotFoundError):
            self._tracks.forget(file.path)  # it was a file a moment ago; the next look says what it is
            return None
        except OSError as error:
            if error.errno not in _ONE_FILES_TROUBLE:
                raise
            detail = f"we may not read it ({os.strerror(error.errno)}): let docferry's user read it"
            self.trouble(file.path, file.track, now.elapsed, EventKind.UNREADABLE, detail, "permission to read it")
            return None
        if inspected.identity != file.track.identity:  # it changed since the stat: what we heard was of its old state
            file.track = self._observe(file.path, inspected.identity, Hint.NONE, now)
            file.aged_s = None
        self._learn_from_fragment(file, inspected.inside, now.elapsed)
        return inspected.inside

    def claimed(self, path: str, now: float) -> None:
        """Remembers for a while that the file was taken, to know its continuation should one come."""
        if len(self._claimed_at) >= _MOST_CLAIMS_REMEMBERED:
            self._claimed_at.clear()
        self._claimed_at[path] = now

    def _learn_from_fragment(self, file: _File, inside: Inside, now: float) -> None:
        """A name that we took comes again, holding no beginning of its format: its writer had only paused."""
        if inside.structure is Structure.UNKNOWN and file.name.lower().endswith(WELL_MARKED):
            taken_at = self._claimed_at.pop(file.path, None)
            if taken_at is not None:
                self._gaps.learn(now - taken_at, now)

    def trouble(self, path: str, track: Track, now: float, kind: EventKind, detail: str, waits_for: str) -> None:
        """The file cannot be taken as things are: said once, tried again ever more rarely."""
        self._report_once(kind, path, track.identity, detail)
        retry_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2 ** min(track.troubles, 10))
        track.troubles += 1
        self._tracks.wait(path, track, now + retry_s, waits_for)

    def refuse_sidecar(self, folder_fd: int, path: str, name: str) -> None:
        """Says once that this inbox takes no sidecars."""
        try:
            identity = identity_of(os.stat(name, dir_fd=folder_fd, follow_symlinks=False))
        except FileNotFoundError:
            return
        detail = "this inbox allows no sidecars (`sidecar:` in the configuration)"
        self._report_once(EventKind.SIDECAR_REFUSED, path, identity, detail)

    def folder_trouble(self, root: Root, folder: str, now: Moment, kind: EventKind, detail: str, scan: int) -> None:
        """A folder that cannot be looked into: said once, named among the waiting, found again by every scan."""
        with suppress(FileNotFoundError):
            identity = identity_of(os.lstat(f"{root.path}/{folder}"))
            self._report_once(kind, folder, identity, detail)
            track, _ = self._tracks.observe(folder, identity, Hint.NONE, now.elapsed, now.wall)
            track.scan = scan
            self._tracks.wait(folder, track, float("inf"), detail)

    def _special(self, path: str, mode: int, identity: FileIdentity) -> Seen:
        """Says once that something in the inbox is neither file nor folder."""
        if stat.S_ISDIR(mode):
            return Seen.FOLDER
        kind = next((word for is_kind, word in _KINDS if is_kind(mode)), "something unheard of")
        detail = f"{kind} is never opened; only regular files are documents"
        self._report_once(EventKind.SPECIAL_FILE, path, identity, detail)
        return Seen.NOTHING

    def _report_once(self, kind: EventKind, path: str, identity: FileIdentity, detail: str) -> None:
        key = (kind, identity.device, identity.inode, identity.ctime_ns)
        if key in self._reported:
            return
        if len(self._reported) >= _MOST_REPORTED:
            self._reported.clear()  # said again, rather than kept for ever
        self._reported.add(key)
        self._report(kind, path, detail)
