"""What a check says: one sentence, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. Only ``wrong`` makes the doctor fail."""

    OK = "ok"
    ADVICE = "advice"  # works, and could work better
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. ``subject`` says of what: an inbox, a provider, a folder, the machine."""

    check: str
    subject: str
    level: Level
    detail: str
    remedy: str = ""

    def to_json(self) -> Mapping[str, str]:
        return asdict(self)


def fine(check: str, subject: str, detail: str) -> Finding:
    return Finding(check, subject, Level.OK, detail)


def advice(check: str, subject: str, detail: str, remedy: str) -> Finding:
    return Finding(check, subject, Level.ADVICE, detail, remedy)


def wrong(check: str, subject: str, detail: str, remedy: str) -> Finding:
    return Finding(check, subject, Level.WRONG, detail, remedy)
