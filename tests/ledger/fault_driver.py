"""The ledger on disks in trouble, in a mount namespace of its own.

``unshare --mount python -m ledger.fault_driver SCENARIO FOLDER`` mounts what it needs below FOLDER; all of it goes
with the process.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
from pathlib import Path

import pytest

from daemons import Ferry, wait_for
from docferry.errors import LedgerError
from docferry.ledger import Event, Ledger, LedgerReader
from docferry.ledger.integrity import IntegrityCheck
from ledger.documents import make_document
from outbox.fault_driver import Disk, shell
from peers.fake_provider import FakeProvider

ROUNDS = 6
CLAIMED = Event("claimed")


def power_loss(folder: Path) -> None:
    """Cuts the power at random moments during commits; whatever a caller was told is durable must be there."""
    disk, rng = Disk(folder), random.Random(11)
    state = disk.mount_point / "state"
    told: list[str] = []
    for number in range(ROUNDS):
        writer, says = _start_writer(state, number)
        listener = threading.Thread(target=_listen, args=(says, told))
        listener.start()
        known = len(told)
        wait_for(lambda known=known: len(told) > known)
        told_before_the_cut = disk.power_off_after(rng.uniform(0.0, 0.15), told)
        _, status = os.waitpid(writer, 0)
        assert status in (0, signal.SIGBUS), f"the writer ended with {status}"
        listener.join()
        del told[told_before_the_cut() :]
        disk.unplug()
        disk.power_on()
        Ledger(state).open().close()
        assert IntegrityCheck(state / "ledger.sqlite").run()
        with LedgerReader(state) as reader:
            there = {document.id for document in reader.documents(limit=None)}
            assert sum(reader.counts().get("scans", {}).values()) == len(there)
        assert set(told) <= there, f"{len(set(told) - there)} of {len(told)} were acknowledged and are gone"
        assert len(there) % 3 == 0, "half a commit"
    assert len(told) >= 3 * ROUNDS, "the power went before anything was written"


def _start_writer(state: Path, number: int) -> tuple[int, int]:
    """A process that commits until it cannot, and says on a pipe what is durable; its id, and where it is heard.

    It is a process of its own, since SQLite maps a file of the disk into memory: who touches it when the disk is gone
    gets SIGBUS.
    """
    hears, says = os.pipe()
    writer = os.fork()
    if writer:
        os.close(says)
        return writer, hears
    try:
        rng = random.Random(number)
        ledger = Ledger(state).open()
        for first in itertools.count(100_000 * number, 3):
            documents = [make_document(first + i, error="x" * rng.randrange(3000)) for i in range(3)]
            ledger.add_documents_sync(documents, CLAIMED)
            os.write(says, (" ".join(document.id for document in documents) + "\n").encode())
    except LedgerError:
        os._exit(0)
    finally:
        os._exit(1)


def _listen(hears: int, told: list[str]) -> None:
    with open(hears, encoding="ascii") as lines:
        for line in lines:
            told += line.split()


def read_only(folder: Path) -> None:
    """A state folder that cannot be written is one line; nothing is claimed."""
    ferry = Ferry(folder)
    Ledger(ferry.state).open().close()
    shell("mount", "--bind", ferry.state, ferry.state)
    shell("mount", "-o", "remount,bind,ro", ferry.state)
    dropped = ferry.drop(b"stays where it is", "a.txt")
    done = ferry.command("run", "--once")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    assert "is not writable" in done.stderr, done.stderr
    with pytest.raises(LedgerError, match="Read-only file system"):
        Ledger(ferry.state).open()
    assert dropped.exists()


def full(folder: Path) -> None:
    """With a full state disk nothing is claimed and nothing is lost; all goes on when there is room."""
    with FakeProvider("pulse", {"job_s": 600}) as fake:
        ferry = Ferry(folder, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.state.mkdir()
        shell("mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", ferry.state)
        with ferry.start():
            ferry.drop(b"on its way", "early.txt")
            wait_for(lambda: ferry.documents("waiting"), saying=ferry.log_text)
            ballast = ferry.state / "ballast"
            _fill(ballast)
            [job] = fake.seen.jobs.values()
            job.seconds = 0
            fake.script["job_s"] = 0
            late = ferry.drop(b"comes too late", "late.txt")
            ferry.command("resume", "local")  # writes, too
            wait_for(lambda: "disk is full" in ferry.log_text(), saying=ferry.log_text)
            assert late.exists(), "nothing is claimed that could not be recorded"
            ballast.unlink()
            states = {document.path: document.state.value for document in ferry.wait_for_ended(2)}
            assert states == {"early.txt": "delivered", "late.txt": "delivered"}
            assert len(fake.stats()["submissions"]) == 2
            assert ferry.stop() == 0


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


SCENARIOS = {"power loss": power_loss, "read-only": read_only, "full": full}


if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
