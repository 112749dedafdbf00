"""A recognised page written as a PDF of plain text and lines, so that one layout engine reads every page.

Each piece of text stands where it was recognised, stretched to its width, in a font whose character codes
are Unicode itself; ruled lines are drawn. The file is only ever read back by the layout engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# Advance widths in thousandths of the font size, near those of common fonts: where a narrow letter had a wide
# advance, the reader would see a space behind it.
OTHER_WIDTH = 556
WIDTHS = {
    222: "ijl'|‘’`ıĺľĩíìîï",
    278: "I .,:;!/\\[]ftÍÌÎÏ·",
    333: '()-r{}"°*ŕřţť“”',
    500: "cksvxyzJçćčśšşýÿźżž",
    667: "ABEKPSVXYÀÁÂÃÄÅĄÈÉÊËĘĚŚŠÝ&",
    722: "CDHNRUwÇĆČĎŃÑŇÙÚÛÜŮ",
    778: "GOQÒÓÔÕÖØ",
    833: "mMW%@œæŒÆ",
}
GLYPH_WIDTHS = {character: width for width, characters in WIDTHS.items() for character in characters}
ASCENT, DESCENT = 800, -200
TO_UNICODE = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CMapName /Plain def /CMapType 2 def
1 begincodespacerange <0000> <FFFF> endcodespacerange
%s
endcmap end end"""


class Piece(NamedTuple):
    """A text, where its ink begins and ends, and its baseline and font size; points from the page's top left."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool = False


class Rule(NamedTuple):
    """A straight line, level or plumb, in points from the page's top left."""

    left: float
    top: float
    right: float
    bottom: float


def sheet_pdf(width: float, height: float, pieces: Sequence[Piece], rules: Sequence[Rule] = ()) -> bytes:
    """A PDF of one page with the pieces and rules."""
    drawing = ["0.7 w"]
    drawing += [
        f"{rule.left:.2f} {height - rule.top:.2f} m {rule.right:.2f} {height - rule.bottom:.2f} l S" for rule in rules
    ]
    drawing.append("BT")
    drawing += [show(piece, height) for piece in pieces if piece.text]
    drawing.append("ET")
    content = "\n".join(drawing).encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] /Contents 4 0 R "
        "/Resources << /Font << /F 5 0 R /B 8 0 R >> >> >>".encode("ascii"),
        stream(content),
        *font("Plain", first=5),
        *font("Plain-Bold", first=8),
        stream(TO_UNICODE % ranges()),
    ]
    return assemble(objects)


def font(name: str, first: int) -> list[bytes]:
    """The three objects of a font whose first has that number; the table of characters is object 11."""
    widths = " ".join(f"{ord(character)} [{width}]" for character, width in sorted(GLYPH_WIDTHS.items()))
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H "
        f"/DescendantFonts [{first + 1} 0 R] /ToUnicode 11 0 R >>".encode("ascii"),
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /DW {OTHER_WIDTH} /W [{widths}] "
        f"/FontDescriptor {first + 2} 0 R "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>".encode("ascii"),
        f"<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [0 {DESCENT} 1000 {ASCENT}] "
        f"/ItalicAngle 0 /Ascent {ASCENT} /Descent {DESCENT} /CapHeight 700 /StemV 80 >>".encode("ascii"),
    ]


def show(piece: Piece, page_height: float) -> str:
    """The operators that set one piece: size, stretch, place, characters."""
    natural = text_width(piece.text) * piece.size
    stretch = 100 * max(0.5, piece.right - piece.left) / natural
    baseline = page_height - piece.baseline
    name = "B" if piece.bold else "F"
    return (
        f"/{name} {piece.size:.2f} Tf {stretch:.3f} Tz 1 0 0 1 {piece.left:.2f} {baseline:.2f} Tm "
        f"<{plain(piece.text).encode('utf-16-be').hex()}> Tj"
    )


def text_width(text: str) -> float:
    """The natural width of the text, in font sizes."""
    return sum(GLYPH_WIDTHS.get(character, OTHER_WIDTH) for character in text) / 1000


def plain(text: str) -> str:
    """The text in characters of 16 bits, without those that would confuse a PDF reader."""
    return "".join(
        character if " " <= character <= "\uffff" and character != "\u00ad" else "\ufffd" for character in text
    )


def ranges() -> bytes:
    """The identity table by rows: a range of a CMap may not cross a first byte."""
    rows = [f"<{row:02X}00> <{row:02X}FF> <{row:02X}00>" for row in range(256)]
    blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    return "\n".join(f"{len(block)} beginbfrange\n" + "\n".join(block) + "\nendbfrange" for block in blocks).encode()


def stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)


def assemble(objects: Sequence[bytes]) -> bytes:
    """The numbered objects with their table of offsets."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
