"""Ten invoices in five layouts and three languages, written after the first held-out set had been learned from.

``FIRST_MEASURED`` is what came out before anyone looked at what went wrong: the figure that counts. The code has since
been mended by what these invoices showed, so that later figures of this set only show that nothing is lost again.
"""

from __future__ import annotations

from typing import Any

from reportlab.lib.pagesizes import A4, landscape, letter

from corpus.understanding.drawing import Sample, Sheet

FIRST_MEASURED = "180 of 237 right (75.9 %), 42 missed, 15 wrong, 3 invented"

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoice_id": _TEXT,
        "date": {"type": "string", "format": "date", "description": "invoice date"},
        "due_date": {"type": "string", "format": "date"},
        "po_number": _TEXT,
        "account_number": {"type": "string", "description": "customer number"},
        "vendor": {
            "type": "object",
            "properties": {"name": _TEXT, "address": _TEXT, "tax_id": _TEXT, "phone": _TEXT, "email": _TEXT},
        },
        "bill_to": {"type": "object", "properties": {"name": _TEXT, "address": _TEXT}},
        "iban": _TEXT,
        "sub_total": _NUMBER,
        "tax": {"type": "number", "description": "amount of VAT or sales tax"},
        "total_amount": _NUMBER,
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"item": _TEXT, "quantity": _NUMBER, "unit_price": _NUMBER, "total": _NUMBER},
            },
        },
    },
}


def _truth(**stated: Any) -> dict[str, Any]:
    """The truth with null for all that the invoice does not state."""
    properties = SCHEMA["properties"]
    assert set(stated) <= set(properties)
    truth: dict[str, Any] = {}
    for name, schema in properties.items():
        if schema.get("type") == "object":
            inner = stated.get(name, {})
            assert set(inner) <= set(schema["properties"])
            truth[name] = {each: inner.get(each) for each in schema["properties"]}
        else:
            truth[name] = stated.get(name, [] if name == "lines" else None)
    return truth


def _line(item: str, quantity: float | None, unit_price: float | None, total: float) -> dict[str, Any]:
    return {"item": item, "quantity": quantity, "unit_price": unit_price, "total": total}


def samples() -> list[Sample]:
    return [
        utility_english(),
        utility_spanish(),
        hotel_german(),
        hotel_english(),
        online_english(),
        online_german(),
        wide_spanish(),
        wide_german(),
        plain_spanish(),
        plain_english(),
    ]


# ------------------------------------------------ a bill of a utility: a grey box of facts at the right


