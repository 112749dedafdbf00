"""An answer on its way in: small ones stay in memory, a large one goes to disk piece by piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from docferry.durable import DurableFile
from docferry.models import Json
from docferry.providers.outline import read_outline

IN_MEMORY_BYTES = 2 << 20


class RunBlocking(Protocol):
    def __call__(self, call: Callable[[], Any], /) -> Awaitable[Any]: ...


class Spill:
    """``data`` holds what came, until there is more than ``IN_MEMORY_BYTES``; from then on ``file`` does."""

    def __init__(self, file: Path, run: RunBlocking) -> None:
        self.file = file
        self.data = bytearray()
        self.is_on_disk = False
        self._run = run
        self._open: DurableFile | None = None

    async def write(self, piece: bytes) -> None:
        self.data.extend(piece)
        if len(self.data) > IN_MEMORY_BYTES:
            await self._flush()

    async def finish(self) -> None:
        """Call at the end: a large answer is durable then."""
        if self._open is None:
            return
        await self._flush()
        file, self._open = self._open, None
        await self._run(lambda: file.__exit__(None, None, None))
        self.is_on_disk = True

    async def _flush(self) -> None:
        block, self.data = bytes(self.data), bytearray()
        if self._open is None:
            file = DurableFile(self.file, token=self.file.name)
            await self._run(file.__enter__)
            self._open = file
        file = self._open
        await self._run(lambda: file.write(block))

    def discard(self) -> None:
        """Removes what was not kept. Not awaited: after a cancellation nothing may be awaited any more."""
        if self._open is not None:
            file, self._open = self._open, None
            file.__exit__(OSError, None, None)
        elif self.is_on_disk:
            self.file.unlink(missing_ok=True)


def outline_of(file: Path, bulk: frozenset[str]) -> dict[str, Json]:
    """What of a stored answer is looked at. AnswerFault, OSError."""
    with file.open("rb") as content:
        return read_outline(content, bulk)
