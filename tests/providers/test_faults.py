"""Transport faults: what each means for a submission, a read and a large result; and where the key goes."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from docferry.errors import Ambiguous, DocferryError, InboxOffline, Parked, Rejected, ResultGone, Unavailable
from docferry.providers.base import Accepted, Answered
from docferry.providers.http import HttpClient, HttpSettings
from peers.raw_http import Connection, HttpRequest, RawServer
from providers import faulty_server as faulty
from providers.support import KEY, document, run, submission

LARGE = 24 << 20  # more than the sockets' buffers hold
RESULT = {"markdown": "# A", "page_count": 1}
DONE = {"job_id": "j-1", "status": "completed", "result": RESULT}


def caught(url: str, work: Callable[[Any], Any], **more: Any) -> DocferryError:
    """The error of ``work``; none of our errors ever shows the key."""
    with pytest.raises(DocferryError) as raised:
        run("pulse", url, work, **more)
    error: BaseException | None = raised.value
    while error is not None:
        assert KEY not in f"{error} {error!r} {getattr(error, 'hint', '')}"
        error = error.__cause__
    return raised.value


def submitting(tmp_path: Path, size: int = 100, mode: str = "async", **more: Any) -> Callable[[Any], Any]:
    return lambda peer: peer.submit(submission(document(tmp_path, b"x" * size), mode=mode, **more), tmp_path / "a")


def polling(tmp_path: Path) -> Callable[[Any], Any]:
    return lambda peer: peer.poll("extract", "j-1", tmp_path / "a")


AFTER_THE_LAST_BYTE = {
    "cut": faulty.cutting(),
    "reset": faulty.cutting(reset=True),
    "silent": faulty.silent,
    "no http": faulty.speaks_no_http,
    "cut answer": faulty.answering(202, faulty.ACCEPTED, send_bytes=9),
    "too short for its length": faulty.answering(202, faulty.ACCEPTED, length=500),
    "chunked and cut": faulty.chunked_then_cut(b'{"job_id": "j-1"'),
    "unseen cut": faulty.no_length_then_close(b'{"job_id": "j-1", "st'),
    "gzip cut": faulty.gzip_cut(faulty.ACCEPTED),
    "empty": faulty.answering(202),
    "html": faulty.answering(200, "<html>welcome to the hotel</html>"),
    "no id": faulty.answering(202, {"status": "pending"}),
    "no object": faulty.answering(202, "[]"),
    "500": faulty.answering(500),
    "502 html": faulty.answering(502, "<html>", {"content-type": "text/html"}),
    "504": faulty.answering(504),
}


@pytest.mark.parametrize("fault", AFTER_THE_LAST_BYTE)
def test_after_the_last_byte_a_submission_is_ambiguous(tmp_path: Path, fault: str) -> None:
    with faulty.server(AFTER_THE_LAST_BYTE[fault]) as peer:
        error = caught(peer.url, submitting(tmp_path), read_timeout_s=0.3)
        assert type(error) is Ambiguous
        assert len(peer.requests) == 1, "sent once, never again"


BEFORE_THE_LAST_BYTE = {
    "cut": faulty.cutting(),
    "reset": faulty.cutting(reset=True),
    "stops reading": faulty.stops_reading,
}


@pytest.mark.parametrize("fault", BEFORE_THE_LAST_BYTE)
def test_before_the_last_byte_nothing_can_have_been_accepted(tmp_path: Path, fault: str) -> None:
    with faulty.early(BEFORE_THE_LAST_BYTE[fault]) as peer:
        error = caught(peer.url, submitting(tmp_path, LARGE), write_timeout_s=0.5, read_timeout_s=0.5)
        assert type(error) is Unavailable


@contextmanager
def never_connects() -> Iterator[str]:
    """The address of a service whose queue of connections is full: the kernel leaves further ones unanswered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, ExitStack() as waiting:
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}"


@contextmanager
def never_takes_a_body() -> Iterator[str]:
    with faulty.early(faulty.stops_reading) as peer:
        yield peer.url


@contextmanager
def never_answers() -> Iterator[str]:
    with faulty.server(faulty.silent) as peer:
        yield peer.url


TIMEOUTS: dict[str, tuple[Any, int, type, str]] = {
    "connect": (never_connects, 100, Parked, "POST /extract: no connection in time"),
    "write": (never_takes_a_body, LARGE, Unavailable, "the server stopped reading"),
    "read": (never_answers, 100, Ambiguous, "no answer in time"),
}


