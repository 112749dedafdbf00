"""Bodies: their exact bytes, and the proof that what was sent is the document."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.errors import DocumentChanged, InboxOffline, IntakeError
from docferry.providers.base import SentFile, Upload
from docferry.providers.body import CHUNK_BYTES, Body, OpenDocument, Part, json_body, multipart_body
from peers.raw_http import HttpRequest
from providers.support import document


async def _blocking(call: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(call)


def sent(body: Body) -> bytes:
    """The bytes that would go over the wire."""

    async def collect() -> bytes:
        await body.open(_blocking)
        try:
            return b"".join([piece async for piece in body])
        finally:
            body.close()

    return asyncio.run(collect())


def parts_of(body: Body, data: bytes) -> list[tuple[str, str | None, str | None, bytes]]:
    request = HttpRequest("POST", "/", {"content-type": body.content_type}, [], data)
    return [(part.name, part.filename, part.content_type, part.content) for part in request.parts()]


@pytest.mark.parametrize("size", [0, 1, 2, 3, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 5])
@pytest.mark.parametrize("as_base64", [False, True])
def test_a_form_has_the_length_it_says_and_carries_the_document(tmp_path: Path, size: int, as_base64: bool) -> None:
    content = os.urandom(size)
    progress: list[int] = []
    upload = document(tmp_path, content)
    upload = Upload(upload.path, upload.size_bytes, upload.media_type, progress.append)
    body = multipart_body(
        [
            Part("a", "1"),
            Part("file", upload, "n.pdf", "application/pdf", as_base64),
            Part("z", "{}", None, "application/json"),
        ]
    )
    data = sent(body)
    assert len(data) == body.length
    assert parts_of(body, data) == [
        ("a", None, None, b"1"),
        ("file", "n.pdf", "application/pdf", base64.b64encode(content) if as_base64 else content),
        ("z", None, "application/json", b"{}"),
    ]
    assert body.sent == SentFile(size, hashlib.sha256(content).hexdigest())
    assert (progress[-1] if size else size) == size
    assert progress == sorted(progress)


def test_a_json_body_is_utf8() -> None:
    body = json_body({"topic": "Zürich", "broken": "\ud800"})
    assert sent(body) == '{"topic": "Zürich", "broken": "?"}'.encode()
    assert body.length == len(sent(json_body({"topic": "Zürich", "broken": "\ud800"})))


@given(st.text(), st.text())
def test_no_name_or_value_can_break_out_of_its_part(name: str, value: str) -> None:
    body = multipart_body([Part(name, value), Part("last", "1")])
    parts = sent(body).split(b"\r\n--")
    assert len(parts) == 3
    assert parts[0].partition(b"\r\n\r\n")[0].count(b"\r\n") == 1
    assert parts[1].endswith(b'name="last"\r\n\r\n1')


def _sent_while(path: Path, size: int, harm: Callable[[], None]) -> Body:
    """Sends a document of several chunks and does ``harm`` after the first."""
    done: list[int] = []

    def progress(sent_bytes: int) -> None:
        if not done:
            done.append(sent_bytes)
            harm()

    body = multipart_body([Part("file", Upload(path, size, "x/y", progress), "n")])
    with pytest.raises(DocumentChanged):
        sent(body)
    return body


@pytest.mark.parametrize("harm", ["append", "overwrite", "overwrite and set the time back", "truncate"])
def test_a_document_that_changes_while_it_is_sent_never_ends(tmp_path: Path, harm: str) -> None:
    upload = document(tmp_path, b"x" * (3 * CHUNK_BYTES))
    before = upload.path.stat()

    def act() -> None:
        with upload.path.open("r+b") as file:
            if harm == "append":
                file.seek(0, os.SEEK_END)
            file.truncate(10) if harm == "truncate" else file.write(b"y")
        if "time back" in harm:
            os.utime(upload.path, ns=(before.st_atime_ns, before.st_mtime_ns))

    body = _sent_while(upload.path, upload.size_bytes, act)
    assert not body.handed_over
    assert body.sent is None


@pytest.mark.parametrize("kind", ["gone", "longer", "shorter", "fifo", "folder"])
def test_a_document_that_is_not_what_it_was_is_not_begun(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "original"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "gone":
        path.write_bytes(b"x" * (11 if kind == "longer" else 9))
    with pytest.raises(DocumentChanged):
        sent(multipart_body([Part("file", Upload(path, 10, "x/y"), "n")]))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"0123456789")
    (tmp_path / "original").symlink_to(tmp_path / "secret")
    with pytest.raises(IntakeError):
        sent(multipart_body([Part("file", Upload(tmp_path / "original", 10, "x/y"), "n")]))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ESTALE, InboxOffline),
        (errno.EIO, InboxOffline),
        (errno.ECONNABORTED, InboxOffline),
        (errno.EACCES, IntakeError),
    ],
)
def test_a_share_that_is_gone_is_not_the_documents_fault(tmp_path: Path, number: int, kind: type) -> None:
    opened = OpenDocument(document(tmp_path), as_base64=False)
    error = opened._unreadable(OSError(number, os.strerror(number)), "read")
    assert type(error) is kind
    assert os.strerror(number) in str(error)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    upload = document(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        sent(multipart_body([Part("file", upload, "n")]))
    assert len(os.listdir("/proc/self/fd")) <= before
