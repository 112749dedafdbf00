"""The control socket: how commands ask a running daemon, and how they find out that none runs.

One request and one answer for each connection, each a line of JSON: ``{"do": "retry", "ids": [...]}`` →
``{"ok": true, ...}`` or ``{"ok": false, "error": "...", "hint": "...", "exit_code": 1}``. The socket's mode
(0660) and group decide who may connect.
"""

from __future__ import annotations

import asyncio
import grp
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from docferry.daemon.sockets import prepare_folder
from docferry.errors import DocferryError, ExitCode, UsageError
from docferry.models import Json

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 1 << 20
ANSWER_TIMEOUT_S = 60.0

Handler = Callable[[Mapping[str, Json]], Awaitable[Mapping[str, Json]]]


class ControlServer:
    """Serves named requests on a Unix socket."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler], *, group: str | None = None) -> None:
        self.path = path
        self._handlers = handlers
        self._group = group
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        prepare_folder(self.path)
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=MAX_REQUEST_BYTES)
        os.chmod(self.path, 0o660)  # noqa: PTH101 - the group may use it, that is what it is for
        if self._group is not None and not self._has_group(self._group):
            try:
                os.chown(self.path, -1, grp.getgrnam(self._group).gr_gid)
            except (KeyError, OSError) as error:
                raise UsageError(
                    f"control.group: the socket cannot be given to group {self._group!r}", hint="create the group"
                ) from error

    def _has_group(self, group: str) -> bool:
        """Whether the socket belongs to the group already: under systemd it does, and chown is forbidden there."""
        try:
            return self.path.group() == group
        except KeyError:
            return False

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), ANSWER_TIMEOUT_S)
            answer = await self._answer(line)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:  # ValueError: a line over the limit
            log.debug("control connection: %s", error)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Mapping[str, Json]:
        try:
            request = json.loads(line)
            handler = self._handlers[request["do"]]
        except (ValueError, KeyError, TypeError):
            return {"ok": False, "error": "not a request this daemon knows", "hint": "same version of both?"}
        try:
            return {"ok": True, **await handler(request)}
        except DocferryError as error:
            return {"ok": False, "error": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}
        except Exception:  # the task's outer edge: a defect in one request must not end the daemon
            log.exception("control request %r", request.get("do"))
            return {"ok": False, "error": "unexpected error; the daemon's log has it"}


def ask(path: Path, request: Mapping[str, Json], timeout_s: float = ANSWER_TIMEOUT_S) -> dict[str, Any] | None:
    """The daemon's answer; None when no daemon runs there. Raises DocferryError for an answer that is a refusal."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(os.fspath(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except PermissionError as error:
        raise UsageError(
            f"{path}: you may not talk to the daemon", hint="use sudo, or join the socket's group"
        ) from error
    except TimeoutError as error:
        raise DocferryError(f"{path}: the daemon does not answer", hint="see its log") from error
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise DocferryError(f"{path}: the daemon closed the connection without an answer") from error
    if not answer.pop("ok", False):
        refusal = DocferryError(answer.get("error", "refused"), hint=answer.get("hint"))
        refusal.exit_code = ExitCode(answer.get("exit_code", 1))
        raise refusal
    return answer