def utility_english() -> Sample:
    sheet = Sheet()
    sheet.text(50, 795, "Severn Valley Water plc", 17, bold=True)
    sheet.lines(50, 750, "Mr T. Okafor", "19 Orchard Close", "Worcester", "WR1 2HJ", step=13, size=10)
    sheet.canvas.setFillGray(0.93)
    sheet.canvas.rect(340, 650, 205, 125, fill=1, stroke=0)
    sheet.canvas.setFillGray(0)
    facts = [
        ("Bill number", "0098-22817"),
        ("Bill date", "12 May 2025"),
        ("Customer number", "3301 7785"),
        ("Previous balance", "£0.00"),
        ("Total for this period", "£142.16"),
        ("Please pay by", "2 June 2025"),
    ]
    for place, (label, value) in enumerate(facts):
        sheet.text(350, 758 - 18 * place, label)
        sheet.text(536, 758 - 18 * place, value, right=True)
    sheet.text(50, 610, "Your charges explained", 12, bold=True)
    sheet.rows(
        (50, 300, 390, 545),
        585,
        [
            ("Charge", "Cubic metres", "Price each", "Amount"),
            ("Fresh water", "31", "£1.92", "£59.52"),
            ("Used water", "29", "£2.16", "£62.64"),
            ("Standing charge", "1", "£20.00", "£20.00"),
        ],
        rights=(1, 2, 3),
    )
    sheet.text(50, 490, "Total before VAT")
    sheet.text(545, 490, "£142.16", right=True)
    sheet.text(50, 474, "VAT (zero rated)")
    sheet.text(545, 474, "£0.00", right=True)
    sheet.text(50, 456, "Total amount payable", bold=True)
    sheet.text(545, 456, "£142.16", bold=True, right=True)
    sheet.text(50, 90, "Call us on 0345 496 0777 or write to help@severnvalleywater.example", 8)
    sheet.text(50, 78, "Severn Valley Water plc, Hylton Road, Worcester WR2 5JW. VAT registration GB 478 4486 48.", 8)
    return Sample(
        "utility-en",
        sheet.pdf(),
        _truth(
            invoice_id="0098-22817",
            date="2025-05-12",
            due_date="2025-06-02",
            account_number="3301 7785",
            vendor={
                "name": "Severn Valley Water plc",
                "address": "Hylton Road, Worcester WR2 5JW",
                "tax_id": "GB478448648",
                "phone": "0345 496 0777",
                "email": "help@severnvalleywater.example",
            },
            bill_to={"name": "Mr T. Okafor", "address": "19 Orchard Close, Worcester, WR1 2HJ"},
            sub_total=142.16,
            tax=0,
            total_amount=142.16,
            currency="GBP",
            lines=[
                _line("Fresh water", 31, 1.92, 59.52),
                _line("Used water", 29, 2.16, 62.64),
                _line("Standing charge", 1, 20, 20),
            ],
        ),
    )


def utility_spanish() -> Sample:
    sheet = Sheet()
    sheet.text(50, 795, "Luz del Ebro, S.A.", 17, bold=True)
    sheet.lines(50, 750, "Dña. Carmen Ruiz Soto", "C/ San Miguel 14, 2º B", "50001 Zaragoza", step=13, size=10)
    sheet.canvas.setFillGray(0.93)
    sheet.canvas.rect(340, 650, 205, 125, fill=1, stroke=0)
    sheet.canvas.setFillGray(0)
    facts = [
        ("Nº factura", "LE25-667120"),
        ("Fecha de emisión", "03/04/2025"),
        ("Nº de cliente", "9917-04"),
        ("Periodo", "01/03/2025 a 31/03/2025"),
        ("Fecha de cargo", "10/04/2025"),
        ("Importe total", "87,37 €"),
    ]
    for place, (label, value) in enumerate(facts):
        sheet.text(350, 758 - 18 * place, label)
        sheet.text(536, 758 - 18 * place, value, right=True)
    sheet.text(50, 610, "Detalle de la factura", 12, bold=True)
    sheet.rows(
        (50, 300, 390, 545),
        585,
        [
            ("Concepto", "Cantidad", "Precio", "Importe"),
            ("Energía consumida (kWh)", "312", "0,1550 €", "48,36 €"),
            ("Potencia contratada (kW)", "4,6", "5,1717 €", "23,79 €"),
        ],
        rights=(1, 2, 3),
    )
    sheet.text(50, 500, "Base imponible")
    sheet.text(545, 500, "72,15 €", right=True)
    sheet.text(50, 484, "IVA normal 21 %")
    sheet.text(545, 484, "15,15 €", right=True)
    sheet.text(50, 466, "Otros conceptos exentos")
    sheet.text(545, 466, "0,07 €", right=True)
    sheet.text(50, 448, "TOTAL FACTURA", bold=True)
    sheet.text(545, 448, "87,37 €", bold=True, right=True)
    sheet.text(50, 400, "Cuenta de cargo: ES79 2100 0813 6101 2345 6789")
    sheet.text(50, 90, "Atención al cliente: 976 555 012 – clientes@luzdelebro.example", 8)
    sheet.text(50, 78, "Luz del Ebro, S.A., Paseo de la Independencia 6, 50004 Zaragoza. CIF A50123456", 8)
    return Sample(
        "utility-es",
        sheet.pdf(),
        _truth(
            invoice_id="LE25-667120",
            date="2025-04-03",
            due_date="2025-04-10",
            account_number="9917-04",
            vendor={
                "name": "Luz del Ebro, S.A.",
                "address": "Paseo de la Independencia 6, 50004 Zaragoza",
                "tax_id": "A50123456",
                "phone": "976 555 012",
                "email": "clientes@luzdelebro.example",
            },
            bill_to={"name": "Dña. Carmen Ruiz Soto", "address": "C/ San Miguel 14, 2º B, 50001 Zaragoza"},
            iban="ES7921000813610123456789",
            sub_total=72.15,
            tax=15.15,
            total_amount=87.37,
            currency="EUR",
            lines=[
                _line("Energía consumida (kWh)", 312, 0.155, 48.36),
                _line("Potencia contratada (kW)", 4.6, 5.1717, 23.79),
            ],
        ),
    )


