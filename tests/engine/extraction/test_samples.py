"""The shipped samples give what is known of them, and the broken ones an understandable reason."""

from __future__ import annotations

import json

import pytest

from docferry.engine.extraction.errors import CorruptDocument, EmptyDocument, ExtractionError
from docferry.engine.extraction.read import ReadOptions, read_document
from docferry.engine.render import to_markdown
from engine.extraction.reading import ROOT, SAMPLES, sample

TRUTH: dict[str, list[str]] = json.loads((ROOT / "tests" / "corpus" / "truth.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_markdown_of_sample_holds_known_phrases(name: str) -> None:
    markdown = to_markdown(sample(name))
    assert [phrase for phrase in TRUTH[name] if phrase not in markdown] == []


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [
        ("truncated.pdf", CorruptDocument, "download it again"),
        ("not-a.pdf", CorruptDocument, "its content is no PDF"),
        ("empty.pdf", EmptyDocument, "0 bytes"),
    ],
)
def test_broken_sample_is_refused_with_a_reason(name: str, error: type[ExtractionError], hint: str) -> None:
    with pytest.raises(error, match=hint):
        read_document(SAMPLES / "bad" / name, ReadOptions(), filename=name)


def test_text_named_like_a_text_is_read_whatever_its_content_was_called_before() -> None:
    document = read_document(SAMPLES / "bad" / "not-a.pdf", ReadOptions(), filename="letter.txt")
    assert document.media_type == "text/plain"
