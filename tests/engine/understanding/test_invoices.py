"""Real PDF invoices, read by the real reader and answered by a schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus.understanding import development
from corpus.understanding.drawing import Sample, counted, judge
from docferry.engine.extraction.read import ReadOptions, read_document
from docferry.engine.understanding import extract_schema


@pytest.mark.parametrize("sample", development.samples(), ids=lambda sample: sample.name)
def test_invoices_in_six_languages_are_read(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(sample.pdf)
    document = read_document(path, ReadOptions(words=True))
    answer = extract_schema(document, development.SCHEMA)
    verdicts = judge(sample.truth, answer.values)
    assert [verdict for verdict in verdicts if verdict.kind in {"wrong", "invented", "missed"}] == []
    assert counted(verdicts)["right"] >= 15


def test_citations_stand_where_the_value_is_printed(tmp_path: Path) -> None:
    (sample,) = [each for each in development.samples() if each.name == "fr"]
    path = tmp_path / "invoice.pdf"
    path.write_bytes(sample.pdf)
    document = read_document(path, ReadOptions(words=True))
    answer = extract_schema(document, development.SCHEMA)
    (citation,) = answer.citations["total"]
    box = citation["box"]
    inside = [
        word.text
        for word in document.pages[0].words
        if box["left"] - 0.001 <= word.box.left <= box["right"] and box["top"] - 0.001 <= word.box.top <= box["bottom"]
    ]
    assert "016,80" in "".join(inside)
    assert citation["id"] in {block.id for block in document.blocks}
