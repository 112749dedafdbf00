"""``run --once`` comes to an end whatever lies in the inbox, and says what it could not work off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemons import Ferry
from docferry.config.models import InboxConfig
from docferry.daemon.once import left_behind
from docferry.intake import InboxStatus, WaitingFile
from peers.fake_provider import FakeProvider

SOMEBODY_ELSE = 54321
INBOX = InboxConfig.model_validate(
    {"name": "scans", **dict.fromkeys(("path", "outbox", "archive", "failed"), "/x"), "settle": 2, "settle_max": 60}
)


def status(*files: WaitingFile, **changes: Any) -> InboxStatus:
    values = {
        "name": "scans",
        "online": True,
        "reason": None,
        "watching": "events",
        "files_waiting": files,
        "waiting_count": len(files),
        "busy": False,
        "last_scan_at": 0.0,
        "scan_took_s": 0.1,
        "hung_since": None,
        "events_proven": True,
        "directories": 1,
        "scanned_once": True,
        "marker_id": None,
    }
    return InboxStatus(**(values | changes))


def waiting(unchanged_s: float, *, is_stuck: bool) -> WaitingFile:
    return WaitingFile("a.pdf", 10, "permission to read it", 0.0, unchanged_s, is_stuck)


@pytest.mark.parametrize(
    ("seen", "offline_s", "lines"),
    [
        (status(), 0, []),
        (status(busy=True), 0, None),
        (status(scanned_once=False), 0, None),
        (status(waiting(1.9, is_stuck=True)), 0, None),
        (status(waiting(2.0, is_stuck=True)), 0, ["a.pdf waits for permission"]),
        (status(waiting(59.0, is_stuck=False)), 0, None),
        (status(waiting(60.0, is_stuck=False)), 0, ["a.pdf waits for permission"]),
        (status(waiting(60.0, is_stuck=True), waiting(1.0, is_stuck=False)), 0, None),
        (status(waiting(60.0, is_stuck=True), waiting_count=1001), 0, ["a.pdf", "1000 more"]),
        (status(online=False, reason="the share is gone"), 59, None),
        (status(online=False, reason="the share is gone"), 60, ["is offline: the share is gone"]),
        (status(busy=True, hung_since=1.0), 0, ["hangs"]),
    ],
)
def test_what_may_still_come_is_waited_for_and_no_longer(
    seen: InboxStatus, offline_s: float, lines: list[str] | None
) -> None:
    left = left_behind(seen, INBOX, offline_s)
    if lines is None:
        assert left is None
    else:
        assert left is not None
        assert len(left) == len(lines)
        assert all(part in line for part, line in zip(lines, left, strict=True))


def test_a_file_whose_sidecar_never_comes_is_named(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        config = {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}
        ferry = Ferry(tmp_path, config, sidecar=["required", "options.pages"], settle_max="1s")
        ferry.drop(b"one of two", "a.txt")
        done = ferry.run_once()
    assert done.returncode == 1
    assert "not worked off: inbox scans: a.txt waits for its sidecar" in done.stderr
    assert (ferry.inbox / "a.txt").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="making a file that root may not read needs root outside a namespace")
def test_a_file_that_we_may_not_read_is_named_and_the_others_are_delivered(tmp_path: Path) -> None:
    """In a user namespace even root has no power over the files of users that do not exist there."""
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}, settle="0.5s")
        ferry.drop(b"for everybody", "open.txt")
        private = ferry.drop(b"not for us", "private.txt")
        private.chmod(0o600)
        os.chown(private, SOMEBODY_ELSE, SOMEBODY_ELSE)
        run = [sys.executable, "-m", "docferry", "run", "--once", "-c", str(ferry.config)]
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", *run], capture_output=True, text=True, timeout=120, check=False
        )
    if "unshare" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 1, done.stderr
    assert "not worked off: inbox scans: private.txt waits for permission to read it" in done.stderr
    assert [document.state for document in ferry.documents()] == ["delivered"]
