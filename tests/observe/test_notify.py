"""systemd is told the truth, over a real notification socket; the watchdog is fed only by progress."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.observe.notify import Mark, Notifier, Progress, judge, watchdog_period_s


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that systemd would have; libsystemd finds it by the process's environment."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield receiver


def said(receiver: socket.socket) -> dict[str, str]:
    text = receiver.recv(4096).decode()
    return dict(line.partition("=")[::2] for line in text.strip().splitlines())


def test_a_life_is_told_in_systemds_words(listening: socket.socket) -> None:
    notifier = Notifier(os.environ, os.getpid())
    notifier.ready("2 waiting")
    assert said(listening) == {"READY": "1", "STATUS": "2 waiting"}
    notifier.status("3 waiting, 1 parked: pulse 401")
    assert said(listening) == {"STATUS": "3 waiting, 1 parked: pulse 401"}
    before_us = time.monotonic_ns() // 1000
    notifier.reloading()
    reloading = said(listening)
    assert reloading["RELOADING"] == "1"
    assert before_us <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    notifier.watchdog()
    assert said(listening) == {"WATCHDOG": "1"}
    notifier.stopping("draining")
    assert said(listening) == {"STOPPING": "1", "STATUS": "draining"}
    notifier.extend_timeout(10)
    assert said(listening) == {"EXTEND_TIMEOUT_USEC": "10000000"}


def test_an_unchanged_status_is_not_repeated(listening: socket.socket) -> None:
    notifier = Notifier(os.environ, os.getpid())
    notifier.status("idle")
    notifier.status("idle")
    notifier.watchdog()
    assert said(listening) == {"STATUS": "idle"}
    assert said(listening) == {"WATCHDOG": "1"}


def test_a_status_cannot_smuggle_in_another_assignment(listening: socket.socket) -> None:
    Notifier(os.environ, os.getpid()).status("odd\nWATCHDOG=trigger")
    assert said(listening) == {"STATUS": "odd WATCHDOG=trigger"}


def test_without_systemd_nothing_is_said_and_nothing_fails() -> None:
    notifier = Notifier({}, 1)
    notifier.ready("well")
    notifier.stopping("bye")
    assert not notifier.enabled
    assert notifier.watchdog_s is None


def test_missing_bindings_are_an_error_at_once_where_systemd_waits() -> None:
    code = (
        "import sys; sys.modules['systemd.daemon'] = None\n"  # as if it were not installed
        "from docferry.observe.notify import Notifier\n"
        "from docferry.errors import DocferryError\n"
        "try: Notifier({'NOTIFY_SOCKET': '/run/x'}, 1)\n"
        "except DocferryError as error: print(error); sys.exit(error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "docferry[systemd]" in done.stdout


@pytest.mark.parametrize(
    ("environ", "period_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_period_is_taken_only_when_it_is_ours(environ: dict[str, str], period_s: float | None) -> None:
    assert watchdog_period_s(environ, 7) == period_s


_moments = st.floats(0, 1e6)
_marks = st.dictionaries(st.text(min_size=1, max_size=5), st.builds(Mark, _moments, _moments), max_size=6)


@given(marks=_marks, elapsed=_moments)
def test_the_watchdog_is_fed_exactly_while_no_part_is_silent_too_long(marks: dict[str, Mark], elapsed: float) -> None:
    verdict = judge(marks, elapsed)
    late = {name for name, mark in marks.items() if elapsed - mark.progress_at > mark.allowed_s}
    assert verdict.feed == (not late)
    assert set(verdict.blind) == late
    assert all(name in str(verdict) for name in late)


def test_progress_follows_its_parts() -> None:
    now = 100.0
    progress = Progress(lambda: now)
    progress.expect("poller", 10)
    progress.expect("scanner scans", 60)
    now = 115.0
    assert str(progress.judge()) == "poller silent for 15 s"
    progress.made("poller")
    assert progress.judge().feed
    progress.forget("scanner scans")
    progress.made("scanner scans")  # a last word after it was taken away changes nothing
    now = 120.0
    assert progress.marks().keys() == {"poller"}
    assert progress.judge().feed
