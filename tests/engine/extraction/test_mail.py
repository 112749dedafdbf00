"""E-mail with its headers, bodies and attachments."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from docferry.engine.extraction.errors import TooLarge
from docferry.engine.extraction.model import BlockKind
from docferry.engine.extraction.options import Limits
from docferry.engine.extraction.read import ReadOptions
from docferry.engine.render import to_markdown
from engine.extraction.reading import SAMPLES, read, tables


def mail(body: str = "Good morning,\n\nplease find the report attached.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Nadia Okafor <nadia@example.org>"
    message["To"] = "piotr@example.org"
    message["Subject"] = "Übersicht der Häfen"
    message["Date"] = "Mon, 02 Mar 2026 09:30:00 +0100"
    message.set_content(body)
    return message


def attach(
    message: EmailMessage, name: str, content: bytes, maintype: str = "application", subtype: str = "octet-stream"
) -> None:
    message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)


def test_headers_and_text() -> None:
    document = read(mail().as_bytes())
    fields = {block.label: block.text for block in document.blocks if block.kind is BlockKind.FORM_FIELD}
    assert document.media_type == "message/rfc822"
    assert document.title == "Übersicht der Häfen"
    assert fields["From"] == "Nadia Okafor <nadia@example.org>"
    assert "please find the report attached" in to_markdown(document)


def test_html_body_is_preferred_for_its_tables() -> None:
    message = mail()
    message.add_alternative("<p>Hello</p><table><tr><th>Berth</th></tr><tr><td>North</td></tr></table>", subtype="html")
    assert tables(read(message.as_bytes())) == [[["Berth"], ["North"]]]


def test_attachments_become_pages_under_their_name() -> None:
    message = mail()
    attach(message, "report.pdf", (SAMPLES / "report.pdf").read_bytes())
    attach(message, "budget.xlsx", (SAMPLES / "budget.xlsx").read_bytes())
    document = read(message.as_bytes())
    markdown = to_markdown(document)
    assert [page.number for page in document.pages] == list(range(1, 8))
    assert "## report.pdf" in markdown
    assert "A second tug entered service in March." in markdown
    assert "13,100.50" in markdown
    assert len({block.id for block in document.blocks}) == len(document.blocks)


def test_unreadable_attachment_is_named_and_the_rest_read() -> None:
    message = mail()
    attach(message, "broken.pdf", b"%PDF-1.7 broken")
    attach(message, "notes.txt", b"second attachment")
    document = read(message.as_bytes())
    assert any(warning.startswith("broken.pdf: not read") for warning in document.warnings)
    assert "second attachment" in to_markdown(document)


def test_attached_message_is_read_to_a_depth() -> None:
    inner = mail("innermost words\n")
    for _ in range(6):
        outer = mail("around it\n")
        outer.add_attachment(inner)
        inner = outer
    document = read(inner.as_bytes(), ReadOptions(limits=Limits(attachment_depth=2)))
    assert any("nested too deeply" in warning for warning in document.warnings)
    assert to_markdown(document).count("around it") == 3


def test_too_many_attachments_are_refused() -> None:
    message = mail()
    for number in range(4):
        attach(message, f"{number}.txt", b"x")
    with pytest.raises(TooLarge, match="attachments"):
        read(message.as_bytes(), ReadOptions(limits=Limits(attachments=3)))


def test_text_in_an_unknown_charset_is_still_read() -> None:
    raw = b"From: a@b.c\nTo: d@e.f\nSubject: x\nContent-Type: text/plain; charset=nonsense\n\nstill readable\n"
    assert "still readable" in to_markdown(read(raw))
