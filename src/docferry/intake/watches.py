"""One inbox's watches: events, polling or both; the canary that proves that events arrive; what to do when not."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from docferry.config.models import InboxConfig
from docferry.intake.hints import Hints
from docferry.intake.looking import Report
from docferry.intake.root import CANARY, WORK_FOLDER, Root
from docferry.intake.values import EventKind, Hint
from docferry.intake.watcher import CANARY_MASK, OVERFLOW, Listener, Watcher, WatchGroup

CANARY_S = 30.0  # how often the canary is asked
ANSWER_S = 2.0  # how long its answer may take
_RETRY_S = 30.0
_MAX_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
_MAX_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


class Watches:
    """Decides and keeps watches, for the inbox's thread; the reader's thread only calls ``_on_…``."""

    def __init__(
        self, config: InboxConfig, watcher: Watcher, hints: Hints, report: Report, elapsed: Callable[[], float]
    ) -> None:
        self._config = config
        self._watcher = watcher
        self._hints = hints
        self._report = report
        self._elapsed = elapsed
        self._group: WatchGroup | None = None
        self._wants_events = config.watch != "poll"
        self._missing = 0  # folders that could not be watched in this walk
        self._told_missing = False
        self._retry_at = 0.0
        self._asked_at: float | None = None
        self._next_canary_at = 0.0
        self.proven: bool | None = None

    @property
    def mode(self) -> str:
        """events | poll | both: what is done at present."""
        if not self._wants_events or self._group is None:
            return "poll"
        return "events" if self.proven and not self._missing else "both"

    def plan(self, root: Root) -> str:
        """The mode that this mount asks for, and why."""
        wanted = self._config.watch
        self._wants_events = wanted == "events" or (wanted == "auto" and root.mount.is_local)
        return f"{'events' if self._wants_events else 'polling'}, on {root.mount.filesystem}"

    def check(self, root: Root) -> bool:
        """Keeps the watches alive; True when they were set anew and a scan is wanted."""
        if not self._wants_events:
            return False
        now = self._elapsed()
        renewed = self._renew(root, now)
        if self._asked_at is not None and now - self._asked_at > ANSWER_S:
            self._asked_at = None
            renewed = self._is_blind(root, now) or renewed
        if self._group is not None and now >= self._next_canary_at:
            self._ask_canary(root, now)
        return renewed

    def _renew(self, root: Root, now: float) -> bool:
        """A new group where there is none, or where the reader died with it."""
        if now < self._retry_at:
            return False
        try:
            generation = self._watcher.alive()
            if self._group is not None and self._group.generation == generation:
                return False
            self._group = self._watcher.group(Listener(self._on_hint, self._on_doubt))
            if root.has_work_folder:
                self._group.watch(WORK_FOLDER, root.work_fd, mask=CANARY_MASK)
        except OSError as error:
            self._group = None
            self._retry_at = now + _RETRY_S
            self._tell_no_watching(error)
            return False
        self._next_canary_at = now
        return True

    def _tell_no_watching(self, error: OSError) -> None:
        if self._told_missing:
            return
        self._told_missing = True
        if error.errno == errno.EMFILE:
            limit = _MAX_INSTANCES.read_text().strip()
            detail = (
                f"no inotify instance left (limit {limit}): raise fs.inotify.max_user_instances; polling until then"
            )
            self._report(EventKind.WATCH_LIMIT, "", detail)
        elif error.errno == errno.ENOSPC:
            self._tell_shortage(1)
        else:
            self._report(EventKind.WATCH_FAILED, "", f"cannot watch, polling instead: {error}")

    def _is_blind(self, root: Root, now: float) -> bool:
        """The canary's event did not come: say so once, watch anew, and poll until it comes."""
        first_time = self.proven is not False
        self.proven = False
        self.drop()
        self._renew(root, now)
        if first_time:
            detail = f"no event came from {root.mount.filesystem} for a file we touched: polling as well"
            self._report(EventKind.EVENTS_UNPROVEN, "", detail)
        else:
            self._next_canary_at = now + CANARY_S  # a blind mount stays blind: no scan for each try
        return first_time

    def _ask_canary(self, root: Root, now: float) -> None:
        self._next_canary_at = now + CANARY_S
        self._asked_at = now  # before the touch: its answer may be quicker than we are
        if not root.touch_canary():
            self._asked_at = None

    def watch(self, folder: str, fd: int) -> None:
        """Watches one open folder, if events are wanted and there is a watch left."""
        if self._group is None:
            return
        try:
            self._group.watch(folder, fd)
        except OSError as error:
            self._missing += 1
            if error.errno != errno.ENOSPC:
                self._report(EventKind.WATCH_FAILED, folder, f"cannot watch this folder, polling as well: {error}")

    def begin_walk(self) -> None:
        self._missing = 0

    def end_walk(self, folders: set[tuple[int, int]], root: Root) -> None:
        """After a walk through everything: drops what is no folder of the inbox any more, tells what was short."""
        if self._group is None:
            return
        work = root.work_identity
        self._group.keep_only(folders | ({work} if work else set()))
        if self._missing and not self._told_missing:
            self._told_missing = True
            self._tell_shortage(len(folders) + 1)
        elif not self._missing:
            self._told_missing = False

    def _tell_shortage(self, wanted: int) -> None:
        limit = _MAX_WATCHES.read_text().strip()
        detail = (
            f"the kernel has no watches left: {self._config.name} needs {wanted}, all programs of this user may have "
            f"{limit}: raise fs.inotify.max_user_watches (sysctl); polling as well until then"
        )
        self._report(EventKind.WATCH_LIMIT, "", detail)

    def drop(self) -> None:
        """Gives up all watches; ``check`` makes new ones."""
        group, self._group = self._group, None
        self._asked_at = None
        if group is not None:
            group.close()

    # The reader's thread.

    def _on_hint(self, folder: str, name: str, hint: Hint) -> None:
        if folder == WORK_FOLDER:
            if name == CANARY:
                self._asked_at = None
                self.proven = True
            return
        self._hints.add(folder, name, hint)

    def _on_doubt(self, reason: str) -> None:
        if reason == OVERFLOW:
            self._report(EventKind.OVERFLOW, "", f"{reason}: looking through the whole inbox")
        self._hints.want_scan(reason)
