"""What a process pays and needs: nothing heavy for a text file, no network for anything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.extraction.reading import ROOT, SAMPLES

READ = """
import sys
from pathlib import Path
from docferry.engine.extraction.read import ReadOptions, read_document
from docferry.engine.render import to_markdown
print(to_markdown(read_document(Path(sys.argv[1]), ReadOptions())))
"""
HEAVY = {"numpy", "cv2", "onnxruntime", "rapidocr", "PIL", "pypdfium2", "liteparse", "xberg", "openpyxl"}


def run(code: str, sample: str, *before: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HOME": "/nonexistent"}
    command = [*before, sys.executable, "-c", code, str(SAMPLES / sample)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=110, check=False)


def test_text_file_loads_nothing_heavy() -> None:
    done = run(READ + f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)))", "notes.txt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("LOADED []\n")


def test_digital_pdf_does_not_load_the_recogniser() -> None:
    done = run(READ + "print('LOADED', sorted({'onnxruntime', 'rapidocr', 'cv2'} & set(sys.modules)))", "report.pdf")
    assert done.stdout.endswith("LOADED []\n"), done.stderr


def network_namespace() -> list[str]:
    """A command that runs another without any network, where the system lets us."""
    command = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this system does not allow network namespaces")
    return command


def test_picture_is_recognised_without_a_network() -> None:
    done = run(READ, "receipt.png", *network_namespace())
    assert done.returncode == 0, done.stderr
    assert "CORNER BAKERY" in done.stdout
    assert done.stderr == ""


def test_letter_is_read_without_a_network() -> None:
    done = run(READ, "letter.docx", *network_namespace())
    assert done.returncode == 0, done.stderr
    assert "forty lamps" in done.stdout
