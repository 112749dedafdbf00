"""A queue in which clients take turns, so that a thousand documents of one do not delay the single one of another."""

from __future__ import annotations

from collections import OrderedDict, deque


class FairQueue:
    """First in, first out for each client; round robin between clients that have something waiting."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[str]] = OrderedDict()
        self._client_of: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._client_of)

    def push(self, client: str, task_id: str) -> None:
        """Put ``task_id`` at the end of the client's line. A task that waits already keeps its place."""
        if task_id in self._client_of:
            return
        self._client_of[task_id] = client
        self._lines.setdefault(client, deque()).append(task_id)

    def pop(self) -> str | None:
        """The next task, None if nobody waits."""
        if not self._lines:
            return None
        client, line = self._lines.popitem(last=False)
        task_id = line.popleft()
        del self._client_of[task_id]
        if line:
            self._lines[client] = line
        return task_id

    def discard(self, task_id: str) -> bool:
        """Take ``task_id`` out of the queue; False if it was not waiting."""
        client = self._client_of.pop(task_id, None)
        if client is None:
            return False
        line = self._lines[client]
        line.remove(task_id)
        if not line:
            del self._lines[client]
        return True
