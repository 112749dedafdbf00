"""One inbox at work: a thread that looks, claims and hands over, so that a share that hangs holds up nobody else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from docferry.clock import Clock
from docferry.config.models import InboxConfig
from docferry.errors import DocferryError, InboxOffline
from docferry.intake.claiming import Claimer
from docferry.intake.desk import Desk, Hooks
from docferry.intake.hints import Hints
from docferry.intake.looking import Age, Looker, Moment
from docferry.intake.pace import POLL_S, Gaps, scan_interval_s
from docferry.intake.recovery import adopt, clear_away, work_folders
from docferry.intake.root import WORK_FOLDER, Home, MarkerId, Root
from docferry.intake.scanner import NoRoom, Scanner, Take, Walk
from docferry.intake.tracks import Tracks
from docferry.intake.values import Candidate, Claimed, EventKind, Hint, InboxStatus, IntakeEvent, split
from docferry.intake.watcher import Watcher
from docferry.intake.watches import Watches
from docferry.models import FileIdentity, display, new_id

log = logging.getLogger(__name__)

_Argument = TypeVar("_Argument")
_Answer = TypeVar("_Answer")

TICK_S = 1.0
_QUIET_TICK_S = 2.0  # where events tell of files: to see that the root is still the one that is watched
_STOP_S = 1.5
_HUNG_S = 20.0  # a call on the filesystem that took longer is worth telling
_OVERSLEPT_S = 5.0
_RETRY_S = 5.0
_MOST_LISTED = 1000
_TAKE_UP_AGAIN_S = 30.0
_NEVER = float("inf")


class Inbox:
    """Watches, scans and claims one inbox from ``start`` to ``stop``; all callbacks come from its own thread."""

    def __init__(
        self,
        config: InboxConfig,
        clock: Clock,
        events: Callable[[IntakeEvent], None],
        *,
        watcher: Watcher,
        on_claimed: Callable[[list[Claimed]], None],
        may_claim: Callable[[], bool] = lambda: True,
        pre_route: Callable[[Candidate], bool] | None = None,
        known: Callable[[FileIdentity, str], bool] | None = None,
        known_ids: Callable[[list[str]], Collection[str]] | None = None,
        finished_ids: Callable[[list[str]], Collection[str]] | None = None,
        marker_id: str | None = None,
        owner: str = "",
    ) -> None:
        """``marker_id`` is what a MARKER event told earlier; ``owner`` names this daemon among those on this inbox."""
        self.config = config
        self._clock = clock
        self._events = events
        self._owner = owner
        self._hooks = Hooks(
            on_claimed=self._outside(on_claimed),
            may_claim=may_claim,
            pre_route=self._outside(pre_route) if pre_route is not None else None,
            known=known,
            known_ids=known_ids,
            finished_ids=finished_ids,
        )
        self._home = Home(
            str(config.path), MarkerId.parse(marker_id) if marker_id else None, writable=config.claim == "move"
        )
        self._told_marker = marker_id
        self._hints = Hints()
        self._tracks = Tracks()
        self._looker = Looker(config, self._tracks, Gaps(), self._report)
        self._scanner = Scanner(config, self._looker, self._tracks, self._moment)
        claimer = Claimer(owner, lambda: new_id(clock.now()), clock.now)
        self._desk = Desk(config, self._hooks, claimer, self._tracks, self._looker, self._moment)
        self._watches = Watches(config, watcher, self._hints, self._report, clock.elapsed)
        self._thread = threading.Thread(target=self._run, name=f"inbox-{config.name}", daemon=True)
        self._stopping = False
        self._online = False
        self._offline_reason: str | None = "not looked at yet"
        self._identity: tuple[int, int] | None = None
        self._busy_since: float | None = None
        self._in_round = False
        self._turned_at = clock.elapsed()
        self._scan_at = 0.0
        self._full_scan_at = 0.0
        self._take_up_at = _NEVER
        self._last_scan_at: float | None = None
        self._scan_took_s: float | None = None
        self._scanned_once = False
        self._folders: set[tuple[int, int]] = set()

    # What others call, from any thread.

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; one that hangs in the filesystem is left behind, and claims nothing more."""
        self._stopping = True
        self._hints.wake()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)

    def wake(self, directory: str | None = None) -> None:
        """Looks through the whole inbox now, or only from one folder below it down."""
        if not directory:
            self._hints.want_scan("asked for")
        else:
            self._hints.add(*split(directory), Hint.NONE)

    def rules_changed(self) -> None:
        """Asks ``pre_route`` again about the files it declined."""
        self._looker.passed.clear()
        self._hints.want_scan("the rules changed")

    def snapshot(self) -> InboxStatus:
        """The inbox's state; returns at once, also while the inbox hangs."""
        files, count = self._tracks.waiting(_MOST_LISTED, self._clock.elapsed())
        return InboxStatus(
            name=self.config.name,
            online=self._online,
            reason=self._offline_reason,
            watching=self._watches.mode,
            files_waiting=files,
            waiting_count=count,
            busy=self._in_round,
            last_scan_at=self._last_scan_at,
            scan_took_s=self._scan_took_s,
            hung_since=self._hung_since(),
            events_proven=self._watches.proven,
            directories=len(self._folders),
            scanned_once=self._scanned_once,
            marker_id=self._told_marker,
        )

    @property
    def claims_in_bulk(self) -> bool:
        """Whether it is at more files than its first batch holds."""
        return self._desk.in_bulk

    def _hung_since(self) -> float | None:
        since = self._busy_since
        hung_s = 0.0 if since is None else self._clock.elapsed() - since
        return self._clock.now() - hung_s if hung_s > _HUNG_S else None

    # The inbox's own thread.

    def _run(self) -> None:
        while not self._stopping:
            self._in_round = True
            self._beat()
            try:
                self._turn()
            except InboxOffline as error:
                self._go_offline(str(error))
            except DocferryError as error:
                self._pause(EventKind.HAND_OVER_FAILED, str(error))
            except Exception as error:
                log.exception("an inbox stumbled and goes on inbox=%s", self.config.name)
                self._pause(EventKind.FAILED, f"{type(error).__name__}: {error}")
            self._desk.end_turn()
            self._busy_since = None
            self._in_round = False
            if not self._stopping:
                self._hints.wait(self._rest_s())
        self._watches.drop()

    def _turn(self) -> None:
        """One round: everything that is known to want a look, gets it."""
        now = self._clock.elapsed()
        if now - self._turned_at > _QUIET_TICK_S + _OVERSLEPT_S:
            self._tracks.restart_quiet(now)  # the machine slept, and the writers with it
        self._turned_at = now
        self._desk.hand_over()
        with self._home.open() as root:
            self._arrive(root)
            if self._watches.check(root):
                self._hints.want_scan("the watches were set anew")
            if now >= self._take_up_at:
                self._take_up_forgotten(root)
            take = partial(self._take, root)
            self._follow_hints(root, take)
            self._look_at_due(root, take)
            if self._clock.elapsed() >= self._scan_at:
                self._scan(root, take)
            self._desk.flush(root)
        self._turned_at = self._clock.elapsed()

    def _arrive(self, root: Root) -> None:
        """What a first visit, a return, or another root at the same path asks for."""
        if root.identity != self._identity:
            self._identity = root.identity
            self._watches.drop()
            self._scan_now()
        if str(root.marker) != self._told_marker:
            self._told_marker = str(root.marker)
            self._report(EventKind.MARKER, "", self._told_marker)
        if not self._online:
            self._scan_now()
            plan = self._watches.plan(root)
            if self.config.claim == "move":
                root.probe()
            self._take_up_forgotten(root)
            self._online, self._offline_reason = True, None
            self._report(EventKind.ONLINE, "", f"{display(root.path)} is there ({plan})")

    def _take_up_forgotten(self, root: Root) -> None:
        """Hands over what lies in work folders and is not in the ledger; removes what a crash has left behind."""
        self._take_up_at = _NEVER
        if self._hooks.known_ids is None or not root.has_work_folder:
            return
        ids = work_folders(root)
        known = {*self._hooks.known_ids(ids), *self._desk.owed_ids}
        if self._hooks.finished_ids is not None:
            for id in self._hooks.finished_ids([id for id in ids if id in known]):
                clear_away(Path(root.path, WORK_FOLDER, id))  # a crash came before the pipeline could
        unknown = [id for id in ids if id not in known]
        found = adopt(root, self.config.name, unknown, owner=self._owner, now=self._clock.now())
        for claimed in found.documents:
            self._report(EventKind.ADOPTED, claimed.path, f"taken up again from its work folder {claimed.id}")
        self._desk.owe(found.documents)
        self._desk.hand_over()
        self._take_up_at = self._clock.elapsed() + _TAKE_UP_AGAIN_S if found.undecided else _NEVER

    def _follow_hints(self, root: Root, take: Take) -> None:
        by_folder, scan_reason = self._hints.take()
        if scan_reason is not None:
            log.debug("scanning inbox=%s reason=%s", self.config.name, scan_reason)
            self._scan_now()
        for folder, names in by_folder.items():
            self._look_at(root, folder, names.items(), take)

    def _look_at_due(self, root: Root, take: Take) -> None:
        by_folder: dict[str, list[tuple[str, Hint]]] = {}
        for path in self._tracks.due(self._clock.elapsed()):
            folder, name = split(path)
            by_folder.setdefault(folder, []).append((name, Hint.NONE))
        for folder, names in by_folder.items():
            self._look_at(root, folder, names, take)

    def _look_at(self, root: Root, folder: str, names: Iterable[tuple[str, Hint]], take: Take) -> None:
        try:
            for inner in self._scanner.look_at(root, folder, names, take):
                walk = Walk(self._watch, take, _ages(root))
                self._scanner.walk(root, inner, walk)
                self._folders |= walk.folders
        except NoRoom:
            self._scan_at = min(self._scan_at, self._clock.elapsed() + TICK_S)

    def _scan(self, root: Root, take: Take) -> None:
        """Looks through everything; when the next time is, depends on what it cost and on what it found."""
        began = self._clock.elapsed()
        taken = self._desk.taken
        quick = began < self._full_scan_at
        walk = Walk(self._watch, take, None if quick else _ages(root), quick)
        self._watches.begin_walk()
        self._scanner.walk(root, "", walk)
        self._desk.flush(root)
        now = self._clock.elapsed()
        if walk.complete:
            self._folders = walk.folders
            self._watches.end_walk(walk.folders, root)
        # Some filesystems skip names while others are moved away beneath the listing: look through it once more.
        again = not walk.complete or self._desk.taken > taken
        if not quick:
            self._scanned_once = self._scanned_once or walk.complete
            self._scan_took_s, self._last_scan_at = now - began, self._clock.now()
            self._full_scan_at = now + scan_interval_s(POLL_S if again else self.config.rescan_s, now - began)
        polls = self._watches.mode != "events"
        self._scan_at = (
            min(self._full_scan_at, now + scan_interval_s(POLL_S, now - began)) if polls else self._full_scan_at
        )

    def _watch(self, folder: str, fd: int) -> None:
        self._beat()
        self._watches.watch(folder, fd)

    def _take(self, root: Root, candidate: Candidate) -> None:
        self._beat()
        if self._stopping:
            raise NoRoom
        self._desk.take(root, candidate)

    def _scan_now(self) -> None:
        self._scan_at = self._full_scan_at = 0.0

    def _rest_s(self) -> float:
        now = self._clock.elapsed()
        is_told = self._online and self._watches.mode == "events"
        moments = [now + (_QUIET_TICK_S if is_told else TICK_S), self._tracks.next_due_at()]
        if self._online:
            moments.append(self._scan_at)
        return max(0.0, min(at for at in moments if at is not None) - now)

    def _go_offline(self, reason: str) -> None:
        """Nothing is concluded from what cannot be seen: no file is forgotten, no result is doubted."""
        if self._online or reason != self._offline_reason:
            self._report(EventKind.OFFLINE, "", reason)
        self._online, self._offline_reason = False, reason
        self._identity = None
        self._watches.drop()

    def _pause(self, kind: EventKind, detail: str) -> None:
        self._report(kind, "", detail)
        self._busy_since = None
        self._hints.wait(_RETRY_S)

    def _outside(self, hook: Callable[[_Argument], _Answer]) -> Callable[[_Argument], _Answer]:
        """The hook, during which it is not our filesystem that takes its time."""

        def call(argument: _Argument) -> _Answer:
            self._busy_since = None
            try:
                return hook(argument)
            finally:
                self._beat()

        return call

    def _beat(self) -> None:
        self._busy_since = self._clock.elapsed()

    def _moment(self) -> Moment:
        return Moment(self._clock.elapsed(), self._clock.now())

    def _report(self, kind: EventKind, path: str, detail: str) -> None:
        self._events(IntakeEvent(kind, self.config.name, path, detail))


def _ages(root: Root) -> Age:
    """How long ago a file changed, by the filesystem's own clock, which is read once, when first asked."""
    now_ns: list[int | None] = []

    def age(ctime_ns: int) -> float:
        if not now_ns:
            now_ns.append(root.filesystem_now_ns())
        return 0.0 if now_ns[0] is None else (now_ns[0] - ctime_ns) / 1e9

    return age
