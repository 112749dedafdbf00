"""Short ways to read bytes and pictures in tests."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from docferry.engine.extraction.building import table_rows
from docferry.engine.extraction.model import Document
from docferry.engine.extraction.pixels import Picture
from docferry.engine.extraction.read import ReadOptions, read_document

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "config" / "samples"
EVERYTHING = ReadOptions(words=True, images=True)


def read(content: bytes, options: ReadOptions = EVERYTHING, filename: str | None = None) -> Document:
    """The document in the bytes, read from a file whose name says nothing."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_document(Path(file.name), options, filename=filename)


@lru_cache
def sample(name: str) -> Document:
    """A shipped sample with its words and pictures, read once for all tests."""
    return read_document(SAMPLES / name, EVERYTHING, filename=name)


def tables(document: Document) -> list[list[list[str]]]:
    return [table_rows(block.table) for block in document.blocks if block.table is not None]


def pixels(picture: Image.Image) -> Picture:
    """The picture as the recogniser takes it: rows of blue, green, red."""
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])
