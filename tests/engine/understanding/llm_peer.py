"""A small real HTTP server that speaks OpenAI's chat completions, and can be told to misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = str | Callable[[dict[str, Any]], str]


@dataclass
class Peer:
    """The server's address, what it will answer, and what it was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)  # the last one is repeated
    mode: str = "well"  # well | status | no json | no choices | huge | drip | silent | redirect | drop
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, request: dict[str, Any]) -> str:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, str) else answer(request)


@contextmanager
def serving(*answers: Answer | dict[str, Any], mode: str = "well") -> Iterator[Peer]:
    """A peer on a free port of the loopback, stopped at the end."""
    texts = [json.dumps(answer) if isinstance(answer, dict) else answer for answer in answers]
    peer = Peer(answers=list(texts), mode=mode)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(peer))
    server.daemon_threads = True
    peer.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        peer.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            peer.requests.append(request)
            peer.headers.append({"path": self.path, **dict(self.headers.items())})
            try:
                _ACTIONS[peer.mode](self, peer, request)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client gave up, which is what some tests are about

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing: the tests look at what was asked instead."""

    return Handler


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _completion(text: str, model: str) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    completion = {"id": "chat-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
    return json.dumps(completion).encode()


def _well(handler: BaseHTTPRequestHandler, peer: Peer, request: dict[str, Any]) -> None:
    _send(handler, 200, _completion(peer.next_answer(request), request["model"]))


def _huge(handler: BaseHTTPRequestHandler, peer: Peer, request: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not peer.released.is_set():
        handler.wfile.write(b" " * 65_536)


def _drip(handler: BaseHTTPRequestHandler, peer: Peer, request: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not peer.released.is_set():
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.02)


def _silent(handler: BaseHTTPRequestHandler, peer: Peer, request: dict[str, Any]) -> None:
    peer.released.wait(60)


def _drop(handler: BaseHTTPRequestHandler, peer: Peer, request: dict[str, Any]) -> None:
    handler.close_connection = True


_ACTIONS: dict[str, Callable[[BaseHTTPRequestHandler, Peer, dict[str, Any]], None]] = {
    "well": _well,
    "status": lambda handler, peer, request: _send(handler, 500, b"{}"),
    "no json": lambda handler, peer, request: _send(handler, 200, b"<html>"),
    "no choices": lambda handler, peer, request: _send(handler, 200, b'{"choices": []}'),
    "redirect": lambda handler, peer, request: _send(handler, 307, b"", Location="http://127.0.0.1:1/v1"),
    "huge": _huge,
    "drip": _drip,
    "silent": _silent,
    "drop": _drop,
}
