"""A whole daemon and everything it tells: systemd, Prometheus, a person by alerts. Each heard over the real channel."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from daemons import Ferry, wait_for
from peers.fake_provider import FakeProvider

APPEND = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('ab').write(sys.stdin.buffer.read())"


@contextmanager
def listening(path: Path) -> Iterator[list[dict[str, str]]]:
    """What is said to NOTIFY_SOCKET, each message as its assignments, while the block runs."""
    said: list[dict[str, str]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))

        def listen() -> None:
            while text := receiver.recv(4096).decode():
                said.append(dict(line.partition("=")[::2] for line in text.strip().splitlines()))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield said
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", str(path))
        thread.join()


def alerts_to(path: Path) -> dict[str, Any]:
    return {"command": [sys.executable, "-c", APPEND, str(path)]}


def told(path: Path) -> list[tuple[str, bool]]:
    """The alerts that a person got: kind, and whether it was a recovery."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [(alert["kind"], alert["over"]) for alert in map(json.loads, lines)]


def scrape(listener: Path) -> dict[str, float]:
    """Every sample by its name and its labels' values."""
    command = ["curl", "--silent", "--fail", "--unix-socket", str(listener), "http://docferry/metrics"]
    text = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    families = text_string_to_metric_families(text)
    return {
        " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_a_daemon_tells_while_a_key_is_refused_and_after(tmp_path: Path) -> None:
    notify, metrics, alerts = tmp_path / "notify", tmp_path / "metrics.sock", tmp_path / "alerts"
    environ = {"NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "30000000"}
    with FakeProvider("pulse", {"key": "good", "credits": 2.5}) as fake, listening(notify) as said:
        config = {
            "providers": {"peer": {"dialect": "pulse", "url": fake.url, "key": {"env": "PEER_KEY"}}},
            "rules": [{"name": "all", "provider": "peer", "mode": "async"}],
            "metrics": {"listen": f"unix:{metrics}"},
            "alerts": alerts_to(alerts),
        }
        with Ferry(tmp_path, config, alert_after="1s").start({**environ, "PEER_KEY": "good"}) as ferry:
            wait_for(lambda: any("READY" in message for message in said))
            fake.script["key"] = "another"
            for number in range(3):
                ferry.drop(b"A letter.\n", f"{number}.txt")

            def status() -> str:
                return next((message["STATUS"] for message in reversed(said) if "STATUS" in message), "")

            wait_for(lambda: status().startswith("3 waiting, 1 parked: peer ") and "401" in status(), saying=status)
            wait_for(lambda: set(told(alerts)) >= {("parked", False), ("late", False)}, saying=ferry.log_text)
            parked = scrape(metrics)
            fake.script["key"] = "good"
            ferry.command("resume", "peer")
            ferry.wait_for_ended(3)
            wait_for(lambda: set(told(alerts)) >= {("parked", True), ("late", True)}, saying=ferry.log_text)
            well = scrape(metrics)
            assert ferry.process is not None
            ferry.process.send_signal(signal.SIGHUP)
            wait_for(lambda: any("RELOADING" in message for message in said))
            wait_for(lambda: "READY" in said[-1] or any("READY" in m for m in said[reload_at(said) :]))
            ferry.write(config, alert_after="1s", watch="poll")  # no inbox is left whose events the observer could miss
            wait_for(lambda: "docferry_part_silence_seconds observer" not in scrape(metrics), saying=ferry.log_text)
            assert ferry.stop() == 0

    assert sorted(told(alerts)) == [("late", False), ("late", True), ("parked", False), ("parked", True)]
    assert int(said[reload_at(said)]["MONOTONIC_USEC"]) > 0
    assert {"WATCHDOG": "1"} in said
    kinds = [next(iter(message)) for message in said]
    assert kinds.index("STOPPING") < kinds.index("EXTEND_TIMEOUT_USEC", kinds.index("STOPPING"))

    assert parked["docferry_provider_parked peer"] == 1
    assert parked["docferry_provider_parked_seconds_total peer"] > 0
    assert parked["docferry_errors_total Parked peer"] >= 1
    assert parked["docferry_oldest_waiting_seconds scans"] >= 1
    assert well["docferry_oldest_waiting_seconds scans"] == 0
    assert well["docferry_documents delivered"] == 3
    assert well["docferry_submissions_total extract accepted peer"] == 3
    assert well["docferry_upload_bytes_total peer"] == 3 * len(b"A letter.\n")
    assert sum(value for name, value in well.items() if name.startswith("docferry_polls_total")) >= 3
    assert well["docferry_credits_total peer"] == 7.5
    assert well["docferry_job_duration_seconds_count extract peer"] == 3
    assert well["docferry_ledger_commit_seconds_count"] > 3
    assert well["docferry_observer_alive scans"] == 1
    assert {
        "docferry_part_silence_seconds " + part for part in ("ledger", "dispatcher", "observer", "inbox scans")
    } <= {*well}


def reload_at(said: list[dict[str, str]]) -> int:
    return next(at for at, message in enumerate(said) if "RELOADING" in message)


def test_a_ledger_that_does_not_open_is_one_alert_however_often_it_is_tried(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts"
    config = {
        "providers": {"peer": {"dialect": "pulse", "url": "http://127.0.0.1:9"}},
        "rules": [{"name": "all", "provider": "peer"}],
        "alerts": alerts_to(alerts),
    }
    ferry = Ferry(tmp_path, config)
    assert ferry.run_once().returncode == 0
    ledger = ferry.state / "ledger.sqlite"
    ledger.write_bytes(b"a letter, not a database " * 200)
    for leftover in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
        (ferry.state / leftover).unlink(missing_ok=True)
    for _ in range(2):
        assert ferry.run_once().returncode == 1
    assert told(alerts) == [("ledger", False)]
    assert "restore a backup" in json.loads(alerts.read_text())["body"]
    ledger.unlink()
    with ferry.start():
        wait_for(lambda: told(alerts) == [("ledger", False), ("ledger", True)], saying=ferry.log_text)


def test_a_document_that_fails_just_before_the_end_is_told(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts"
    refused = {"on": "submit", "do": "status", "status": 422, "body": {"detail": "not a document"}}
    with FakeProvider("pulse", {"faults": [refused]}) as fake:
        config = {
            "providers": {"peer": {"dialect": "pulse", "url": fake.url}},
            "rules": [{"name": "all", "provider": "peer"}],
            "alerts": alerts_to(alerts),
            "log": {"names": False},
        }
        ferry = Ferry(tmp_path, config)
        ferry.drop(b"A letter.\n", "to mr. x/dear\tx.txt")
        done = ferry.run_once()
        assert done.returncode == 1
    assert told(alerts) == [("failed", False)]
    assert "dear" in alerts.read_text()  # a person must know which; the log has the name's stand-in
    assert "name:" in done.stderr
    assert "dear" not in done.stderr
    assert "mr. x" not in done.stderr
