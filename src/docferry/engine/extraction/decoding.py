"""Bytes to text, whatever the encoding."""

from __future__ import annotations

import codecs
import re

BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.I)
TELLING = 8  # bytes beyond ASCII; fewer say nothing, and the commonest encoding is the best guess
# In the order of how often they are met; rarer ones would win by accident, since nearly all bytes are letters in them.
LIKELY = ["cp1252", "cp1250", "iso8859_2", "cp1251", "cp1253", "cp1254", "cp1257", "koi8_r", "cp850", "mac_roman",
          "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]  # fmt: skip
CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"


def looks_binary(head: bytes) -> bool:
    """Whether bytes are no text in any usual encoding: control characters that no text holds."""
    if any(head.startswith(bom) for bom, _ in BOMS) or utf16_without_bom(head):
        return False
    controls = sum(head.count(bytes([control])) for control in CONTROLS)
    return b"\0" in head or controls > len(head) / 50


def decode_text(content: bytes, *, partial: bool = False) -> str:
    """The text: by byte order mark, as UTF-8, by its own declaration, else by the most likely encoding.

    ``partial``: the content may end within a character. Line ends become ``\\n``.
    """
    return encoding_of(content, partial)[0].replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(content: bytes, partial: bool) -> tuple[str, str]:
    for bom, encoding in BOMS:
        if content.startswith(bom):
            return content.decode(encoding, "ignore" if partial else "replace"), encoding
    if (encoding16 := utf16_without_bom(content)) is not None:
        return content.decode(encoding16, "replace"), encoding16
    utf8 = as_utf8(content, partial)
    if utf8 is not None:
        return utf8, "utf-8"
    declared = declared_encoding(content)
    if declared is not None:
        return content.decode(declared, "replace"), declared
    return by_likelihood(content)


def utf16_without_bom(content: bytes) -> str | None:
    """UTF-16 of mostly Latin text, which has a zero byte in every second place."""
    sample = content[:2000]
    if len(sample) < 4 or (len(content) % 2 and len(content) < 2000):
        return None
    for encoding, text, zeros in (("utf-16-le", sample[0::2], sample[1::2]), ("utf-16-be", sample[1::2], sample[0::2])):
        controls = sum(byte in CONTROLS for byte in text)
        if zeros.count(0) > len(zeros) * 0.7 and controls <= len(text) * 0.02:
            return encoding
    return None


def as_utf8(content: bytes, partial: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content, final=not partial)
    except UnicodeDecodeError:
        return None


def declared_encoding(content: bytes) -> str | None:
    match = DECLARED.search(content[:4096])
    if match is None:
        return None
    try:
        name = codecs.lookup(match[1].decode("ascii")).name
        "".encode(name)
    except (LookupError, ValueError):
        return None
    return None if name.startswith(("utf", "idna", "punycode")) else name


def by_likelihood(content: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    foreign = sum(byte > 127 for byte in content[:200_000])
    if foreign < TELLING:
        return content.decode("cp1252", "replace"), "cp1252"
    best = from_bytes(content[:200_000], cp_isolation=LIKELY, threshold=0.4).best()
    encoding = best.encoding if best is not None else "cp1252"
    return content.decode(encoding, "replace"), encoding