# ------------------------------------------------ a hotel: charges by day, sums by rate of tax


def hotel_german() -> Sample:
    sheet = Sheet()
    sheet.text(297, 800, "Hotel Seeblick ****", 18, bold=True)
    sheet.text(
        297, 785, "Seeblick Hotelbetriebs GmbH · Uferpromenade 2 · 88045 Friedrichshafen · Tel. 07541 555 600", 7
    )
    sheet.lines(60, 740, "Bodensee Consulting GmbH", "Frau Anke Vogt", "Münsterplatz 9", "89073 Ulm", step=13, size=10)
    sheet.text(60, 660, "Rechnung 2025-4402", 13, bold=True)
    facts = [
        ("Gast", "Anke Vogt"),
        ("Zimmer", "214"),
        ("Anreise", "16.06.2025"),
        ("Abreise", "18.06.2025"),
        ("Rechnungsdatum", "18.06.2025"),
    ]
    for place, (label, value) in enumerate(facts):
        sheet.text(380, 740 - 13 * place, label + ":")
        sheet.text(545, 740 - 13 * place, value, right=True)
    y = sheet.rows(
        (60, 130, 330, 420, 545),
        625,
        [
            ("Datum", "Leistung", "Anzahl", "Einzel €", "Gesamt €"),
            ("16.06.2025", "Übernachtung Einzelzimmer", "2", "118,00", "236,00"),
            ("16.06.2025", "Frühstücksbuffet", "2", "19,50", "39,00"),
            ("17.06.2025", "Parkplatz", "2", "12,00", "24,00"),
        ],
        rights=(2, 3, 4),
    )
    sheet.text(420, y - 10, "Nettosumme:", right=True)
    sheet.text(545, y - 10, "273,49", right=True)
    sheet.text(420, y - 24, "Enthaltene Mehrwertsteuer:", right=True)
    sheet.text(545, y - 24, "25,51", right=True)
    sheet.text(420, y - 42, "Rechnungssumme in EUR:", bold=True, right=True)
    sheet.text(545, y - 42, "299,00", bold=True, right=True)
    sheet.text(60, 300, "Der Betrag ist ohne Abzug bis zum 2. Juli 2025 zahlbar.")
    sheet.lines(
        60, 70, "Bankhaus Bodensee", "IBAN DE75 6905 0001 0024 6810 12", "Steuer-Nr. 61/120/44550", size=7, step=9
    )
    sheet.lines(380, 70, "USt-IdNr. DE267841902", "empfang@seeblick.example", size=7, step=9)
    return Sample(
        "hotel-de",
        sheet.pdf(),
        _truth(
            invoice_id="2025-4402",
            date="2025-06-18",
            due_date="2025-07-02",
            vendor={
                "name": "Seeblick Hotelbetriebs GmbH",
                "address": "Uferpromenade 2, 88045 Friedrichshafen",
                "tax_id": "DE267841902",
                "phone": "07541 555 600",
                "email": "empfang@seeblick.example",
            },
            bill_to={"name": "Bodensee Consulting GmbH", "address": "Frau Anke Vogt, Münsterplatz 9, 89073 Ulm"},
            iban="DE75690500010024681012",
            sub_total=273.49,
            tax=25.51,
            total_amount=299,
            currency="EUR",
            lines=[
                _line("Übernachtung Einzelzimmer", 2, 118, 236),
                _line("Frühstücksbuffet", 2, 19.5, 39),
                _line("Parkplatz", 2, 12, 24),
            ],
        ),
    )


