"""A 2 GB upload does not raise the memory by more than 32 MB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from docferry.providers.base import Upload
from providers.support import run, submission

SIZE_BYTES = 2 << 30
ALLOWED_GROWTH_KB = 32 * 1024
SINK = Path(__file__).with_name("sink.py")


def _memory_kb(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))


def _forget_the_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def test_an_upload_of_2_gb_takes_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    with path.open("wb") as file:
        file.truncate(SIZE_BYTES)  # a hole: reads as zeros, takes no disk
    progress: list[int] = []
    upload = Upload(path, SIZE_BYTES, "application/pdf", progress.append)
    before_kb = 0

    async def work(peer: Any) -> Any:
        nonlocal before_kb
        _forget_the_peak()
        before_kb = _memory_kb("VmRSS")
        return await peer.submit(submission(upload), tmp_path / "answer")

    with subprocess.Popen([sys.executable, str(SINK)], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        accepted = run("pulse", sink.stdout.readline().strip(), work)
    assert _memory_kb("VmHWM") - before_kb < ALLOWED_GROWTH_KB
    assert accepted.sent.size_bytes == SIZE_BYTES
    assert progress[-1] == SIZE_BYTES
    assert int(accepted.job_id) > SIZE_BYTES, "the whole form arrived"
