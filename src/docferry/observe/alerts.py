"""Which alerts to send: each trouble once, and once more when it is over. Pure; ``alert_senders`` sends.

A trouble has a key that stays the same while it lasts. Parked providers, offline inboxes, inboxes with late documents
and the ledger are listed whole each time, so what is missing from the list is over. Failed documents come one at a time
and end by name, since a year of them would be a long list. The state is one small JSON value that survives restarts;
messages stay in it until they were sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from docferry.models import Json

MOST_OPEN = 500  # remembered troubles; older ones end without a recovery message
MOST_AT_ONCE = 5  # of one kind in one go; more become one summary
MOST_UNSENT = 100


class Kind(StrEnum):
    """What can be wrong for long enough to tell a person."""

    FAILED = "failed"  # a document failed
    HELD = "held"  # a document waits for a person's decision
    PARKED = "parked"  # a provider is parked
    OFFLINE = "offline"  # an inbox's filesystem is gone or not the one we know
    OUTBOX = "outbox"  # an outbox cannot be written
    LATE = "late"  # documents of an inbox wait longer than its alert_after
    LEDGER = "ledger"  # the ledger is damaged or cannot be written


OF_DOCUMENTS = frozenset({Kind.FAILED, Kind.HELD})  # kinds whose subject is a document's path

_TITLES: Mapping[Kind, tuple[str, str]] = {
    Kind.FAILED: ("document failed", "document recovered"),
    Kind.HELD: ("document waits for your decision", "document goes on"),
    Kind.PARKED: ("provider parked", "provider works again"),
    Kind.OFFLINE: ("inbox offline", "inbox back online"),
    Kind.OUTBOX: ("outbox cannot be written", "outbox works again"),
    Kind.LATE: ("documents wait too long", "documents no longer wait"),
    Kind.LEDGER: ("ledger in trouble", "ledger works again"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something a person should know. ``subject`` is a name, ``detail`` one sentence, ``hint`` what to do.

    ``needs_person``: it does not end by itself. A trouble that turns out to be such (an outage, then a refused key) is
    told once more.
    """

    kind: Kind
    subject: str
    detail: str
    hint: str = ""
    id: str = ""  # tells two subjects of the same name apart (a document's id)
    needs_person: bool = False

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id or self.subject}"


@dataclass(frozen=True, slots=True)
class Message:
    """One alert as it is sent. ``over`` marks the recovery message."""

    kind: Kind
    title: str
    body: str
    over: bool
    at: float
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the daemon sees now: its troubles, the kinds it lists completely, and the keys that are over.

    ``unclear`` are keys of which it cannot say yet whether they are over, because it has just started.
    """

    troubles: tuple[Trouble, ...] = ()
    complete: frozenset[Kind] = frozenset()
    over: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AlertState:
    """The troubles a person was told of, by key, and the messages that are not sent yet."""

    open: Mapping[str, Trouble] = field(default_factory=dict)
    unsent: tuple[Message, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {"open": [asdict(trouble) for trouble in self.open.values()], "unsent": [asdict(m) for m in self.unsent]}

    @classmethod
    def from_json(cls, data: Mapping[str, Json] | None) -> AlertState:
        if not data:
            return cls()
        troubles = [Trouble(**{**item, "kind": Kind(item["kind"])}) for item in data["open"]]
        unsent = [
            Message(**{**item, "kind": Kind(item["kind"]), "subjects": tuple(item["subjects"])})
            for item in data["unsent"]
        ]
        return cls({trouble.key: trouble for trouble in troubles}, tuple(unsent))


def decide(state: AlertState, seen: Seen, now: float) -> tuple[tuple[Message, ...], AlertState]:
    """The messages that are new, and the state that remembers them as unsent. The same ``seen`` again gives none."""
    current = {trouble.key: trouble for trouble in seen.troubles}
    begun = [trouble for key, trouble in current.items() if _is_news(trouble, state.open.get(key))]
    ended = [trouble for key, trouble in state.open.items() if key not in current and _is_over(trouble, seen)]
    messages = (*_messages(begun, over=False, now=now), *_messages(ended, over=True, now=now))
    gone = {trouble.key for trouble in ended}
    lasting = {key: _later(state.open.get(key), trouble) for key, trouble in current.items()}
    still = {key: trouble for key, trouble in {**state.open, **lasting}.items() if key not in gone}
    kept = dict(list(still.items())[-MOST_OPEN:])
    return messages, AlertState(kept, (*state.unsent, *messages)[-MOST_UNSENT:])


def _is_news(trouble: Trouble, told: Trouble | None) -> bool:
    return told is None or (trouble.needs_person and not told.needs_person)


def _later(told: Trouble | None, trouble: Trouble) -> Trouble:
    """The trouble as it is now; that it needs a person stays said until it is over."""
    return trouble if told is None else replace(trouble, needs_person=trouble.needs_person or told.needs_person)


def _is_over(trouble: Trouble, seen: Seen) -> bool:
    return trouble.key in seen.over or (trouble.kind in seen.complete and trouble.key not in seen.unclear)


def sent(state: AlertState, message: Message) -> AlertState:
    """The state after ``message`` has gone out."""
    return replace(state, unsent=tuple(waiting for waiting in state.unsent if waiting != message))


def _messages(troubles: Sequence[Trouble], *, over: bool, now: float) -> list[Message]:
    messages: list[Message] = []
    for kind in Kind:
        alike = [trouble for trouble in troubles if trouble.kind is kind]
        if len(alike) > MOST_AT_ONCE:
            messages.append(_summary(alike, over=over, now=now))
        else:
            messages += [_single(trouble, over=over, now=now) for trouble in alike]
    return messages


def _single(trouble: Trouble, *, over: bool, now: float) -> Message:
    title = f"docferry: {_TITLES[trouble.kind][over]}: {trouble.subject}"
    lines = [f"It was: {trouble.detail}"] if over else [trouble.detail, trouble.hint]
    return Message(trouble.kind, title, "\n".join(filter(None, lines)), over, now, (trouble.subject,))


def _summary(troubles: Collection[Trouble], *, over: bool, now: float) -> Message:
    """One message for many: a provider that fails a thousand documents is one piece of news."""
    first = next(iter(troubles))
    title = f"docferry: {_TITLES[first.kind][over]}: {first.subject} and {len(troubles) - 1} more"
    shown = [f"{trouble.subject}: {trouble.detail}" for trouble in troubles][:MOST_AT_ONCE]
    rest = f"and {len(troubles) - len(shown)} more; see: docferry status"
    subjects = tuple(trouble.subject for trouble in troubles)[:MOST_AT_ONCE]
    return Message(first.kind, title, "\n".join([*shown, rest]), over, now, subjects)