def hotel_english() -> Sample:
    sheet = Sheet(letter)
    sheet.text(306, 750, "The Alder House Inn", 18, bold=True)
    sheet.text(306, 736, "410 Lakeshore Drive, Burlington, VT 05401 | 802-555-0167 | stay@alderhouse.example", 7)
    sheet.text(60, 690, "GUEST INVOICE", 13, bold=True)
    facts = [
        ("Invoice #:", "A-20331"),
        ("Guest:", "Maria Delgado"),
        ("Company:", "Northfield Labs Inc."),
        ("Billing address:", "12 Science Park, Essex, VT 05452"),
    ]
    for place, (label, value) in enumerate(facts):
        sheet.text(60, 670 - 14 * place, label)
        sheet.text(150, 670 - 14 * place, value)
    facts = [
        ("Arrival:", "08/21/2025"),
        ("Departure:", "08/23/2025"),
        ("Invoice date:", "08/23/2025"),
        ("Terms:", "Due upon receipt"),
    ]
    for place, (label, value) in enumerate(facts):
        sheet.text(380, 670 - 14 * place, label)
        sheet.text(470, 670 - 14 * place, value)
    y = sheet.rows(
        (60, 130, 340, 430, 545),
        590,
        [
            ("Date", "Charge", "Nights", "Rate", "Amount"),
            ("08/21/2025", "Lake view room", "2", "$189.00", "$378.00"),
            ("08/22/2025", "Dinner, Alder Room", "1", "$64.25", "$64.25"),
        ],
        rights=(2, 3, 4),
    )
    for label, amount in [("Subtotal", "$442.25"), ("Rooms and meals tax", "$39.80"), ("Total", "$482.05")]:
        y -= 14
        sheet.text(430, y, label, right=True)
        sheet.text(545, y, amount, right=True)
    return Sample(
        "hotel-en",
        sheet.pdf(),
        _truth(
            invoice_id="A-20331",
            date="2025-08-23",
            vendor={
                "name": "The Alder House Inn",
                "address": "410 Lakeshore Drive, Burlington, VT 05401",
                "phone": "802-555-0167",
                "email": "stay@alderhouse.example",
            },
            bill_to={"name": "Northfield Labs Inc.", "address": "12 Science Park, Essex, VT 05452"},
            sub_total=442.25,
            tax=39.8,
            total_amount=482.05,
            currency="USD",
            lines=[_line("Lake view room", 2, 189, 378), _line("Dinner, Alder Room", 1, 64.25, 64.25)],
        ),
    )


# ------------------------------------------------ an online service: two address columns, the sum in the middle


