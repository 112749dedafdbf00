"""Where ready files become documents: routing first if need be, claiming in batches, handing over to the ledger."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from docferry.config.models import InboxConfig
from docferry.errors import DocferryError, IntakeError
from docferry.intake.claiming import Batch, Claimer, Refused
from docferry.intake.looking import Looker, Moment
from docferry.intake.root import Root
from docferry.intake.scanner import NoRoom
from docferry.intake.tracks import Track, Tracks
from docferry.intake.values import Candidate, Claimed, EventKind, Hint
from docferry.models import FileIdentity, display

log = logging.getLogger(__name__)

_FIRST_BATCH = 32  # the first documents of a large inbox are under way soon
_LARGEST_BATCH = 512
_ROOM_LOOK_S = 1.0
_LOOK_AGAIN_S = 0.05
_NO_ROOM = "room: docferry takes no more documents for now"


@dataclass(frozen=True, slots=True)
class Hooks:
    """What intake asks of the daemon. All are called in the inbox's own thread.

    on_claimed  enters the batch in the ledger; returns when it is durable
    may_claim   whether there is room for more
    pre_route   whether the rules want the file; None: they want every file
    known       ``claim: leave``: whether the ledger has this version of the file
    known_ids   which of these documents the ledger has; None: do not look for forgotten work folders
    finished_ids  which of these documents have ended and need their work folders no more
    """

    on_claimed: Callable[[list[Claimed]], None]
    may_claim: Callable[[], bool]
    pre_route: Callable[[Candidate], bool] | None
    known: Callable[[FileIdentity, str], bool] | None
    known_ids: Callable[[list[str]], Collection[str]] | None
    finished_ids: Callable[[list[str]], Collection[str]] | None


class Desk:
    """One inbox's claims, for the inbox's thread alone."""

    def __init__(
        self,
        config: InboxConfig,
        hooks: Hooks,
        claimer: Claimer,
        tracks: Tracks,
        looker: Looker,
        now: Callable[[], Moment],
    ) -> None:
        self._leaves = config.claim == "leave"
        self._hooks = hooks
        self._claimer = claimer
        self._tracks = tracks
        self._looker = looker
        self._now = now
        self._batch: dict[str, Candidate] = {}  # by path: an event and a scan may find the same file
        self._batch_size = _FIRST_BATCH
        self._owed: list[Claimed] = []  # ours already, and not in the ledger yet
        self.taken = 0

    def has_room(self) -> bool:
        return not self._owed and self._hooks.may_claim()

    @property
    def in_bulk(self) -> bool:
        """Whether this turn has found more files than a first batch holds."""
        return self._batch_size > _FIRST_BATCH

    def take(self, root: Root, candidate: Candidate) -> None:
        """Puts a ready file into the batch; NoRoom when there may be no more."""
        if candidate.path in self._batch:
            return
        if self._leaves and self._hooks.known is not None and self._hooks.known(candidate.identity, candidate.path):
            self._pass_over(candidate)
            return
        if not self._is_wanted(candidate):
            self._pass_over(candidate)
            return
        if not self._batch and not self.has_room():
            self._keep(candidate, self._now().elapsed + _ROOM_LOOK_S, _NO_ROOM)
            raise NoRoom
        self._batch[candidate.path] = candidate
        if len(self._batch) >= self._batch_size:
            self._batch_size = min(2 * self._batch_size, _LARGEST_BATCH)
            self.flush(root)

    def flush(self, root: Root) -> None:
        """Claims the batch and hands it over. OSError is the inbox's trouble; what was claimed is handed over first."""
        candidates, self._batch = list(self._batch.values()), {}
        if not candidates:
            return
        for candidate in candidates:
            self._tracks.forget(candidate.path)
        batch = self._in_place(candidates) if self._leaves else self._claimer.claim(root, candidates)
        for refused in batch.refused:
            self._refuse(refused)
        for claimed in batch.claimed:
            self._looker.claimed(claimed.path, self._now().elapsed)
        self._owed.extend(batch.claimed)
        self.taken += len(batch.claimed)
        self.hand_over()
        if batch.error is not None:
            raise batch.error

    def end_turn(self) -> None:
        """The next one begins with nothing chosen, and with small batches."""
        self._batch.clear()
        self._batch_size = _FIRST_BATCH

    @property
    def owed_ids(self) -> set[str]:
        return {claimed.id for claimed in self._owed}

    def owe(self, claimed: list[Claimed]) -> None:
        """Adds documents that were found in their work folders."""
        self._owed.extend(claimed)

    def hand_over(self) -> None:
        """Gives what is owed to the ledger; DocferryError when it cannot take it, and then it is owed still."""
        if self._owed:
            try:
                self._hooks.on_claimed(list(self._owed))
            except OSError as error:  # not the inbox's disk: it must not look like that
                raise IntakeError(f"claimed documents could not be recorded: {error}") from error
            if self._leaves:
                for claimed in self._owed:
                    self._looker.passed.add(claimed.path, claimed.identity)
            self._owed.clear()

    def _is_wanted(self, candidate: Candidate) -> bool:
        """Whether the rules want the file. Where they cannot say, the document must exist to carry the error."""
        if self._hooks.pre_route is None:
            return True
        try:
            return self._hooks.pre_route(candidate)
        except DocferryError:
            log.warning(
                "a rule could not be evaluated before the claim path=%s", display(candidate.path), exc_info=True
            )
            return True

    def _pass_over(self, candidate: Candidate) -> None:
        self._looker.passed.add(candidate.path, candidate.identity)
        self._tracks.forget(candidate.path)

    def _in_place(self, candidates: list[Candidate]) -> Batch:
        """``claim: leave``: nothing moves, the ledger remembers."""
        now = self._now().wall
        return Batch(
            [
                Claimed(
                    id=self._claimer.new_id(),
                    inbox=candidate.inbox,
                    path=candidate.path,
                    work_path=candidate.file,
                    identity=candidate.identity,
                    seen_at=candidate.seen_at,
                    claimed_at=now,
                    problem=candidate.problem,
                )
                for candidate in candidates
            ]
        )

    def _refuse(self, refused: Refused) -> None:
        candidate, error = refused.candidate, refused.error
        if error is None:
            self._keep(candidate, self._now().elapsed + _LOOK_AGAIN_S, "a look at what changed just now")
            return
        if error.errno == errno.EXDEV:
            kind, detail = EventKind.OTHER_FILESYSTEM, "it lies on another mount: make that an inbox of its own"
        else:
            hint = "docferry's user needs write permission in its folder, or the inbox `claim: leave`"
            kind, detail = EventKind.NOT_MOVABLE, f"we may not move it ({os.strerror(error.errno or 0)}): {hint}"
        now = self._now().elapsed
        self._looker.trouble(candidate.path, self._track(candidate, now), now, kind, detail, detail)

    def _keep(self, candidate: Candidate, look_at: float, waits_for: str) -> None:
        self._tracks.wait(candidate.path, self._track(candidate, self._now().elapsed), look_at, waits_for)

    def _track(self, candidate: Candidate, now: float) -> Track:
        known = self._tracks.get(candidate.path)
        return known or Track(candidate.identity, now, candidate.seen_at, now, Hint.NONE)
