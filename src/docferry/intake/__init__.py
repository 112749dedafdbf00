"""Intake: watch (hints), scan (truth), readiness (pure), claim."""

from docferry.intake.inbox import Inbox
from docferry.intake.recovery import recover
from docferry.intake.values import Candidate, Claimed, EventKind, InboxStatus, IntakeEvent, WaitingFile
from docferry.intake.watcher import Watcher

__all__ = [
    "Candidate",
    "Claimed",
    "EventKind",
    "Inbox",
    "InboxStatus",
    "IntakeEvent",
    "WaitingFile",
    "Watcher",
    "recover",
]