def online_english() -> Sample:
    sheet = Sheet(letter)
    sheet.text(60, 730, "Invoice", 22, bold=True)
    for place, (label, value) in enumerate(
        [("Invoice number", "7F2C19-0004"), ("Date of issue", "September 3, 2025"), ("Date due", "September 17, 2025")]
    ):
        sheet.text(60, 700 - 13 * place, label, bold=True)
        sheet.text(160, 700 - 13 * place, value)
    sheet.lines(
        60,
        640,
        "Cloudpane, Inc.",
        "548 Brannan Street",
        "San Francisco, CA 94107",
        "United States",
        "billing@cloudpane.example",
    )
    sheet.text(300, 640, "Bill to", bold=True)
    sheet.lines(
        300, 628, "Oakline Studio", "22 Greene Ave", "Brooklyn, NY 11238", "United States", "ap@oakline.example"
    )
    sheet.text(60, 550, "$1,116.00 USD due September 17, 2025", 15, bold=True)
    y = sheet.rows(
        (60, 350, 430, 545),
        500,
        [
            ("Description", "Qty", "Unit price", "Amount"),
            ("Team plan, yearly seat", "9", "$120.00", "$1,080.00"),
            ("Sep 3, 2025 – Sep 2, 2026", "", "", ""),
            ("Extra storage 100 GB", "3", "$12.00", "$36.00"),
        ],
        step=14,
        rights=(1, 2, 3),
    )
    for label, amount in [
        ("Subtotal", "$1,116.00"),
        ("Total excluding tax", "$1,116.00"),
        ("Sales tax (0% exempt)", "$0.00"),
        ("Amount due", "$1,116.00 USD"),
    ]:
        y -= 15
        sheet.text(350, y, label)
        sheet.text(545, y, amount, right=True)
    return Sample(
        "online-en",
        sheet.pdf(),
        _truth(
            invoice_id="7F2C19-0004",
            date="2025-09-03",
            due_date="2025-09-17",
            vendor={
                "name": "Cloudpane, Inc.",
                "address": "548 Brannan Street, San Francisco, CA 94107, United States",
                "email": "billing@cloudpane.example",
            },
            bill_to={"name": "Oakline Studio", "address": "22 Greene Ave, Brooklyn, NY 11238, United States"},
            sub_total=1116,
            tax=0,
            total_amount=1116,
            currency="USD",
            lines=[
                _line("Team plan, yearly seat Sep 3, 2025 – Sep 2, 2026", 9, 120, 1080),
                _line("Extra storage 100 GB", 3, 12, 36),
            ],
        ),
    )


def online_german() -> Sample:
    sheet = Sheet()
    sheet.text(60, 780, "Rechnung", 22, bold=True)
    for place, (label, value) in enumerate(
        [
            ("Rechnungs-ID", "DE-88213"),
            ("Rechnungsstellung", "1. Oktober 2025"),
            ("Fälligkeit", "15. Oktober 2025"),
            ("Bestellreferenz", "EK-5567"),
        ]
    ):
        sheet.text(60, 750 - 13 * place, label, bold=True)
        sheet.text(190, 750 - 13 * place, value)
    sheet.lines(
        60,
        680,
        "Funkturm Hosting GmbH",
        "Messedamm 11",
        "14055 Berlin",
        "USt-IdNr. DE301122334",
        "buchhaltung@funkturm.example",
    )
    sheet.text(300, 680, "Rechnung an", bold=True)
    sheet.lines(300, 668, "Praxis Dr. Yıldız".replace("ı", "i"), "Sonnenallee 70", "12045 Berlin")
    sheet.text(60, 590, "Offener Betrag: 428,40 €", 15, bold=True)
    y = sheet.rows(
        (60, 350, 430, 545),
        540,
        [
            ("Produkt", "Menge", "Preis pro Einheit", "Summe"),
            ("Virtueller Server M, 12 Monate", "1", "288,00 €", "288,00 €"),
            ("Domain .de", "2", "36,00 €", "72,00 €"),
        ],
        step=14,
        rights=(1, 2, 3),
    )
    for label, amount in [
        ("Summe ohne Steuern", "360,00 €"),
        ("Mehrwertsteuer (19 %)", "68,40 €"),
        ("Gesamtsumme", "428,40 €"),
    ]:
        y -= 15
        sheet.text(350, y, label)
        sheet.text(545, y, amount, right=True)
    sheet.text(60, 200, "Überweisung an: IBAN DE27 1007 7777 0209 2997 00")
    return Sample(
        "online-de",
        sheet.pdf(),
        _truth(
            invoice_id="DE-88213",
            date="2025-10-01",
            due_date="2025-10-15",
            po_number="EK-5567",
            vendor={
                "name": "Funkturm Hosting GmbH",
                "address": "Messedamm 11, 14055 Berlin",
                "tax_id": "DE301122334",
                "email": "buchhaltung@funkturm.example",
            },
            bill_to={"name": "Praxis Dr. Yildiz", "address": "Sonnenallee 70, 12045 Berlin"},
            iban="DE27100777770209299700",
            sub_total=360,
            tax=68.4,
            total_amount=428.4,
            currency="EUR",
            lines=[
                _line("Virtueller Server M, 12 Monate", 1, 288, 288),
                _line("Domain .de", 2, 36, 72),
            ],
        ),
    )


