"""The engine's libraries alone: every document of a folder read on all cores of one process, nothing else.

    python tests/bench/speed/bare_engine.py FOLDER

Prints the pages and the pages a second, loading of the libraries not counted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from docferry.engine.extraction.read import ReadOptions, read_document
from docferry.engine.render import to_markdown


def read(path: Path) -> int:
    """The document's pages."""
    document = read_document(path, ReadOptions(), filename=path.name)
    to_markdown(document)
    return len(document.pages)


def main(folder: Path) -> None:
    files = sorted(folder.iterdir())
    for file in {file.suffix: file for file in files}.values():
        read(file)
    began = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pages = sum(pool.map(read, files))
    print(json.dumps({"pages": pages, "pages_per_s": pages / (time.monotonic() - began)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