@pytest.mark.parametrize("through_proxy", [False, True])
@pytest.mark.parametrize("which", TIMEOUTS)
def test_each_timeout_ends_what_it_is_named_for_by_itself(tmp_path: Path, which: str, through_proxy: bool) -> None:
    """The two others are as long as they are without a word in the configuration."""
    silence, size, expected, words = TIMEOUTS[which]
    with silence() as url:
        where = {"proxy": url} if through_proxy else {}
        address = "http://provider.invalid" if through_proxy else url
        error = caught(address, submitting(tmp_path, size), **{f"{which}_timeout": "300ms"}, **where)
    assert type(error) is expected
    assert words in error.message


@pytest.mark.parametrize(("status", "expected"), [(401, Parked), (413, Rejected), (429, Unavailable)])
def test_an_answer_given_before_the_upload_ended_counts(tmp_path: Path, status: int, expected: type) -> None:
    body = {"error": {"code": "X", "message": "no"}}
    with faulty.early(faulty.answering(status, body), linger=True) as peer:
        error = caught(peer.url, submitting(tmp_path, LARGE))
        assert type(error) is expected
        assert error.status == status


def test_a_wrong_key_is_found_out_even_when_its_refusal_is_lost(tmp_path: Path) -> None:
    async def refuse(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(401, {"error": {"code": "AUTH_002", "message": "no"}})

    async def before_body(request: HttpRequest, connection: Connection) -> bool:
        if request.method == "POST":
            connection.cut(reset=True)
        return request.method == "POST"

    with RawServer(refuse, before_body) as peer:
        error = caught(peer.url, submitting(tmp_path, LARGE))
        assert type(error) is Parked
        assert error.status == 401


READS: dict[str, tuple[Any, type]] = {
    "cut": (faulty.cutting(), Unavailable),
    "reset": (faulty.cutting(reset=True), Unavailable),
    "silent": (faulty.silent, Unavailable),
    "no http": (faulty.speaks_no_http, Unavailable),
    "cut answer": (faulty.answering(200, DONE, send_bytes=20), Unavailable),
    "chunked and cut": (faulty.chunked_then_cut(json.dumps(DONE).encode()), Unavailable),
    "unseen cut": (faulty.no_length_then_close(json.dumps(DONE).encode()[:-3]), Unavailable),
    "gzip cut": (faulty.gzip_cut(DONE), Unavailable),
    "broken gzip": (faulty.answering(200, b"\x1f\x8bnonsense", {"content-encoding": "gzip"}), Unavailable),
    "unasked encoding": (faulty.answering(200, b"x", {"content-encoding": "br"}), Unavailable),
    "html": (faulty.answering(200, "<!doctype html>login"), Unavailable),
    "502": (faulty.answering(502, "<html>"), Unavailable),
    "503": (faulty.answering(503), Unavailable),
    "duplicate keys": (faulty.answering(200, '{"status": "completed", "status": "failed"}'), Rejected),
    "deep": (faulty.answering(200, "[" * 9999), Rejected),
    "wrong shape": (faulty.answering(200, "[1]"), Rejected),
    "too large": (faulty.answering(200, {"x": "y" * 200_000}), Rejected),
    "gzip bomb": (faulty.gzip_bomb(64), Rejected),
    "redirect": (faulty.answering(302, b"", {"location": "/elsewhere"}), Parked),
}


@pytest.mark.parametrize("fault", READS)
def test_faults_of_a_poll(tmp_path: Path, fault: str) -> None:
    act, expected = READS[fault]
    with faulty.server(act) as peer:
        error = caught(peer.url, polling(tmp_path), read_timeout_s=0.3, max_answer="100 KB")
        assert type(error) is expected
        assert len(peer.requests) == 1
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (faulty.answering(200, {"markdown": "x" * 200_000}), Rejected),
        (faulty.answering(200, '{"markdown": "a", "markdown": "b"}'), Rejected),
        (faulty.answering(200, RESULT, send_bytes=10), Ambiguous),
        (faulty.answering(200, {"odd": 1}), Ambiguous),
    ],
)
def test_a_synchronous_answer_that_cannot_be_used(tmp_path: Path, act: Any, expected: type) -> None:
    with faulty.server(act) as peer:
        error = caught(peer.url, submitting(tmp_path, mode="sync"), max_answer="100 KB")
        assert type(error) is expected


def test_a_synchronous_call_that_takes_too_long_is_ambiguous(tmp_path: Path) -> None:
    with faulty.server(faulty.silent) as peer:
        work = submitting(tmp_path, mode="sync", timeout_s=0.3)
        assert type(caught(peer.url, work)) is Ambiguous