# ------------------------------------------------ landscape: everything in one ruled grid, the sums in its last rows


def _cell(sheet: Sheet, x: float, y: float, width: float, text: str, height: float = 17) -> None:
    sheet.canvas.rect(x, y - 5, width, height)
    sheet.text(x + 3, y, text, 8)


def _wide_table(sheet: Sheet, y: float, rows: list[list[str]], sums: list[tuple[str, str]]) -> None:
    widths = [40, 340, 80, 90, 110]
    for row in rows:
        x = 60.0
        for width, text in zip(widths, row, strict=True):
            _cell(sheet, x, y, width, text)
            x += width
        y -= 17
    for label, amount in sums:
        _cell(sheet, 60, y, 550, label)
        _cell(sheet, 610, y, 110, amount)
        y -= 17


def wide_spanish() -> Sample:
    sheet = Sheet(landscape(A4))
    sheet.text(60, 545, "TALLERES HERMANOS IBARRA, S.L.", 13, bold=True)
    sheet.text(60, 531, "Polígono Industrial El Cros, nave 12 · 08310 Argentona · Tfno. 937 555 118", 8)
    sheet.text(720, 545, "FACTURA", 16, bold=True, right=True)
    heads = ["Factura núm.", "Fecha factura", "Fecha vencimiento", "Su pedido", "Cód. cliente"]
    values = ["T-1180/25", "28-02-2025", "30-03-2025", "P/4410", "00871"]
    for place, (head, value) in enumerate(zip(heads, values, strict=True)):
        _cell(sheet, 60 + 132 * place, 490, 132, head)
        _cell(sheet, 60 + 132 * place, 473, 132, value)
    sheet.text(60, 440, "Facturar a:", bold=True)
    sheet.lines(130, 440, "Transportes Maresme, S.A.", "Carrer de la Riera 45", "08301 Mataró")
    _wide_table(
        sheet,
        370,
        [
            ["Línea", "Descripción del trabajo", "Horas/Uds.", "P. unitario", "Importe"],
            ["1", "Sustitución de embrague camión 4471-KLM", "6,50", "42,00", "273,00"],
            ["2", "Kit de embrague", "1,00", "655,20", "655,20"],
        ],
        [("Base imponible", "928,20"), ("I.V.A. 21,00 %", "194,92"), ("TOTAL A PAGAR (EUR)", "1.123,12")],
    )
    sheet.text(60, 60, "Transferencia: ES62 0182 1797 3502 0012 3456     N.I.F. B61234567     taller@ibarra.example", 8)
    return Sample(
        "wide-es",
        sheet.pdf(),
        _truth(
            invoice_id="T-1180/25",
            date="2025-02-28",
            due_date="2025-03-30",
            po_number="P/4410",
            account_number="00871",
            vendor={
                "name": "TALLERES HERMANOS IBARRA, S.L.",
                "address": "Polígono Industrial El Cros, nave 12, 08310 Argentona",
                "tax_id": "B61234567",
                "phone": "937 555 118",
                "email": "taller@ibarra.example",
            },
            bill_to={"name": "Transportes Maresme, S.A.", "address": "Carrer de la Riera 45, 08301 Mataró"},
            iban="ES6201821797350200123456",
            sub_total=928.2,
            tax=194.92,
            total_amount=1123.12,
            currency="EUR",
            lines=[
                _line("Sustitución de embrague camión 4471-KLM", 6.5, 42, 273),
                _line("Kit de embrague", 1, 655.2, 655.2),
            ],
        ),
    )


