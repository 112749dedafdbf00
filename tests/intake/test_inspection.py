"""Looking into a file: safe whatever the name belongs to, and whether somebody writes it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docferry.intake.inspection import NotAFile, inspect
from docferry.intake.structure import Structure
from docferry.intake.values import identity_of
from intake.station import PDF


@contextmanager
def folder(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def test_a_quiet_file_has_no_writer(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    with folder(tmp_path) as fd, (tmp_path / "a.pdf").open("rb"):
        seen = inspect(fd, "a.pdf", is_local=True)
    assert seen.identity == identity_of(os.stat(tmp_path / "a.pdf"))
    assert (seen.inside.structure, seen.inside.writer) == (Structure.COMPLETE, False)


def test_a_writer_is_seen_here_and_in_another_process(tmp_path: Path) -> None:
    """Row 12: the kernel knows, however long the writer pauses."""
    target = tmp_path / "a.pdf"
    target.write_bytes(PDF)
    with folder(tmp_path) as fd:
        with target.open("ab"):
            assert inspect(fd, "a.pdf", is_local=True).inside.writer is True
            assert inspect(fd, "a.pdf", is_local=False).inside.writer is True
        script = f"import sys; f = open({str(target)!r}, 'ab'); print('open', flush=True); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert other.stdin is not None
            assert other.stdout.readline() == "open\n"
            assert inspect(fd, "a.pdf", is_local=True).inside.writer is True
            other.stdin.close()
            other.wait(30)
        assert inspect(fd, "a.pdf", is_local=True).inside.writer is False


def test_on_a_share_our_silence_proves_nothing(tmp_path: Path) -> None:
    """Row 4: another machine may be writing."""
    (tmp_path / "a.pdf").write_bytes(PDF)
    with folder(tmp_path) as fd:
        assert inspect(fd, "a.pdf", is_local=False).inside.writer is None


def test_a_writer_that_comes_while_we_look_does_not_end_us(tmp_path: Path) -> None:
    """A lease that is broken sends a signal, whose default would be the process's death."""
    target = tmp_path / "a.pdf"
    target.write_bytes(PDF)
    writes = f"import os\nwhile True: os.close(os.open({str(target)!r}, os.O_WRONLY))"
    looks = f"""
import os
from docferry.intake.inspection import has_writer
fd = os.open({str(target)!r}, os.O_RDONLY)
granted = sum(has_writer(fd) is False for _ in range(100_000))
print("alive", granted > 0)
"""
    with subprocess.Popen([sys.executable, "-c", writes]) as writer:
        try:
            result = subprocess.run([sys.executable, "-c", looks], capture_output=True, text=True, timeout=100)
        finally:
            writer.kill()
    assert result.stdout == "alive True\n", (result.returncode, result.stderr)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """Row 26: a FIFO without O_NONBLOCK would hold this test for ever."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener, folder(tmp_path) as fd:
        listener.bind(str(tmp_path / "socket"))
        for name in ("fifo", "link", "folder", "socket"):
            with pytest.raises(NotAFile):
                inspect(fd, name, is_local=True)
