"""Sends alerts: through Apprise, or to a command that reads JSON. Remembers what is still to be sent.

A message leaves the remembered state only after it was sent, so a restart or a mail server that is down delays an alert
and does not lose it. A crash between sending and remembering sends it twice, which is the better of the two.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from docferry.clock import iso
from docferry.errors import DocferryError, LedgerError, UsageError
from docferry.models import Json, display
from docferry.observe.alerts import OF_DOCUMENTS, AlertState, Message, Seen, decide, sent
from docferry.observe.logs import register_secret

COMMAND_TIMEOUT_S = 30.0

_log = logging.getLogger(__name__)


class AlertNotSent(DocferryError):
    """The alert did not go out; it stays remembered and is tried again."""


class Sender(Protocol):
    """A way out for alerts. Raises AlertNotSent."""

    async def send(self, message: Message) -> None: ...


class AppriseSender:
    """Sends to Apprise URLs (mail, chat, webhooks …). Raises UsageError for a URL it cannot read."""

    def __init__(self, urls: Sequence[str]) -> None:
        try:
            import apprise  # lazy: an optional extra
        except ImportError as error:
            hint = "pip install 'docferry[alerts]', or use alerts.command"
            raise UsageError("alerts.urls need Apprise", hint=hint) from error
        self._apprise = apprise.Apprise()
        self._levels = (apprise.NotifyType.WARNING, apprise.NotifyType.SUCCESS)
        for number, url in enumerate(urls):
            register_secret(url)  # tokens and passwords are part of such URLs
            if not self._apprise.add(url):
                raise UsageError(f"alerts.urls[{number}] is not a URL that Apprise can read", hint="see Apprise's list")

    async def send(self, message: Message) -> None:
        arrived = await self._apprise.async_notify(
            body=message.body, title=message.title, notify_type=self._levels[message.over]
        )
        if not arrived:
            raise AlertNotSent("not every alert URL took the message")


class CommandSender:
    """Starts a command for each alert, which gets it as one JSON object on standard input."""

    def __init__(self, command: Sequence[str], *, timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s

    async def send(self, message: Message) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise AlertNotSent(f"alert command {self._command[0]}: {error.strerror or error}") from error
        await self._feed(process, message)

    async def _feed(self, process: asyncio.subprocess.Process, message: Message) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                _, complaint = await process.communicate(as_json(message))
        except TimeoutError as error:
            raise AlertNotSent(f"alert command {self._command[0]} took over {self._timeout_s:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            last = display(complaint.decode("utf-8", "replace").strip()[-300:])
            raise AlertNotSent(f"alert command {self._command[0]} failed with status {process.returncode}: {last}")


def as_json(message: Message) -> bytes:
    """What a command reads: kind, title, body, subjects, over (true for a recovery) and the moment."""
    return json.dumps({**asdict(message), "at": iso(message.at)}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _document(message: Message) -> str | None:
    """The document that a title names, which a log may have to hide."""
    return message.subjects[0] if message.kind in OF_DOCUMENTS else None


class Alerter:
    """Keeps the alerts' state with ``save`` and sends what ``decide`` wants, through every sender.

    ``state`` is what ``save`` was last given, or None. One ``update`` at a time.
    """

    def __init__(
        self,
        senders: Sequence[Sender],
        state: Mapping[str, Json] | None,
        save: Callable[[Json], Awaitable[None]],
    ) -> None:
        self.senders = tuple(senders)  # may be exchanged between two updates
        self._state = self._saved = AlertState.from_json(state)
        self._save = save

    async def update(self, seen: Seen, now: float) -> None:
        """Takes what is seen now, and sends what is new or still unsent."""
        messages, self._state = decide(self._state, seen, now)
        for message in messages:
            _log.warning("alert: %s", message.title, extra={"path": _document(message)})
        await self._remember()
        for message in self._state.unsent:
            if not await self._send(message):
                return  # the way out is blocked: the rest waits for the next update
            self._state = sent(self._state, message)
            await self._remember()

    async def _remember(self) -> None:
        """Saves what has changed; where that is not possible now, the next update does. It is sent all the same."""
        if self._state == self._saved:
            return
        try:
            await self._save(self._state.to_json())
            self._saved = self._state
        except LedgerError as error:
            _log.error("what was alerted cannot be remembered now: %s", error)

    async def _send(self, message: Message) -> bool:
        arrived = True
        for sender in self.senders:
            try:
                await sender.send(message)
            except AlertNotSent as error:
                _log.warning("an alert could not be sent and will be tried again: %s", error)
                arrived = False
        return arrived
