"""When may a file be taken? A pure decision over what we saw of it; nothing here reads a clock or a disk.

A file is whole when several signs agree: a writer closed it, or it came by a rename; no program has it open for
writing; it did not change between our own looks (never its mtime against our clock: mtimes lie, and servers' clocks
differ); and its end is what its format demands. The more of them we have, the shorter the wait:

=====================================  ==============================================================
what we know                           when it is taken
=====================================  ==============================================================
open for writing                       when it is closed
empty                                  never; given up after ``settle_max_s`` without a change
its end is missing                     when the end comes; given up after ``settle_max_s`` without a change
came by a rename, or NAME.done stands  at once
closed by its writer                   at once; after this inbox's usual gap, where writers reopen files
a TIFF, closed                         after ``settle_s``: scanners append pages to it
end found, nobody writes               at once
none of these                          after ``settle_s`` without a change, seen by us, or proven by the
                                       filesystem's own clock (``aged_s``)
=====================================  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from docferry.intake.structure import Structure
from docferry.intake.values import DONE_SUFFIX, SIDECAR_SUFFIX, Hint

_FIRST_LOOK_AT_WRITER_S = 0.25
_LONGEST_LOOK_AT_WRITER_S = 10.0
_COMPANION_LOOK_S = 30.0  # an event tells sooner; this is for folders without events


@dataclass(frozen=True, slots=True)
class Settings:
    """What the inbox asks for."""

    settle_s: float
    settle_max_s: float
    done_file: bool = False
    sidecar_allowed: bool = False
    sidecar_required: bool = False
    sidecar_grace_s: float = 1.0  # how long a document may come before its sidecar


@dataclass(frozen=True, slots=True)
class Inside:
    """What opening the file showed. ``writer`` is None where the filesystem cannot say."""

    structure: Structure
    writer: bool | None


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of one file. Moments are on the elapsed clock.

    ``aged_s`` is how long ago the filesystem itself, by its own clock, last saw the file change; None: not asked.
    ``gap_s`` is how long this inbox's writers have lately left a file closed before they went on (see ``pace.Gaps``).
    """

    size_bytes: int
    first_seen_at: float
    changed_at: float
    hint: Hint = Hint.NONE
    inside: Inside | None = None
    aged_s: float | None = None
    gap_s: float = 0.0
    has_done_file: bool = False
    has_sidecar: bool = False
    companion_is_settled: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """Take it now."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Look again at ``at`` (elapsed clock), or when an event speaks of it; ``reason`` says what it waits for."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will not become a whole document: take it, and let it fail with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class LookInside:
    """Undecidable without opening the file."""


Decision = Ready | WaitUntil | GiveUp | LookInside


def decide(seen: Observation, now: float, settings: Settings) -> Decision:
    """What to do with a file of which this is known."""
    waits_for_companion = _companion(seen, now, settings)
    if waits_for_companion is not None:
        return waits_for_companion
    inside = seen.inside
    if inside is None:
        return LookInside()
    if inside.writer:
        again_s = min(_LONGEST_LOOK_AT_WRITER_S, max(_FIRST_LOOK_AT_WRITER_S, (now - seen.changed_at) / 2))
        return WaitUntil(now + again_s, "a program that still has it open for writing")
    if seen.size_bytes == 0:
        return _be_patient(seen, now, settings, "its content (it is empty)", "the file is empty")
    if inside.structure is Structure.INCOMPLETE and not seen.has_done_file:
        return _be_patient(
            seen, now, settings, "its end (the file is cut off)", "the file is cut off: its end is missing"
        )
    needed_s = _quiet_needed_s(seen, inside, settings)
    if now - seen.changed_at >= needed_s or _is_aged(seen, inside, needed_s):
        return Ready()
    return WaitUntil(seen.changed_at + needed_s, f"{needed_s:g} s without a change")


def _companion(seen: Observation, now: float, settings: Settings) -> WaitUntil | None:
    """What the file waits for beside it."""
    if settings.done_file and not seen.has_done_file:
        return WaitUntil(now + _COMPANION_LOOK_S, f"its done-file (NAME{DONE_SUFFIX})")
    if seen.has_sidecar and not seen.companion_is_settled:
        return WaitUntil(now + settings.settle_s, "its sidecar to be complete")
    if seen.has_sidecar or not settings.sidecar_allowed:
        return None
    if settings.sidecar_required:
        return WaitUntil(now + _COMPANION_LOOK_S, f"its sidecar (NAME{SIDECAR_SUFFIX})")
    grace_ends_at = seen.first_seen_at + settings.sidecar_grace_s
    return WaitUntil(grace_ends_at, "a sidecar that may follow it") if now < grace_ends_at else None


def _be_patient(seen: Observation, now: float, settings: Settings, waits_for: str, problem: str) -> Decision:
    """Waits ``settle_max_s`` from the last change, and then no longer."""
    quiet_s = max(now - seen.changed_at, seen.aged_s or 0.0)
    if quiet_s >= settings.settle_max_s:
        return GiveUp(f"{problem}, and it did not change for {settings.settle_max_s:g} s")
    return WaitUntil(now + settings.settle_max_s - quiet_s, waits_for)


def _quiet_needed_s(seen: Observation, inside: Inside, settings: Settings) -> float:
    """How long the file must not have changed."""
    if seen.has_done_file or seen.hint is Hint.MOVED_IN:
        return 0.0
    longest_s = max(settings.settle_s, seen.gap_s)
    if inside.structure is Structure.OPEN_ENDED:
        return longest_s
    nobody_writes_a_whole_file = inside.writer is False and inside.structure is Structure.COMPLETE
    return seen.gap_s if seen.hint is Hint.CLOSED or nobody_writes_a_whole_file else longest_s


def _is_aged(seen: Observation, inside: Inside, needed_s: float) -> bool:
    """Whether the filesystem's own clock proves the quiet time, for files that were there before we looked.

    A stepped clock could make a file look old, so a second sign must agree.
    """
    if seen.aged_s is None or seen.aged_s < needed_s:
        return False
    return inside.writer is False or inside.structure in (Structure.COMPLETE, Structure.OPEN_ENDED)
