"""50,000 atomic saves in a burst, three times what the kernel's queue holds: every one is taken."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from intake.station import make_station

SAVES = 50_000
SAVER = """
import os, sys
folder, saves = sys.argv[1], int(sys.argv[2])
os.chdir(folder)
for number in range(saves):
    temporary = f".{number}.pdf.AbC123"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(fd, b"%%PDF-1.4 save %d\\n%%%%EOF\\n" % number)
    os.close(fd)
    os.rename(temporary, f"{number}.pdf")
"""


def test_fifty_thousand_atomic_saves_are_all_taken(record_property: Callable[[str, object], None]) -> None:
    """Row 1. On a memory filesystem where there is one: nothing here is about the disk."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        station = make_station(Path(folder))
        began_s = time.process_time()
        with station.running():
            station.until_watching()
            saver = subprocess.Popen([sys.executable, "-c", SAVER, str(station.path), str(SAVES)])
            assert saver.wait() == 0
            station.until(lambda: len(station.claimed) >= SAVES, "all claims", 300)
            assert station.paths == {f"{number}.pdf" for number in range(SAVES)}
            assert len(station.claimed) == SAVES
        overflows = sum(event.kind.value == "overflow" for event in station.events)
        took_s = time.process_time() - began_s
        record_property("figures", f"burst: {SAVES} saves claimed, {overflows} overflows, {took_s:.1f} s of processor")