def wide_german() -> Sample:
    sheet = Sheet(landscape(A4))
    sheet.text(60, 545, "Zimmerei Holzapfel GmbH & Co. KG", 13, bold=True)
    sheet.text(60, 531, "Sägmühlweg 3 · 87509 Immenstadt · Telefon 08323 555 40", 8)
    sheet.text(720, 545, "SCHLUSSRECHNUNG", 16, bold=True, right=True)
    heads = ["Rechnung Nr.", "Datum", "Fällig bis", "Ihre Auftrags-Nr.", "Kunde Nr."]
    values = ["SR-2025-31", "22.07.2025", "05.08.2025", "B-7781", "K 5520"]
    for place, (head, value) in enumerate(zip(heads, values, strict=True)):
        _cell(sheet, 60 + 132 * place, 490, 132, head)
        _cell(sheet, 60 + 132 * place, 473, 132, value)
    sheet.text(60, 440, "Bauherr:", bold=True)
    sheet.lines(130, 440, "Eheleute Brandl", "Grüntenstr. 18", "87527 Sonthofen")
    _wide_table(
        sheet,
        370,
        [
            ["Pos.", "Leistungsbeschreibung", "Menge", "EP (EUR)", "GP (EUR)"],
            ["01", "Dachstuhl abbinden und aufrichten", "1,00", "14.800,00", "14.800,00"],
            ["02", "Gaube liefern und einbauen", "2,00", "3.250,00", "6.500,00"],
            ["03", "Lattung 40/60 (lfm)", "860,00", "2,10", "1.806,00"],
        ],
        [
            ("Summe netto", "23.106,00"),
            ("zuzüglich 19 % Umsatzsteuer", "4.390,14"),
            ("Rechnungsbetrag brutto", "27.496,14"),
        ],
    )
    sheet.text(
        60, 60, "Raiffeisenbank Allgäu  IBAN DE13 7336 9920 0000 5544 33  St.-Nr. 127/180/20551  USt-ID: DE129988776", 8
    )
    return Sample(
        "wide-de",
        sheet.pdf(),
        _truth(
            invoice_id="SR-2025-31",
            date="2025-07-22",
            due_date="2025-08-05",
            po_number="B-7781",
            account_number="K 5520",
            vendor={
                "name": "Zimmerei Holzapfel GmbH & Co. KG",
                "address": "Sägmühlweg 3, 87509 Immenstadt",
                "tax_id": "DE129988776",
                "phone": "08323 555 40",
            },
            bill_to={"name": "Eheleute Brandl", "address": "Grüntenstr. 18, 87527 Sonthofen"},
            iban="DE13733699200000554433",
            sub_total=23106,
            tax=4390.14,
            total_amount=27496.14,
            currency="EUR",
            lines=[
                _line("Dachstuhl abbinden und aufrichten", 1, 14800, 14800),
                _line("Gaube liefern und einbauen", 2, 3250, 6500),
                _line("Lattung 40/60 (lfm)", 860, 2.1, 1806),
            ],
        ),
    )


# ------------------------------------------------ plain: as written with a word processor


