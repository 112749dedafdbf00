"""``run --once`` comes to an end whatever lies in the inbox, and says what it could not work off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commands import docferry
from daemons import Ferry, wait_for
from docferry.config.models import InboxConfig
from docferry.daemon.once import left_behind
from docferry.intake import InboxStatus, WaitingFile
from peers.fake_provider import FakeProvider

SOMEBODY_ELSE = 54321
STOPPED_AT = {"submit": "queued", "poll": "waiting"}
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
        (status(waiting(60.9, is_stuck=False)), 0, None),  # the inbox is about to take it or to give it up
        (status(waiting(61.0, is_stuck=False)), 0, ["a.pdf waits for permission"]),
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


def test_a_file_that_is_to_be_quiet_for_longer_than_settle_max_is_waited_for() -> None:
    patient = INBOX.model_copy(update={"settle_s": 90.0})
    assert left_behind(status(waiting(89.0, is_stuck=False)), patient, 0) is None
    assert left_behind(status(waiting(91.0, is_stuck=False)), patient, 0)


def test_what_a_person_holds_still_is_not_waited_for() -> None:
    """A paused inbox is never looked through to its end, nor is one for which there is no room."""
    unseen, with_files = status(scanned_once=False), status(waiting(1.0, is_stuck=False), scanned_once=False)
    assert left_behind(status(), INBOX, 0, paused=True) == []
    assert left_behind(unseen, INBOX, 0, paused=True, has_room=False) == []
    assert left_behind(with_files, INBOX, 0, paused=True, has_room=False) == [
        "inbox scans is paused and files wait in it (docferry resume scans)"
    ]
    assert left_behind(with_files, INBOX, 0, has_room=False) is None
    full = left_behind(status(waiting(61.0, is_stuck=False), scanned_once=False), INBOX, 0, has_room=False)
    assert full is not None


def test_a_paused_inbox_is_named_and_the_documents_that_are_ours_are_worked_off(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        assert docferry("pause", "-c", ferry.config, "scans").returncode == 0
        assert ferry.run_once().returncode == 0  # nothing waits there
        for number in range(3):
            ferry.drop(b"one of several", f"{number}.txt")
        done = ferry.run_once()
        assert done.returncode == 1
        assert "not worked off: inbox scans is paused and files wait in it (docferry resume scans)" in done.stderr
        assert ferry.documents() == []
        assert docferry("resume", "-c", ferry.config, "scans").returncode == 0
        assert ferry.run_once().returncode == 0
    assert [document.state for document in ferry.documents()] == ["delivered"] * 3


def test_a_daemon_with_a_paused_inbox_becomes_ready(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        assert docferry("pause", "-c", ferry.config, "scans").returncode == 0
        ferry.drop(b"waits", "a.txt")
        with ferry.start(ready=False):
            wait_for(lambda: "ready: " in ferry.log_text(), saying=ferry.log_text)
            assert ferry.stop() == 0


def test_a_paused_provider_is_named_and_its_documents_stay(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        assert docferry("pause", "-c", ferry.config, "local").returncode == 0
        ferry.drop(b"waits", "a.txt")
        done = ferry.run_once()
        assert done.returncode == 1
        assert "not worked off: provider local is paused and 1 document waits for it" in done.stderr
        assert [document.state for document in ferry.documents()] == ["queued"]
        assert docferry("resume", "-c", ferry.config, "local").returncode == 0
        assert ferry.run_once().returncode == 0


@pytest.mark.parametrize("where", ["submit", "poll"])
def test_a_provider_that_refuses_the_key_is_named_and_its_documents_stay(tmp_path: Path, where: str) -> None:
    refused = {"on": where, "do": "status", "status": 401, "body": {"detail": "no such key"}, "times": 0}
    with FakeProvider("pulse", {"faults": [refused]}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(b"one", "a.txt")
        ferry.drop(b"another", "b.txt")
        done = ferry.run_once()
        assert done.returncode == 1
        assert "not worked off: provider local is parked and 2 documents wait for it" in done.stderr
        assert "no such key; check the provider's key" in done.stderr
        assert [document.state for document in ferry.documents()] == [STOPPED_AT[where]] * 2
        fake.script["faults"] = []
        assert ferry.run_once().returncode == 0
    assert [document.state for document in ferry.documents()] == ["delivered"] * 2


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "status", "status": 429, "body": {"detail": "slow down"}, "times": 1},
        {"do": "status", "status": 503, "headers": {"Retry-After": "1"}, "body": "later", "times": 6},
    ],
    ids=["429", "503"],
)
def test_a_parked_provider_that_may_come_back_is_waited_for(tmp_path: Path, fault: dict[str, Any]) -> None:
    with FakeProvider("pulse", {"faults": [{"on": "submit", **fault}]}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(b"one", "a.txt")
        done = ferry.run_once()
    assert done.returncode == 0, done.stderr


def test_a_document_that_will_go_to_another_provider_is_waited_for(tmp_path: Path) -> None:
    refused = {"on": "submit", "do": "status", "status": 401, "body": {"detail": "no such key"}, "times": 0}
    with FakeProvider("pulse", {"faults": [refused]}) as fake, FakeProvider("pulse", {}) as other:
        providers = {
            "local": {"dialect": "pulse", "url": fake.url},
            "other": {"dialect": "pulse", "url": other.url},
        }
        rule = {"name": "all", "provider": "local", "mode": "async", "fallback": {"provider": "other", "after": "3s"}}
        ferry = Ferry(tmp_path, {"providers": providers, "rules": [rule]})
        ferry.drop(b"one", "a.txt")
        done = ferry.run_once()
    assert done.returncode == 0, done.stderr
    [document] = ferry.documents()
    assert (document.state, document.provider) == ("delivered", "other")


def test_a_document_that_is_held_since_an_earlier_run_is_named(tmp_path: Path) -> None:
    lost = {"on": "submit", "do": "accept_then_cut", "times": 1}
    with FakeProvider("pulse", {"faults": [lost]}) as fake:
        rule = {"name": "all", "provider": "local", "mode": "async", "on_ambiguous": "hold"}
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}, "rules": [rule]})
        ferry.drop(b"once only", "a.txt")
        for _ in range(2):
            done = ferry.run_once()
            assert done.returncode == 1
            assert "is held for a person: the answer was lost" in done.stderr
        [document] = ferry.documents("held")
        assert ferry.command("cancel", document.id).returncode == 0
        assert ferry.run_once().returncode == 0


def test_a_failure_that_only_has_to_be_put_away_counts(tmp_path: Path) -> None:
    """It failed in a run that was killed before it could say so; and a file that was given up on has failed, too."""
    refused = {"on": "submit", "do": "status", "status": 422, "body": {"detail": "not a document"}}
    with FakeProvider("pulse", {"faults": [refused]}) as fake:
        ferry = Ferry(tmp_path, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.drop(b"refused", "a.txt")
        killed = ferry.run_once(env={**os.environ, "DOCFERRY_FAILPOINT": "originals.named"})
        assert killed.returncode == -signal.SIGKILL
        assert [(document.state, document.filed) for document in ferry.documents()] == [("failed", False)]
        assert ferry.run_once().returncode == 1
        assert ferry.run_once().returncode == 0  # nothing failed in this one
        ferry.drop(b"", "empty.txt")
        assert ferry.run_once().returncode == 1


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
