"""E-mail: its headers as fields, its text, and every attachment as pages of the same document."""

from __future__ import annotations

import email
import email.policy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage, MIMEPart
from pathlib import Path

from docferry.engine.extraction.building import number_blocks
from docferry.engine.extraction.decoding import decode_text
from docferry.engine.extraction.errors import CorruptDocument, ExtractionError, TooLarge
from docferry.engine.extraction.hypertext import read_html
from docferry.engine.extraction.model import Block, BlockKind, Document, Page
from docferry.engine.extraction.options import Limits, ReadOptions
from docferry.engine.extraction.plaintext import paragraphs

HEADERS = ("From", "To", "Cc", "Date", "Subject")
UNREADABLE = {"smime.p7s", "winmail.dat"}


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes


def read_mail(path: Path, options: ReadOptions) -> Document:
    """The message, then each attachment; one that cannot be read is named in the warnings."""
    if path.stat().st_size > options.limits.text_bytes:
        raise TooLarge(f"the e-mail is larger than {options.limits.text_bytes // 1_048_576} MB; send its parts")
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        raise CorruptDocument("the e-mail cannot be read; save it again as .eml")
    return replace(from_message(message, options), media_type="message/rfc822")


def from_message(message: EmailMessage, options: ReadOptions) -> Document:
    subject = header(message, "Subject")
    attachments = list(find_attachments(message))
    if len(attachments) > options.limits.attachments:
        raise TooLarge(f"the e-mail has more than {options.limits.attachments} attachments; send them by themselves")
    blocks = [*header_blocks(message), *body_blocks(message, options.limits)]
    pages = [Page(number=1, width=None, height=None, blocks=tuple(blocks), source="native")]
    warnings: list[str] = []
    images: dict[str, bytes] = {}
    for attachment in attachments:
        part = read_attachment(attachment, options, warnings)
        if part is not None:
            prefix = f"attachment{len(pages)}-"
            pages.extend(appended(attachment, part, len(pages), prefix))
            warnings.extend(f"{attachment.name}: {warning}" for warning in part.warnings)
            images |= {prefix + name: content for name, content in part.images.items()}
    return Document("message/rfc822", number_blocks(pages), subject or None, images, tuple(warnings))


def header(message: EmailMessage, name: str) -> str:
    # The standard parser fails in all these ways on malformed headers.
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, KeyError, AttributeError, LookupError):
        return ""


def header_blocks(message: EmailMessage) -> Iterator[Block]:
    for name in HEADERS:
        value = header(message, name)
        if name == "Subject" and value:
            yield Block("", BlockKind.TITLE, value, 1, level=1)
        elif value:
            yield Block("", BlockKind.FORM_FIELD, value, 1, label=name)


def body_blocks(message: EmailMessage, limits: Limits) -> list[Block]:
    """The HTML body's blocks where there is one, for its tables and lists; else the plain text's paragraphs."""
    part = message.get_body(("html", "plain"))
    if part is None:
        return []
    text = part_text(part)
    if part.get_content_type() == "text/html" and text.strip():
        try:
            return [block for page in read_html(text, limits).pages for block in page.blocks]
        except ExtractionError:
            plain = message.get_body(("plain",))
            text = part_text(plain) if plain is not None else ""
    return paragraphs(text, 1)


def part_text(part: MIMEPart) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = part.get_content_charset()
    try:
        return content.decode(charset or "utf-8").replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError):
        return decode_text(content)


def find_attachments(message: EmailMessage) -> Iterator[Attachment]:
    """Every attached file and every message within; pictures that the HTML shows inline are left out."""
    for place, part in enumerate(message.iter_attachments(), start=1):
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            nested = inner[0] if isinstance(inner, list) and inner else None
            if isinstance(nested, EmailMessage):
                yield Attachment(part_name(part, f"message-{place}.eml"), nested.as_bytes())
            continue
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and content and not is_inline_picture(part):
            yield Attachment(part_name(part, f"attachment-{place}"), content)


def is_inline_picture(part: EmailMessage) -> bool:
    return (
        part.get_content_maintype() == "image"
        and part.get("Content-ID") is not None
        and part.get_content_disposition() != "attachment"
    )


def part_name(part: EmailMessage, default: str) -> str:
    try:
        name = part.get_filename() or default
    except (ValueError, LookupError):
        name = default
    return " ".join(name.split())[:200] or default


def read_attachment(attachment: Attachment, options: ReadOptions, warnings: list[str]) -> Document | None:
    from docferry.engine.extraction.read import read_document

    if attachment.name.lower() in UNREADABLE:
        return None
    depth = options.limits.attachment_depth
    if depth < 1:
        warnings.append(f"{attachment.name}: not read, messages are nested too deeply")
        return None
    inner = replace(options, pages=None, limits=replace(options.limits, attachment_depth=depth - 1))
    with tempfile.NamedTemporaryFile(prefix="docferry-attachment-") as file:
        file.write(attachment.content)
        file.flush()
        try:
            return read_document(Path(file.name), inner)
        except ExtractionError as error:
            warnings.append(f"{attachment.name}: not read, {error.message}")
            return None


def appended(attachment: Attachment, part: Document, after: int, prefix: str) -> Iterator[Page]:
    """The attachment's pages, numbered on; the first begins with the attachment's name as a heading."""
    heading = Block("", BlockKind.HEADING, attachment.name, after + 1, level=2)
    for offset, page in enumerate(part.pages, start=1):
        blocks = [
            replace(block, page=after + offset, image=block.image and f"{prefix}{block.image}") for block in page.blocks
        ]
        yield replace(page, number=after + offset, blocks=(heading, *blocks) if offset == 1 else tuple(blocks))