def plain_spanish() -> Sample:
    sheet = Sheet()
    sheet.lines(
        70,
        790,
        "Lucía Ferrer Traducciones",
        "Calle Larios 5, 3º",
        "29005 Málaga",
        "NIF: 25678901K",
        "lucia@ferrer.example",
        step=14,
        size=11,
    )
    sheet.lines(
        70, 690, "Cliente: Editorial Faro, S.L.", "Domicilio: Avenida de América 30, 28028 Madrid", step=15, size=11
    )
    sheet.lines(
        70,
        640,
        "Factura número: 2025/014",
        "Fecha: 19 de noviembre de 2025",
        "Forma de pago: transferencia bancaria, IBAN ES60 0049 1500 0512 3456 7892",
        "Vencimiento: 19 de diciembre de 2025",
        step=15,
        size=11,
    )
    y = sheet.rows(
        (70, 330, 410, 500),
        550,
        [
            ("Trabajo realizado", "Palabras", "Precio", "Total"),
            ("Traducción inglés-español, manual", "4.200", "0,09 €", "378,00 €"),
            ("Revisión de catálogo", "1.500", "0,04 €", "60,00 €"),
        ],
        step=18,
    )
    sheet.lines(
        330,
        y - 10,
        "Suma: 438,00 €",
        "IVA (21%): 91,98 €",
        "Retención IRPF (15%): -65,70 €",
        "Total a percibir: 464,28 €",
        step=15,
        size=11,
    )
    return Sample(
        "plain-es",
        sheet.pdf(),
        _truth(
            invoice_id="2025/014",
            date="2025-11-19",
            due_date="2025-12-19",
            vendor={
                "name": "Lucía Ferrer Traducciones",
                "address": "Calle Larios 5, 3º, 29005 Málaga",
                "tax_id": "25678901K",
                "email": "lucia@ferrer.example",
            },
            bill_to={"name": "Editorial Faro, S.L.", "address": "Avenida de América 30, 28028 Madrid"},
            iban="ES6000491500051234567892",
            sub_total=438,
            tax=91.98,
            total_amount=464.28,
            currency="EUR",
            lines=[
                _line("Traducción inglés-español, manual", 4200, 0.09, 378),
                _line("Revisión de catálogo", 1500, 0.04, 60),
            ],
        ),
    )


def plain_english() -> Sample:
    sheet = Sheet()
    sheet.lines(
        70,
        790,
        "Rowan Blake Photography",
        "8 Tannery Lane",
        "Norwich NR3 1AA",
        "07700 900 461",
        "rowan@blakephoto.example",
        step=14,
        size=11,
    )
    sheet.lines(70, 690, "Client: Dunmore Estates Ltd", "Address: The Old Brewery, Ipswich IP4 1JB", step=15, size=11)
    sheet.lines(
        70,
        640,
        "Invoice number: RB-118",
        "Invoice date: 6th August 2025",
        "Payment due: 20th August 2025",
        "PO number: DE-3391",
        step=15,
        size=11,
    )
    y = sheet.rows(
        (70, 330, 410, 500),
        550,
        [
            ("Service", "Units", "Cost", "Total"),
            ("Interior photographs, half day", "2", "£350.00", "£700.00"),
            ("Retouching", "14", "£12.50", "£175.00"),
        ],
        step=18,
    )
    sheet.lines(330, y - 10, "Sub-total: £875.00", "VAT: not applicable", "Total due: £875.00", step=15, size=11)
    return Sample(
        "plain-en",
        sheet.pdf(),
        _truth(
            invoice_id="RB-118",
            date="2025-08-06",
            due_date="2025-08-20",
            po_number="DE-3391",
            vendor={
                "name": "Rowan Blake Photography",
                "address": "8 Tannery Lane, Norwich NR3 1AA",
                "phone": "07700 900 461",
                "email": "rowan@blakephoto.example",
            },
            bill_to={"name": "Dunmore Estates Ltd", "address": "The Old Brewery, Ipswich IP4 1JB"},
            sub_total=875,
            total_amount=875,
            currency="GBP",
            lines=[
                _line("Interior photographs, half day", 2, 350, 700),
                _line("Retouching", 14, 12.5, 175),
            ],
        ),
    )
