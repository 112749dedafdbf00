"""A state folder without room: what is ours must be recordable, so nothing more is claimed until there is room."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from checker import check_all_ended
from daemons import Ferry, wait_for
from intake.namespaces import MOUNTS, alone, sh
from peers.fake_provider import FakeProvider

LETTER = b"A letter that waits for room.\n"


@alone(*MOUNTS)
def test_nothing_is_claimed_without_room_for_the_ledger_and_all_is_once_there_is() -> None:
    """Row 30."""
    folder = Path(tempfile.mkdtemp(prefix="docferry-full-"))
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(folder, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}})
        ferry.state.mkdir()
        sh("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", ferry.state)
        filler = ferry.state / "filler"
        filler.write_bytes(bytes(30_000_000))  # leaves less than is wanted, and enough to write what is ours
        dropped = ferry.drop(LETTER, "letter.txt")
        with ferry.start():
            wait_for(lambda: "ready: " in ferry.log_text(), saying=ferry.log_text)
            wait_for(lambda: _waits_for(ferry).startswith("room"), saying=ferry.log_text)
            assert any("the disk is full" in trouble for trouble in ferry.ask("status")["trouble"])
            assert dropped.read_bytes() == LETTER
            filler.unlink()
            assert [document.state for document in ferry.wait_for_ended(1)] == ["delivered"]
            assert ferry.stop() == 0
        check_all_ended(ferry, [LETTER])
    sh("umount", ferry.state)
    shutil.rmtree(folder)


def _waits_for(ferry: Ferry) -> str:
    [inbox] = ferry.ask("status")["inboxes"]
    [file] = inbox["waiting_files"]
    return str(file["waits_for"])
