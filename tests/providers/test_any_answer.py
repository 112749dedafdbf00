"""Whatever a service answers, at any call, becomes a value or a classified error, never a traceback.

``DOCFERRY_FUZZ_EXAMPLES=100000 pytest tests/providers/test_any_answer.py`` searches for longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docferry.errors import DocferryError
from docferry.ledger.rows import dumps
from docferry.providers import base
from docferry.providers.base import Provider, StoredAnswer
from docferry.providers.options import FORMATS
from providers.support import document, provider, submission

EXAMPLES = int(os.environ.get("DOCFERRY_FUZZ_EXAMPLES", "60"))
THOROUGH = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)

Call = Callable[[], Coroutine[Any, Any, Any]]
_SOURCES = Path(base.__file__).parent.glob("*.py")
WORDS = sorted({word for source in _SOURCES for word in re.findall(r'"([\w-]{2,24})"', source.read_text())})
"""Every word that the dialects may look for, so that chance finds the ways through them."""

_TEXT = st.sampled_from(WORDS) | st.text(max_size=12) | st.text(st.characters(categories=["Cs"]), max_size=2)
_NUMBER = st.integers() | st.floats() | st.sampled_from([0, -1, 10**30, 1e308])
JSON = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=6),
    max_leaves=24,
)
STATUS = st.sampled_from(
    [200, 200, 200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 408, 409, 410, 413, 422, 429, 500, 503]
)


@dataclass
class Reply:
    """What the peer says to the next calls."""

    status: int = 200
    headers: bytes = b""
    body: bytes = b"{}"


class Peer:
    """A server that answers everything with the same reply, and the provider that asks it."""

    def __init__(self, dialect: str, folder: Path) -> None:
        self.dialect = dialect
        self.reply = Reply()
        self.loop = asyncio.new_event_loop()
        self.upload = document(folder)
        self.answer = folder / "answer"
        self._lines: set[asyncio.Task[None]] = set()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        self.provider: Provider = provider(dialect, f"http://127.0.0.1:{port}")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if length := re.search(rb"(?i)content-length: *(\d+)", head):
                    await reader.readexactly(int(length[1]))
                reply = self.reply
                start = b"HTTP/1.1 %d Said\r\ncontent-length: %d\r\n" % (reply.status, len(reply.body))
                writer.write(start + reply.headers + b"\r\n" + reply.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            await writer.wait_closed()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def ask(self, call: Call) -> Any:
        """The value, or the classified error, of one call; what the ledger will keep of it can be kept."""
        try:
            value = self._run(call())
        except DocferryError as error:
            return error
        for name in ("job_id", "outcome", "warnings", "credits", "pages", "message", "code", "retry_after_s"):
            dumps(getattr(value, name, None)).encode()
        return value

    def close(self) -> None:
        self._run(self._end())
        self.loop.close()

    async def _end(self) -> None:
        await self.provider.aclose()
        self._server.close()
        await asyncio.gather(*self._lines)  # the provider has hung up on each


@pytest.fixture(params=["pulse", "nanonets"])
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Peer]:
    made = Peer(request.param, tmp_path)
    yield made
    made.close()


def ask_everything(peer: Peer, reply: Reply) -> None:
    """Every call of the protocol against this reply, and the outputs of whatever it stored."""
    peer.reply = reply
    asked = peer.provider
    sent = submission(peer.upload)
    other = "split" if peer.dialect == "pulse" else "classify"
    later = submission(None if other == "split" else peer.upload, other, {}, inputs={"extraction_id": "x"})
    calls: Sequence[Call] = (
        lambda: asked.submit(sent, peer.answer),
        lambda: asked.submit(submission(peer.upload, mode="sync"), peer.answer),
        lambda: asked.submit(later, peer.answer),
        lambda: asked.poll("extract", "job", peer.answer),
        lambda: asked.poll(other, "job", peer.answer),
        lambda: asked.cancel("job"),
        lambda: asked.find_lost(["7f3c9e2ab41d-1.pdf"], 0.0),
        lambda: asked.check(),
    )
    for call in calls:
        value = peer.ask(call)
        assert not isinstance(value, DocferryError) or str(value).isprintable(), ascii(str(value))
        if isinstance(value, base.Accepted):
            peer.ask(lambda value=value: asked.poll("extract", value.job_id, peer.answer))  # type: ignore[misc]
        if isinstance(value, base.Pointed):
            peer.ask(lambda value=value: asked.fetch(value.url, peer.answer))  # type: ignore[misc]
        if isinstance(value, base.Answered):
            make_outputs(peer)


def make_outputs(peer: Peer) -> None:
    for endpoint in ("extract", "split", "schema", "tables", "classify"):
        made = peer.provider.outputs([StoredAnswer(endpoint, peer.answer, {})], FORMATS[peer.dialect])
        for output in made.outputs:
            assert "/" not in output.suffix
            assert output.suffix.startswith(".")
        assert all(isinstance(line, str) for line in made.missing)


@given(status=STATUS, value=JSON)
@THOROUGH
def test_any_json(peer: Peer, status: int, value: Any) -> None:
    ask_everything(peer, Reply(status, b"content-type: application/json\r\n", json.dumps(value).encode()))


@given(
    status=STATUS, body=st.binary(max_size=300), kind=st.sampled_from([b"application/json", b"text/html", b"\xff;,"])
)
@THOROUGH
def test_any_bytes(peer: Peer, status: int, body: bytes, kind: bytes) -> None:
    ask_everything(peer, Reply(status, b"content-type: " + kind + b"\r\n", body))


@given(value=JSON, known=st.dictionaries(st.sampled_from(WORDS), JSON, max_size=6))
@THOROUGH
def test_outputs_of_any_stored_answer(peer: Peer, value: Any, known: dict[str, Any]) -> None:
    for shape in (value, known, {"result": known}, {"result": {"markdown": value, "json": value, "csv": value}}):
        peer.answer.write_text(json.dumps(shape))
        make_outputs(peer)
