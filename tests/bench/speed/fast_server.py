"""A very fast provider in a process of its own: speaks Pulse's extract, counts and timestamps everything.

    python tests/bench/speed/fast_server.py

prints its port on the first line and serves until its stdin is closed. ``POST /_script`` sets the job time and the
time to an answer in seconds and forgets what was counted, ``GET /_stats`` tells it. A submission is known by the
``bench-NNNNNNNN`` in the first bytes of its document. The job time is that of jobs: a synchronous call waits for no
more than its answer. Programs that upload to S3 may PUT their documents, and ask with HEAD for what they put.

It parses just enough HTTP to be faster than everything it is asked by: one read, one write, one line of memory
for each request. Bodies are counted, not kept.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field

MARK = re.compile(rb"bench-(\d{8})")
ASKED_FOR_JOB = re.compile(rb'name="async"\r\n\r\ntrue')
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MARKED_BYTES = 8192

_RESULT = {
    "markdown": "# Invoice\n\n" + "A line of what was read from the page, as long as lines are.\n" * 24,
    "page_count": 1,
    "extraction_id": "ex-1",
    "bounding_boxes": {"Text": [{"id": f"txt-{n}", "content": "a line", "page_number": 1} for n in range(8)]},
    "plan_info": {"tier": "trial", "pages_used": 1},
}
_COMPLETED = json.dumps(_RESULT)


@dataclass
class Counted:
    """Everything that happened since the last script."""

    job_s: float = 0.0
    answer_s: float = 0.0  # from the last byte of a submission to its answer
    submissions: list[tuple[float, float, int, int]] = field(default_factory=list)  # first byte, end, mark, bytes
    polls: list[float] = field(default_factory=list)
    put_bytes: dict[bytes, int] = field(default_factory=dict)  # by target
    connections: int = 0


class Peer(asyncio.Protocol):
    """One connection, kept alive; one request at a time."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted
        self._head = b""
        self._left_bytes = -1  # of the body; -1: the head is not complete
        self._body_bytes = 0
        self._first_at = 0.0
        self._start = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._counted.connections += 1

    def data_received(self, data: bytes) -> None:
        if self._left_bytes < 0:
            if not self._head:
                self._first_at = time.time()
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            data = self._head[end + 4 :]
            self._head = self._head[:end]
            found = LENGTH.search(self._head)
            self._left_bytes = self._body_bytes = int(found[1]) if found else 0
            if b"100-continue" in self._head:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(self._start) < MARKED_BYTES:
            self._start += data[: MARKED_BYTES - len(self._start)]
        self._left_bytes -= len(data)
        if self._left_bytes <= 0:
            self._answer()

    def _answer(self) -> None:
        request = self._head.split(b" ", 2)
        if request[0] in (b"PUT", b"HEAD"):
            self._transport.write(self._store(*request[:2]))
        else:
            status, body = self._decide(request)
            head = f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            if request[1] == b"/extract" and self._counted.answer_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self._counted.answer_s, self._transport.write, head.encode() + body)
            else:
                self._transport.write(head.encode() + body)
        self._head, self._start, self._left_bytes = b"", b"", -1

    def _decide(self, request: list[bytes]) -> tuple[int, bytes]:
        counted, now = self._counted, time.time()
        method, target = request[0], request[1]
        if target == b"/extract":
            self._note_submission(now)
            if ASKED_FOR_JOB.search(self._start) is None:
                return 200, _COMPLETED.encode()
            number = len(counted.submissions) - 1
            return 202, b'{"job_id":"job-%d","status":"pending","message":"queued"}' % number
        if target.startswith(b"/job/job-"):
            counted.polls.append(now)
            return 200, self._job(int(target[9:]), now)
        if target == b"/_stats":
            shown = {
                "submissions": counted.submissions,
                "polls": counted.polls,
                "connections": counted.connections,
            }
            return 200, json.dumps(shown).encode()
        if target == b"/_count":
            return 200, b'{"submissions":%d,"polls":%d}' % (len(counted.submissions), len(counted.polls))
        if method == b"POST" and target == b"/_script":
            fresh = Counted(**json.loads(self._start))
            vars(counted).update(vars(fresh))
            return 200, b"{}"
        return 404, b'{"error":{"code":"JOB_001","message":"no such job"}}'

    def _note_submission(self, now: float) -> None:
        mark = MARK.search(self._start)
        self._counted.submissions.append((self._first_at, now, int(mark[1]) if mark else -1, self._body_bytes))

    def _store(self, method: bytes, target: bytes) -> bytes:
        """S3's answer to a PUT, or to a HEAD of what was put."""
        put_bytes = self._counted.put_bytes
        if method == b"PUT":
            self._note_submission(time.time())
            put_bytes[target] = self._body_bytes
            return b'HTTP/1.1 200 OK\r\netag: "bench"\r\ncontent-length: 0\r\n\r\n'
        if target not in put_bytes:
            return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
        return (
            b'HTTP/1.1 200 OK\r\netag: "bench"\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n'
            b"content-length: %d\r\n\r\n" % put_bytes[target]
        )

    def _job(self, number: int, now: float) -> bytes:
        accepted_at = self._counted.submissions[number][1]
        if now < accepted_at + self._counted.job_s:
            return b'{"job_id":"job-%d","status":"processing"}' % number
        return b'{"job_id":"job-%d","status":"completed","result":%s}' % (number, _COMPLETED.encode())


async def main() -> None:
    loop = asyncio.get_running_loop()
    counted = Counted()
    server = await loop.create_server(lambda: Peer(counted), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
