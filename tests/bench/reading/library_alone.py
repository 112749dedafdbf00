"""The layout library called directly, as a script would: one PDF read COUNT times by THREADS threads of one process.

    python tests/bench/reading/library_alone.py FILE COUNT THREADS

Prints the seconds and the CPU seconds, loading of the library not counted.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from liteparse import LiteParse


def main(path: str, count: int, threads: int) -> None:
    parser = LiteParse(
        ocr_enabled=False,
        keep_headers_footers=True,
        preserve_very_small_text=True,
        extract_blocks=True,
        output_format="markdown",
        quiet=True,
    )
    parser.parse(path)
    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: parser.parse(path), range(count)))
    print(json.dumps({"seconds": time.monotonic() - began, "cpu_s": time.process_time() - cpu}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
