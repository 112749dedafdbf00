"""When ``run --once`` has seen enough of an inbox: all is taken, or what is left is for a person to see to."""

from __future__ import annotations

from docferry.config.models import InboxConfig
from docferry.intake import InboxStatus, WaitingFile
from docferry.models import display

MOMENT_S = 1.0


def left_behind(
    status: InboxStatus, config: InboxConfig, offline_s: float, *, paused: bool = False, has_room: bool = True
) -> list[str] | None:
    """What cannot be worked off, one line for each; None while something may still come by itself.

    A file that waits for a person is given ``settle``, any other ``settle_max`` (the longer of them, where it is to be
    quiet for ``settle``) and a moment for the inbox to take it or give it up, an inbox that is away ``settle_max``. An
    inbox that a person has ``paused`` is given nothing. Without room for more it is never looked through to its end.
    """
    name = f"inbox {config.name}"
    if status.hung_since is not None:
        return [f"{name}: its filesystem hangs"]
    if status.busy:
        return None
    if not status.online:
        return [f"{name} is offline: {status.reason}"] if offline_s >= config.settle_max_s else None
    if paused and status.waiting_count:
        return [f"{name} is paused and files wait in it (docferry resume {config.name})"]
    if not status.scanned_once and has_room:
        return None
    left = []
    for file in status.files_waiting:
        patience_s = max(config.settle_s, config.settle_max_s) + MOMENT_S
        if file.unchanged_s < (config.settle_s if file.is_stuck else patience_s):
            return None
        left.append(_line(name, file))
    if status.waiting_count > len(left):
        left.append(f"{name}: {status.waiting_count - len(left)} more files")
    return left


def _line(name: str, file: WaitingFile) -> str:
    return f"{name}: {display(file.path)} waits for {file.waits_for} (unchanged for {file.unchanged_s:.0f} s)"
