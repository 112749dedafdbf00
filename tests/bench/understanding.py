"""Figures of understanding: fields of invoices by JSON Schema, and pages split by topics, on documents not written for.

python -m bench.understanding            (from the folder tests; --details names every miss)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.reading.figures import Figure, Setting, share
from corpus.understanding import development, heldout_first, heldout_second, heldout_third, topics
from corpus.understanding.drawing import Verdict, judge
from docferry.engine.extraction.model import Block, BlockKind, Document, Page
from docferry.engine.extraction.read import ReadOptions, read_document
from docferry.engine.understanding import extract_schema, split_pages


def invoices(module: ModuleType, *, details: bool) -> Counter[str]:
    """The verdicts on the ten invoices of a set, counted; printed one by one if wished."""
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for sample in module.samples():
            path = Path(folder, f"{sample.name}.pdf")
            path.write_bytes(sample.pdf)
            document = read_document(path, ReadOptions(words=True))
            verdicts = judge(sample.truth, extract_schema(document, module.SCHEMA).values)
            total.update(verdict.kind for verdict in verdicts)
            if details:
                for verdict in verdicts:
                    show(sample.name, verdict)
    return total


def show(name: str, verdict: Verdict) -> None:
    if verdict.kind not in {"right", "null"}:
        where = ".".join(map(str, verdict.path))
        print(f"  {name} {where}: {verdict.kind}, wanted {verdict.wanted!r}, got {verdict.got!r}")


def report(title: str, total: Counter[str], took_s: float) -> None:
    stated = total["right"] + total["missed"] + total["wrong"]
    given = total["right"] + total["wrong"] + total["invented"]
    print(
        f"{title}: right {total['right']} of {stated} ({total['right'] / stated:.1%}), missed {total['missed']}, "
        f"wrong {total['wrong']}, invented {total['invented']} of {given} given; {took_s:.1f} s"
    )


def figures(setting: Setting) -> Iterator[Figure]:
    """Of the invoices and pages that were held out last."""
    total = invoices(heldout_third, details=False)
    stated = total["right"] + total["missed"] + total["wrong"]
    yield share("understanding: fields of ten invoices held out", total["right"], stated, 0.8)
    yield Figure("understanding: fields invented", str(total["invented"]), "0", total["invented"] == 0)
    right, pages = split(details=False)
    yield share("understanding: pages split to their topic", right, pages, 0.9)


def split(*, details: bool) -> tuple[int, int]:
    """How many pages of the bundles went to their topic, and of how many."""
    right = total = 0
    for bundle in topics.BUNDLES:
        pages = tuple(
            Page(number, None, None, (Block(f"txt-{number}", BlockKind.TEXT, text, number),))
            for number, (text, _) in enumerate(bundle.pages, 1)
        )
        assigned = split_pages(Document("application/pdf", pages), bundle.topics)
        for number, (_, place) in enumerate(bundle.pages, 1):
            is_right = number in assigned[bundle.topics[place].name]
            right, total = right + is_right, total + 1
            if details and not is_right:
                print(f"  {bundle.name}: page {number} is not under '{bundle.topics[place].name}'")
    return right, total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--details", action="store_true")
    details = parser.parse_args().details
    for title, module in (
        ("invoices seen while writing", development),
        ("held out, first set", heldout_first),
        ("held out, second set", heldout_second),
        ("held out, third set", heldout_third),
    ):
        started = time.monotonic()
        total = invoices(module, details=details)
        report(title, total, time.monotonic() - started)
        if hasattr(module, "FIRST_MEASURED"):
            print(f"  when it was still unseen: {module.FIRST_MEASURED}")
    started = time.monotonic()
    right, pages = split(details=details)
    took_s = time.monotonic() - started
    print(f"split: {right} of {pages} pages to their topic ({right / pages:.1%}); {took_s:.1f} s")
    print(f"  when it was still unseen: {topics.FIRST_MEASURED}")


if __name__ == "__main__":
    main()
