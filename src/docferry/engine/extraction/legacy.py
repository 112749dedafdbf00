"""DOC and PPT, through LibreOffice where it is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from docferry.engine.extraction.errors import CorruptDocument, TooLarge, UnsupportedType
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.options import ReadOptions

PROGRAMS = ("soffice", "libreoffice")


def read_legacy(path: Path, media_type: str, options: ReadOptions) -> Document:
    """The file converted to PDF by LibreOffice and read as such, with pages and boxes."""
    from docferry.engine.extraction.pdf import read_pdf

    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise UnsupportedType(
            "old Office files (.doc, .ppt) need LibreOffice, which is not installed here; "
            "install it, or save the file as .docx, .pptx or PDF"
        )
    with tempfile.TemporaryDirectory(prefix="docferry-office-") as folder:
        pdf = convert(program, path, Path(folder), options.limits.office_time_s)
        return replace(read_pdf(pdf, options), media_type=media_type)


def convert(program: str, path: Path, folder: Path, time_s: float) -> Path:
    """The PDF that LibreOffice made of the file, in the folder; it uses a profile of its own there."""
    source = folder / "document"
    shutil.copyfile(path, source)
    command = [program, f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore"]
    command += ["--convert-to", "pdf", "--outdir", str(folder), str(source)]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, env=environment, cwd=folder) as running:
        try:
            running.wait(time_s)
        except subprocess.TimeoutExpired as error:
            kill_with_descendants(running.pid)
            raise TooLarge(
                "LibreOffice did not finish converting the file in time; save it as PDF and send that"
            ) from error
    made = folder / "document.pdf"
    if not made.exists():
        raise CorruptDocument("LibreOffice cannot open the file; save it again, or as PDF")
    return made


def kill_with_descendants(pid: int) -> None:
    """End a program and all it started: LibreOffice's own is a script, whose end alone its child would outlive."""
    with contextlib.suppress(OSError):  # it has ended meanwhile
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        os.kill(pid, signal.SIGKILL)
        for child in children:
            kill_with_descendants(int(child))