def test_a_slow_answer_is_waited_for(tmp_path: Path) -> None:
    with faulty.server(faulty.answering(200, DONE, pause_s=0.1)) as peer:
        assert isinstance(run("pulse", peer.url, polling(tmp_path), read_timeout_s=5), Answered)


def test_gzip_answers_are_read(tmp_path: Path) -> None:
    act = faulty.answering(200, gzip.compress(json.dumps(DONE).encode()), {"content-encoding": "gzip"})
    with faulty.server(act) as peer:
        run("pulse", peer.url, polling(tmp_path))
    assert json.loads((tmp_path / "a").read_bytes()) == DONE, "stored decoded"


def test_what_cannot_be_reached_parks_the_provider(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = caught(f"http://127.0.0.1:{taken.getsockname()[1]}", submitting(tmp_path))
    assert type(error) is Parked
    assert not error.needs_person
    assert "refused" in error.message
    error = caught("http://no-such-host.invalid", submitting(tmp_path))
    assert type(error) is Parked
    assert "cannot be resolved" in error.message


def test_certificates_are_verified_and_may_be_brought(tmp_path: Path) -> None:
    crt, key = faulty.certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(crt, key)
    with RawServer(faulty.answering(202, faulty.ACCEPTED), tls=context) as peer:
        error = caught(peer.url, submitting(tmp_path))
        assert isinstance(error, Parked)
        assert error.needs_person
        assert "certificate" in error.message
        assert peer.requests == []
        accepted = run("pulse", peer.url, submitting(tmp_path, LARGE), ca_bundle=str(crt))
        assert isinstance(accepted, Accepted)


def test_requests_that_follow_each_other_share_a_connection(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        for _ in range(3):
            await submitting(tmp_path)(peer)
        for _ in range(3):
            await polling(tmp_path)(peer)

    async def act(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(200, faulty.ACCEPTED)

    with faulty.server(act) as peer:
        run("pulse", peer.url, work)
        assert len(peer.requests) == 6
        assert peer.connections == 2  # one for submissions, one for polls


def test_a_server_that_closes_behind_its_answers_loses_no_submission(tmp_path: Path) -> None:
    closed: list[Connection] = []

    async def act(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(200, faulty.ACCEPTED)
        connection.cut()
        await connection.writer.wait_closed()
        closed.append(connection)

    async def work(peer: Any) -> None:
        for number in range(3):
            assert isinstance(await submitting(tmp_path)(peer), Accepted)
            async with asyncio.timeout(20):
                while len(closed) <= number:
                    await asyncio.sleep(0.005)

    with faulty.server(act) as server:
        run("pulse", server.url, work)
        assert len(server.requests) == server.connections == 3


def test_redirects_never_carry_the_key_to_another_host(tmp_path: Path) -> None:
    with faulty.server(faulty.answering(200, DONE)) as other:
        location = {"location": f"{other.url}/job/j-1"}
        with faulty.server(faulty.answering(307, b"", location)) as peer:
            for work in (submitting(tmp_path), polling(tmp_path)):
                assert type(caught(peer.url, work)) is Parked
        assert other.requests == []


@pytest.mark.parametrize("dialect", ["pulse", "nanonets"])
def test_a_key_that_the_server_repeats_is_hidden(tmp_path: Path, dialect: str) -> None:
    async def echo(request: HttpRequest, connection: Connection) -> None:
        await connection.answer(401, {"detail": f"not valid: {dict(request.headers)}"})

    with faulty.server(echo) as peer, pytest.raises(Parked) as raised:
        run(dialect, peer.url, polling(tmp_path))
    assert "[secret]" in raised.value.message
    assert KEY not in raised.value.message


def fetching(tmp_path: Path, url: str) -> Callable[[Any], Any]:
    return lambda peer: peer.fetch(url, tmp_path / "a")


def test_a_large_result_elsewhere_is_fetched_without_the_key(tmp_path: Path) -> None:
    crt, key = faulty.certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(crt, key)
    with (
        RawServer(faulty.answering(200, RESULT), tls=context) as storage,
        RawServer(faulty.answering(302, b"", {"location": f"{storage.url}/bucket?signature=s"}), tls=context) as peer,
    ):
        work = fetching(tmp_path, f"{peer.url}/large_results/j-1")
        assert run("pulse", peer.url, work, ca_bundle=str(crt)).pages == 1
        assert peer.requests[0].headers["x-api-key"] == KEY
        assert storage.requests[0].target == "/bucket?signature=s"
        assert "x-api-key" not in storage.requests[0].headers


@pytest.mark.parametrize("url", ["http://127.0.0.2:1/large_results/x", "file:///etc/passwd", "ftp://example.org/x"])
def test_links_to_anything_else_are_refused(tmp_path: Path, url: str) -> None:
    with faulty.server(faulty.answering(200, RESULT)) as peer:
        assert type(caught(peer.url, fetching(tmp_path, url))) is Rejected


def test_a_redirect_of_a_large_result_to_plain_http_is_refused(tmp_path: Path) -> None:
    location = {"location": "http://127.0.0.2:1/x"}
    with faulty.server(faulty.answering(302, b"", location)) as peer:
        assert type(caught(peer.url, fetching(tmp_path, "/large_results/j-1"))) is Rejected


def test_a_redirect_loop_ends(tmp_path: Path) -> None:
    with faulty.server(faulty.answering(302, b"", {"location": "/large_results/j-1"})) as peer:
        assert type(caught(peer.url, fetching(tmp_path, "/large_results/j-1"))) is Rejected
        assert len(peer.requests) == 4


FETCHES: dict[str, tuple[Any, type]] = {
    "cut": (faulty.answering(200, RESULT, send_bytes=10), Unavailable),
    "reset": (faulty.cutting(reset=True), Unavailable),
    "unseen cut": (faulty.no_length_then_close(b'{"markdown": "x'), Unavailable),
    "taken": (faulty.answering(410, {"error": {"code": "STORAGE_410", "message": "taken"}}), ResultGone),
    "expired": (faulty.answering(403, "<?xml version='1.0'?><Error/>"), ResultGone),
    "too large": (faulty.answering(200, {"x": "y" * 200_000}), Rejected),
    "duplicate keys": (faulty.answering(200, '{"a": 1, "a": 2}'), Rejected),
}


@pytest.mark.parametrize("fault", FETCHES)
def test_faults_of_a_large_result_leave_no_file(tmp_path: Path, fault: str) -> None:
    act, expected = FETCHES[fault]
    folder = tmp_path / "work"
    folder.mkdir()
    with faulty.server(act) as peer:
        error = caught(peer.url, fetching(folder, "/large_results/j-1"), max_answer="100 KB")
        assert type(error) is expected
        if expected is ResultGone:
            assert "billed again" in str(error)
    assert list(folder.iterdir()) == []


def test_a_proxy_is_used_where_one_is_set(tmp_path: Path) -> None:
    with faulty.server(faulty.answering(202, faulty.ACCEPTED)) as proxy:
        accepted = run("pulse", "http://provider.invalid", submitting(tmp_path), proxy=proxy.url)
        assert isinstance(accepted, Accepted)
        assert proxy.requests[0].target == "http://provider.invalid/extract"


def test_the_environments_proxy_is_not_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with faulty.server(faulty.answering(202, faulty.ACCEPTED)) as peer:
        assert isinstance(run("pulse", peer.url, submitting(tmp_path)), Accepted)


def test_a_deprecation_is_a_warning_unless_switched_off(tmp_path: Path) -> None:
    act = faulty.answering(202, faulty.ACCEPTED, {"Deprecation": "true"})
    with faulty.server(act) as peer:
        assert len(run("pulse", peer.url, submitting(tmp_path)).warnings) == 1
        assert run("pulse", peer.url, submitting(tmp_path), warn_on_deprecation=False).warnings == ()


def test_a_cancelled_submission_leaves_nothing_open(tmp_path: Path) -> None:
    async def work(peer: Any) -> None:
        task = asyncio.create_task(submitting(tmp_path)(peer))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with faulty.server(faulty.silent) as server:
        run("pulse", server.url, work)


@pytest.mark.parametrize(
    ("status", "reachable", "accepted"), [(401, True, False), (403, True, False), (404, True, True), (500, True, None)]
)
def test_the_health_check_tells_the_key(status: int, reachable: bool, accepted: bool | None) -> None:
    with faulty.server(faulty.answering(status, {"error": {"code": "X", "message": "no"}})) as peer:
        health = run("pulse", peer.url, lambda provider: provider.check())
        assert (health.reachable, health.key_accepted) == (reachable, accepted)
        assert KEY not in health.detail


def test_the_health_check_of_what_is_not_there() -> None:
    health = run("pulse", "http://127.0.0.1:1", lambda provider: provider.check())
    assert (health.reachable, health.key_accepted) == (False, None)


def test_a_share_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    released = threading.Event()
    client = HttpClient(HttpSettings("peer", "http://127.0.0.1:1", write_timeout_s=0.1))

    async def work() -> None:
        try:
            with pytest.raises(InboxOffline, match="hangs"):
                await client._reading(released.wait)
        finally:
            released.set()
            await client.aclose()

    asyncio.run(work())
