"""Worksheets of XLSX files as they are shown: number formats applied, hidden parts left out."""

from __future__ import annotations

from pathlib import Path

from docferry.engine.extraction.model import Document
from docferry.engine.extraction.office import read_office
from docferry.engine.extraction.options import ReadOptions


def read_spreadsheet(path: Path, media_type: str, options: ReadOptions) -> Document:
    return read_office(path, media_type, options)
