"""E-mail: headers, text and attachments."""

from __future__ import annotations

from pathlib import Path

from docferry.engine.extraction.model import Document
from docferry.engine.extraction.options import ReadOptions
from docferry.engine.extraction.plaintext import read_text


def read_mail(path: Path, options: ReadOptions) -> Document:
    return read_text(path, options)
