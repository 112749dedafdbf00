"""Letters, slides, web pages and Markdown."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from corpus import office
from docferry.engine.extraction.errors import CorruptDocument, TooLarge, UnsupportedType
from docferry.engine.extraction.model import BlockKind
from docferry.engine.extraction.options import Limits
from docferry.engine.extraction.read import ReadOptions
from docferry.engine.extraction.sniff import OLE
from docferry.engine.render import to_html, to_markdown
from engine.extraction.reading import SAMPLES, read, tables
from engine.server.machine import command_line, wait_for


def test_letter_keeps_headings_lists_table_and_bold() -> None:
    document = read((SAMPLES / "letter.docx").read_bytes())
    kinds = [(block.kind, block.text) for block in document.blocks]
    assert (BlockKind.TITLE, "Offer for harbour lamps") in kinds
    assert (BlockKind.HEADING, "Delivery") in kinds
    assert (BlockKind.LIST_ITEM, "Packed in wooden crates") in kinds
    assert tables(document)[0][2] == ["Pier lamp", "10", "EUR 310.50"]
    assert "**forty lamps**" in to_markdown(document)
    assert "<strong>forty lamps</strong>" in to_html(document)


def test_slides_are_pages_with_titles_and_notes() -> None:
    document = read(office.slides_pptx())
    assert len(document.pages) == 2
    assert document.pages[1].blocks[0].text == "Timetable"
    assert document.pages[1].blocks[0].kind is BlockKind.HEADING
    assert "Mention the subsidy" in to_markdown(document)
    assert [page.number for page in read(office.slides_pptx(), ReadOptions(pages="2")).pages] == [2]


def test_web_page_without_scripts_styles_and_navigation() -> None:
    document = read((SAMPLES / "page.html").read_bytes())
    markdown = to_markdown(document)
    assert "[long table](https://example.org/tides)" in markdown
    assert "alert" not in markdown
    assert "navy" not in markdown
    assert tables(document) == [[["Tide", "Time", "Height"], ["High", "04:12", "5.1 m"], ["Low", "10:27", "0.8 m"]]]


def test_hostile_links_and_tags_do_not_come_through() -> None:
    page = b"<html><body><p><a href='javascript:alert(1)'>click</a> &lt;script&gt;x&lt;/script&gt;</p></body></html>"
    document = read(page)
    assert "javascript" not in to_markdown(document)
    assert "<script>" not in to_html(document)


def test_markdown_comes_back_as_it_was() -> None:
    source = "# Title\n\nSome **bold** text.\n\n- one\n- two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    assert to_markdown(read(source.encode())) == source


def test_csv_is_one_table_whatever_the_delimiter() -> None:
    assert tables(read(b'name;note\nA;"x; y"\nB;z\n')) == [[["name", "note"], ["A", "x; y"], ["B", "z"]]]


def test_damaged_letter_is_refused() -> None:
    content = (SAMPLES / "letter.docx").read_bytes()
    with pytest.raises((CorruptDocument, UnsupportedType)):
        read(content[: len(content) // 2])


def test_archive_that_unpacks_to_too_much_is_refused_unread() -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 30_000_000)
    with pytest.raises(TooLarge, match="unpack"):
        read(buffer.getvalue())
    with pytest.raises(TooLarge):
        read((SAMPLES / "letter.docx").read_bytes(), ReadOptions(limits=Limits(archive_entries=5)))


def test_old_word_file_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedType, match="LibreOffice"):
        read(OLE + b"\0" * 100 + "WordDocument".encode("utf-16-le"))


def old_word_file() -> bytes:
    return OLE + b"\0" * 100 + "WordDocument".encode("utf-16-le")


def put_in_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program that takes LibreOffice's arguments: ``$7`` is the folder for the PDF, ``$8`` the file."""
    program = folder / "soffice"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_old_word_file_goes_through_libreoffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_its_place(tmp_path, monkeypatch, f'[ -s "$8" ] && cp {SAMPLES / "report.pdf"} "$7/document.pdf"')
    document = read(old_word_file())
    assert document.media_type == "application/msword"
    assert "Timber Pier" in to_markdown(document)
    assert document.pages[0].words


def test_a_conversion_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_its_place(tmp_path, monkeypatch, "exit 77")
    with pytest.raises(CorruptDocument, match="LibreOffice cannot open"):
        read(old_word_file())


def test_a_conversion_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_its_place(tmp_path, monkeypatch, f"sleep 300 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(TooLarge, match="LibreOffice did not finish"):
        read(old_word_file(), ReadOptions(limits=Limits(office_time_s=4.0)))
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: "sleep" not in command_line(child))


@pytest.mark.parametrize("content", [b"\x7fELF" + b"\0\1\2" * 50, b"MZ\x90\0" + b"\0\3" * 50])
def test_programs_are_no_documents(content: bytes) -> None:
    with pytest.raises(UnsupportedType, match="send PDF"):
        read(content)


def test_page_selection_of_a_letter_is_ignored_with_a_note() -> None:
    document = read((SAMPLES / "letter.docx").read_bytes(), ReadOptions(pages="2-3"))
    assert "forty lamps" in to_markdown(document)
    assert any("no pages of its own" in warning for warning in document.warnings)


MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)


def open_document_sheet() -> bytes:
    """An ODS workbook of two sheets."""
    names = ["office:1.0", "table:1.0", "text:1.0"]
    spaces = " ".join(f'xmlns:{n.split(":")[0]}="urn:oasis:names:tc:opendocument:xmlns:{n}"' for n in names)
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    sheets = "".join(
        f'<table:table table:name="{name}"><table:table-row>{"".join(map(cell.format, row))}</table:table-row>'
        "</table:table>"
        for name, row in (("Boats", ("Heron", "12 m")), ("Crews", ("Okafor", "pilot")))
    )
    content = f'<office:document-content {spaces} office:version="1.3"><office:body><office:spreadsheet>{sheets}'
    content += "</office:spreadsheet></office:body></office:document-content>"
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", MANIFEST)
    return buffer.getvalue()


def test_sheets_of_an_open_document_are_pages_with_names() -> None:
    document = read(open_document_sheet())
    found = [block.table.sheet_name for block in document.blocks if block.table is not None]
    assert (len(document.pages), found) == (2, ["Boats", "Crews"])
    assert tables(document)[0] == [["Heron", "12 m"]]
