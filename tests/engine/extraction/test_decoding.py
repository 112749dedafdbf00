"""Text comes out as it was written, whatever the encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docferry.engine.extraction.decoding import decode_text, looks_binary
from docferry.engine.render import to_markdown
from engine.extraction.reading import read

GERMAN = (
    "Sehr geehrte Damen und Herren,\nwir bestätigen den Empfang Ihrer Bestellung über fünf Lampen. Die Größe und die "
    "Maße prüfen wir noch; für Rückfragen stehen wir gern zur Verfügung. Mit freundlichen Grüßen aus Köln, Jörg Weiß\n"
)
POLISH = (
    "Szanowni Państwo, dziękujemy za zamówienie. Wysyłka nastąpi w przyszłym tygodniu, a faktura zostanie dołączona "
    "do przesyłki. Proszę sprawdzić ilość sztuk i podać numer zamówienia. Z poważaniem, Piotr Żak, Łódź\n"
)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_german_text_in_every_usual_encoding(encoding: str) -> None:
    assert decode_text(GERMAN.encode(encoding)) == GERMAN


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859-2"])
def test_polish_text_in_its_old_encodings(encoding: str) -> None:
    assert "dziękujemy za zamówienie" in decode_text(POLISH.encode(encoding))


def test_declared_encoding_is_believed() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body><p>Łódź żółta</p></body></html>'
    assert "Łódź żółta" in to_markdown(read(page.encode("iso-8859-2")))


def test_line_ends_become_one_kind() -> None:
    assert decode_text(b"a\r\nb\rc\n") == "a\nb\nc\n"


@given(st.text())
def test_utf8_comes_back(text: str) -> None:
    encoded = text.encode("utf-8")
    if not encoded.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) and b"\0" not in encoded:
        assert decode_text(encoded) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_decode_to_something(content: bytes, partial: bool) -> None:
    decode_text(content, partial=partial)
    looks_binary(content)
