"""PDFs with one peculiarity each: encrypted, a form, garbled text, mixed pages, small print, a figure."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

SENTENCE = "The tide turned at noon and the ferry left the northern quay with forty passengers."


def encrypted_pdf(user: str, owner: str = "master") -> bytes:
    """A page that opens with the user's password; with an empty one everybody may read and nobody change it."""
    buffer = BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption(user, ownerPassword=owner, strength=128), invariant=1)
    canvas.drawString(72, 700, SENTENCE)
    canvas.save()
    return buffer.getvalue()


def form_pdf() -> bytes:
    """A form with a text field, two check boxes and a choice."""
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    canvas.drawString(50, 760, "Registration of a vessel at the harbour office")
    form = canvas.acroForm
    form.textfield(name="person.name", tooltip="Full name", x=150, y=700, width=200, height=20, value="Jane Doe")
    form.checkbox(name="agreed", x=150, y=660, checked=True)
    form.checkbox(name="newsletter", x=150, y=630, checked=False)
    form.choice(name="colour", x=150, y=590, value="Red", options=["Red", "Blue"], width=80, height=20)
    canvas.save()
    return buffer.getvalue()


def figure_pdf() -> bytes:
    """A picture between two paragraphs."""
    picture = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(picture).ellipse((40, 30, 250, 170), fill="navy")
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for line in range(5):
        canvas.drawString(60, 760 - 15 * line, f"Before the figure: {SENTENCE[:60]} {line}")
    canvas.drawImage(ImageReader(picture), 100, 450, 240, 160)
    for line in range(5):
        canvas.drawString(60, 400 - 15 * line, f"After the figure: {SENTENCE[:60]} {line}")
    canvas.save()
    return buffer.getvalue()


def rotated_pdf() -> bytes:
    """A page that its viewer turns by a quarter."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=(842, 595), invariant=1)
    canvas.setPageRotation(90)
    canvas.saveState()
    canvas.translate(842, 0)
    canvas.rotate(90)
    canvas.drawString(72, 700, SENTENCE)
    canvas.restoreState()
    canvas.save()
    return buffer.getvalue()


def small_print_pdf() -> bytes:
    """Body text and a line of three points."""
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for line in range(6):
        canvas.drawString(60, 700 - 15 * line, f"{SENTENCE} {line}")
    canvas.setFont("Helvetica", 3)
    canvas.drawString(60, 500, "Liability is limited to gross negligence.")
    canvas.save()
    return buffer.getvalue()


def stamped_scan_pdf(picture: Image.Image) -> bytes:
    """A page that is a picture, with a digital line at its head, as fax machines and archives add."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=(300, 310), invariant=1)  # small, since it is recognised in tests
    canvas.drawImage(ImageReader(picture.convert("RGB")), 0, 0, 300, 310)
    canvas.setFont("Helvetica", 7)
    canvas.drawString(20, 300, "Received by fax from +1 555 0142 on 18 March 2026 at 08:41, page 1 of 1")
    canvas.save()
    return buffer.getvalue()


def blank_pdf(pages: int = 1) -> bytes:
    buffer = BytesIO()
    canvas = Canvas(buffer, invariant=1)
    for _ in range(pages):
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def garbled_pdf() -> bytes:
    """Text that shows as it should, and whose character table gives mathematical signs instead."""
    plain = BytesIO()
    canvas = Canvas(plain, pagesize=(320, 300), invariant=1, pageCompression=0)
    canvas.setFont("Helvetica", 14)
    for line in range(9):
        canvas.drawString(30, 270 - 30 * line, f"Harbour dues for vessel number {line}")
    canvas.save()
    content = plain.getvalue()
    table = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def "
    table += b"1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfrange <20> <FF> <2220> endbfrange "
    table += b"endcmap end end"
    return with_character_table(content, table)


def with_character_table(content: bytes, table: bytes) -> bytes:
    """The PDF with the table added to its Helvetica, and its list of objects written anew."""
    import pypdf
    from pypdf.generic import DecodedStreamObject, NameObject

    writer = pypdf.PdfWriter(BytesIO(content))
    stream = DecodedStreamObject()
    stream.set_data(table)
    reference = writer._add_object(stream)
    for font in writer.pages[0]["/Resources"]["/Font"].values():
        font.get_object()[NameObject("/ToUnicode")] = reference
    out = BytesIO()
    writer.write(out)
    return out.getvalue()
