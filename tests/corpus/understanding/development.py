"""Invoices that were looked at while the reading of schemas was written: their figures prove nothing."""

from __future__ import annotations

from reportlab.lib.pagesizes import letter

from corpus.understanding.drawing import Sample, Sheet
from corpus.understanding.schemas import INVOICE

SCHEMA = INVOICE


def samples() -> list[Sample]:
    return [french(), american(), german(), italian(), dutch(), spanish()]


def french() -> Sample:
    sheet = Sheet()
    sheet.text(50, 790, "Atelier Dubois SARL", 14, bold=True)
    sheet.text(50, 775, "14 rue des Lilas, 69003 Lyon")
    sheet.text(50, 763, "TVA intracommunautaire : FR40303265045")
    sheet.text(50, 751, "contact@atelier-dubois.fr")
    sheet.text(400, 790, "FACTURE", 16, bold=True)
    sheet.text(350, 740, "Facture n° :")
    sheet.text(540, 740, "F2025-0147", right=True)
    sheet.text(350, 726, "Date de facture :")
    sheet.text(540, 726, "03/02/2025", right=True)
    sheet.text(350, 712, "Échéance :")
    sheet.text(540, 712, "05/03/2025", right=True)
    sheet.text(350, 698, "Code client :")
    sheet.text(540, 698, "CL-8841", right=True)
    sheet.text(50, 690, "Facturé à :", bold=True)
    sheet.lines(50, 676, *("Hôtel du Parc", "3 place Bellecour", "69002 Lyon"), step=12, size=9)
    y = sheet.rows(
        (50, 300, 400, 540),
        600,
        [
            ("Désignation", "Quantité", "Prix unitaire HT", "Montant HT"),
            ("Table chêne massif", "2", "450,00 €", "900,00 €"),
            ("Chaise cannée", "8", "1 120,50 €", "8 964,00 €"),
            ("Livraison et montage", "1", "150,00 €", "150,00 €"),
        ],
        rights=(1, 2, 3),
    )
    for label, amount in (("Total HT", "10 014,00 €"), ("TVA 20 %", "2 002,80 €"), ("Total TTC", "12 016,80 €")):
        y -= 16
        sheet.text(400, y, label, right=True)
        sheet.text(540, y, amount, right=True)
    sheet.text(50, 200, "Conditions de paiement : 30 jours net")
    sheet.text(50, 186, "IBAN : FR76 3000 6000 0112 3456 7890 189   BIC : AGRIFRPP")
    return Sample(
        "fr",
        sheet.pdf(),
        {
            "invoice_number": "F2025-0147",
            "invoice_date": "2025-02-03",
            "due_date": "2025-03-05",
            "purchase_order": None,
            "currency": "EUR",
            "seller": {
                "name": "Atelier Dubois SARL",
                "vat_id": "FR40303265045",
                "iban": "FR7630006000011234567890189",
                "email": "contact@atelier-dubois.fr",
                "address": "14 rue des Lilas, 69003 Lyon",
            },
            "customer": {
                "name": "Hôtel du Parc",
                "number": "CL-8841",
                "address": "3 place Bellecour, 69002 Lyon",
                "vat_id": None,
            },
            "subtotal": 10014,
            "tax_amount": 2002.8,
            "tax_rate": 20,
            "total": 12016.8,
            "payment_terms": "30 jours net",
            "line_items": [
                {"description": "Table chêne massif", "quantity": 2, "unit_price": 450, "amount": 900},
                {"description": "Chaise cannée", "quantity": 8, "unit_price": 1120.5, "amount": 8964},
                {"description": "Livraison et montage", "quantity": 1, "unit_price": 150, "amount": 150},
            ],
        },
    )


def american() -> Sample:
    sheet = Sheet(letter)
    sheet.text(50, 740, "Pine Ridge Tools", 18, bold=True)
    sheet.text(50, 724, "2200 Alder Ave, Portland, OR 97205")
    sheet.text(50, 712, "billing@pineridgetools.com | (503) 555-0142")
    sheet.text(560, 740, "INVOICE", 20, bold=True, right=True)
    y = sheet.rows(
        (50, 170, 290, 410),
        680,
        [("INVOICE #", "DATE", "DUE DATE", "P.O. #"), ("10482", "04/07/2025", "05/07/2025", "PO-7781")],
    )
    sheet.text(50, 630, "BILL TO", bold=True)
    sheet.text(300, 630, "SHIP TO", bold=True)
    for i, (a, b) in enumerate(
        (
            ("Cascade Builders LLC", "Cascade Builders – Site 4"),
            ("Attn: Accounts Payable", "88 River Rd"),
            ("500 Main St, Suite 12", "Salem, OR 97301"),
            ("Eugene, OR 97401", ""),
        )
    ):
        sheet.text(50, 616 - 12 * i, a)
        sheet.text(300, 616 - 12 * i, b)
    y = sheet.rows(
        (50, 100, 400, 470, 560),
        540,
        [
            ("Qty", "Description", "", "Unit Price", "Amount"),
            ("12", "Framing hammer 20 oz", "", "$24.50", "$294.00"),
            ("3", "Cordless drill kit", "", "$1,189.00", "$3,567.00"),
            ("", "(includes 2 batteries)", "", "", ""),
            ("1", "Delivery", "", "$45.00", "$45.00"),
        ],
        step=13,
        rights=(3, 4),
    )
    for label, amount in (
        ("Subtotal", "$3,906.00"),
        ("Sales Tax (0%)", "$0.00"),
        ("Shipping", "$0.00"),
        ("TOTAL DUE", "$3,906.00"),
    ):
        y -= 14
        sheet.text(470, y, label, right=True)
        sheet.text(560, y, amount, right=True)
    sheet.text(50, 150, "Terms: Net 30. Make checks payable to Pine Ridge Tools.")
    return Sample(
        "us",
        sheet.pdf(),
        {
            "invoice_number": "10482",
            "invoice_date": "2025-04-07",
            "due_date": "2025-05-07",
            "purchase_order": "PO-7781",
            "currency": "USD",
            "seller": {
                "name": "Pine Ridge Tools",
                "vat_id": None,
                "iban": None,
                "email": "billing@pineridgetools.com",
                "address": "2200 Alder Ave, Portland, OR 97205",
            },
            "customer": {
                "name": "Cascade Builders LLC",
                "number": None,
                "address": "500 Main St, Suite 12, Eugene, OR 97401",
                "vat_id": None,
            },
            "subtotal": 3906,
            "tax_amount": 0,
            "tax_rate": 0,
            "total": 3906,
            "payment_terms": "Net 30",
            "line_items": [
                {"description": "Framing hammer 20 oz", "quantity": 12, "unit_price": 24.5, "amount": 294},
                {
                    "description": "Cordless drill kit (includes 2 batteries)",
                    "quantity": 3,
                    "unit_price": 1189,
                    "amount": 3567,
                },
                {"description": "Delivery", "quantity": 1, "unit_price": 45, "amount": 45},
            ],
        },
    )


def german() -> Sample:
    sheet = Sheet()
    sheet.text(545, 800, "Nordlicht Elektrotechnik GmbH", 13, bold=True, right=True)
    sheet.lines(
        545,
        785,
        *("Hafenstraße 12", "24103 Kiel", "Tel.: 0431 5550 12", "Fax: 0431 5550 19", "rechnung@nordlicht-elektro.de"),
        step=12,
        size=8,
        right=True,
    )
    sheet.text(57, 700, "Nordlicht Elektrotechnik GmbH · Hafenstraße 12 · 24103 Kiel", 6)
    sheet.lines(
        57,
        685,
        *("Stadtwerke Musterhausen AG", "Frau Petra Lange", "Am Kraftwerk 1", "48143 Münster"),
        step=13,
        size=10,
    )
    sheet.text(57, 600, "Rechnung Nr. 2025/0815", 14, bold=True)
    y = sheet.rows(
        (370, 470),
        700,
        [
            ("Kundennummer", "40712"),
            ("Rechnungsdatum", "17. Januar 2025"),
            ("Leistungsdatum", "10.01.2025"),
            ("Ihre Bestellung", "B-99-12"),
            ("Ansprechpartner", "Jens Thomsen"),
        ],
        step=13,
    )
    sheet.text(57, 575, "Sehr geehrte Frau Lange,")
    sheet.text(57, 560, "für die erbrachten Leistungen berechnen wir Ihnen wie folgt:")
    y = sheet.rows(
        (57, 90, 350, 420, 490, 545),
        530,
        [
            ("Pos.", "Bezeichnung", "Menge", "Einheit", "E-Preis", "Gesamt"),
            ("1", "Montage Schaltschrank", "6,5", "Std.", "72,00", "468,00"),
            ("2", "Leitungsschutzschalter B16", "24", "Stk.", "4,35", "104,40"),
            ("3", "Anfahrtspauschale", "1", "psch.", "1.250,00", "1.250,00"),
        ],
        rights=(2, 4, 5),
    )
    for label, amount in (
        ("Nettobetrag", "1.822,40 EUR"),
        ("zzgl. 19 % MwSt.", "346,26 EUR"),
        ("Rechnungsbetrag", "2.168,66 EUR"),
    ):
        y -= 14
        sheet.text(350, y, label)
        sheet.text(545, y, amount, right=True)
    sheet.text(57, y - 30, "Zahlbar bis 16.02.2025 ohne Abzug.")
    sheet.lines(
        57,
        60,
        *("Nordlicht Elektrotechnik GmbH", "Geschäftsführer: Ole Hansen", "Amtsgericht Kiel HRB 10432"),
        step=9,
        size=7,
    )
    sheet.lines(230, 60, *("Förde Sparkasse", "IBAN DE89 3704 0044 0532 0130 00", "BIC COBADEFFXXX"), step=9, size=7)
    sheet.lines(420, 60, *("USt-IdNr.: DE136695976", "Steuernummer: 20/290/12345"), step=9, size=7)
    return Sample(
        "de",
        sheet.pdf(),
        {
            "invoice_number": "2025/0815",
            "invoice_date": "2025-01-17",
            "due_date": "2025-02-16",
            "purchase_order": "B-99-12",
            "currency": "EUR",
            "seller": {
                "name": "Nordlicht Elektrotechnik GmbH",
                "vat_id": "DE136695976",
                "iban": "DE89370400440532013000",
                "email": "rechnung@nordlicht-elektro.de",
                "address": "Hafenstraße 12, 24103 Kiel",
            },
            "customer": {
                "name": "Stadtwerke Musterhausen AG",
                "number": "40712",
                "address": "Frau Petra Lange, Am Kraftwerk 1, 48143 Münster",
                "vat_id": None,
            },
            "subtotal": 1822.4,
            "tax_amount": 346.26,
            "tax_rate": 19,
            "total": 2168.66,
            "payment_terms": None,
            "line_items": [
                {"description": "Montage Schaltschrank", "quantity": 6.5, "unit_price": 72, "amount": 468},
                {"description": "Leitungsschutzschalter B16", "quantity": 24, "unit_price": 4.35, "amount": 104.4},
                {"description": "Anfahrtspauschale", "quantity": 1, "unit_price": 1250, "amount": 1250},
            ],
        },
    )


def italian() -> Sample:
    sheet = Sheet()
    sheet.text(50, 790, "FATTURA", 18, bold=True)
    sheet.text(50, 760, "Fornitore", bold=True)
    sheet.text(320, 760, "Cliente", bold=True)
    for i, (a, b) in enumerate(
        (
            ("Officine Riva S.r.l.", "Comune di Lecco"),
            ("Via Roma 45", "Piazza Diaz 1"),
            ("22100 Como (CO)", "23900 Lecco (LC)"),
            ("P. IVA IT01234567897", "P. IVA IT00623530136"),
            ("Email: info@officineriva.it", "Codice cliente: 2290"),
        )
    ):
        sheet.text(50, 746 - 12 * i, a)
        sheet.text(320, 746 - 12 * i, b)
    y = sheet.rows(
        (50, 190, 330, 440),
        660,
        [
            ("Numero fattura", "Data fattura", "Scadenza", "Modalità di pagamento"),
            ("88/A", "15/09/2024", "15/10/2024", "Bonifico bancario"),
        ],
    )
    y = sheet.rows(
        (50, 120, 330, 400, 460, 545),
        610,
        [
            ("Codice", "Descrizione", "Q.tà", "Prezzo", "IVA", "Importo"),
            ("RV-01", "Revisione pompa idraulica", "2", "320,00", "22%", "640,00"),
            ("RV-07", "Guarnizioni kit completo", "10", "18,50", "22%", "185,00"),
        ],
        rights=(2, 3, 4, 5),
    )
    y -= 20
    sheet.rows(
        (330, 545),
        y,
        [("Imponibile", "€ 825,00"), ("IVA 22%", "€ 181,50"), ("Totale fattura", "€ 1.006,50")],
        rights=(1,),
    )
    sheet.text(50, 200, "Coordinate bancarie: IBAN IT60X0542811101000000123456")
    return Sample(
        "it",
        sheet.pdf(),
        {
            "invoice_number": "88/A",
            "invoice_date": "2024-09-15",
            "due_date": "2024-10-15",
            "purchase_order": None,
            "currency": "EUR",
            "seller": {
                "name": "Officine Riva S.r.l.",
                "vat_id": "IT01234567897",
                "iban": "IT60X0542811101000000123456",
                "email": "info@officineriva.it",
                "address": "Via Roma 45, 22100 Como (CO)",
            },
            "customer": {
                "name": "Comune di Lecco",
                "number": "2290",
                "address": "Piazza Diaz 1, 23900 Lecco (LC)",
                "vat_id": "IT00623530136",
            },
            "subtotal": 825,
            "tax_amount": 181.5,
            "tax_rate": 22,
            "total": 1006.5,
            "payment_terms": None,
            "line_items": [
                {"description": "Revisione pompa idraulica", "quantity": 2, "unit_price": 320, "amount": 640},
                {"description": "Guarnizioni kit completo", "quantity": 10, "unit_price": 18.5, "amount": 185},
            ],
        },
    )


def dutch() -> Sample:
    sheet = Sheet()
    sheet.text(50, 790, "De Groene Tuin B.V.", 15, bold=True)
    sheet.lines(
        50, 775, *("Dorpsstraat 8", "3811 AB Amersfoort", "KvK 12345678", "BTW NL123456789B01"), step=12, size=9
    )
    sheet.text(50, 690, "Factuur", 16, bold=True)
    y = sheet.rows(
        (50, 160),
        665,
        [
            ("Factuurnummer:", "2025-311"),
            ("Factuurdatum:", "1 maart 2025"),
            ("Vervaldatum:", "31 maart 2025"),
            ("Klantnummer:", "K-1002"),
            ("Uw referentie:", "Tuinproject Zuid"),
        ],
        step=13,
    )
    sheet.text(330, 690, "Factuur aan:")
    sheet.lines(
        330, 676, *("Gemeente Soest", "T.a.v. afdeling Groen", "Raadhuisplein 1", "3762 AV Soest"), step=12, size=9
    )
    y = sheet.rows(
        (50, 300, 380, 470),
        560,
        [
            ("Omschrijving", "Aantal", "Prijs", "Bedrag"),
            ("Onderhoud plantsoen maart", "16 uur", "€ 48,00", "€ 768,00"),
            ("Compost (m³)", "3,5", "€ 32,00", "€ 112,00"),
        ],
    )
    sheet.rows(
        (330, 470), y - 20, [("Subtotaal", "€ 880,00"), ("21% btw", "€ 184,80"), ("Totaal te betalen", "€ 1.064,80")]
    )
    sheet.text(50, 120, "Gelieve het bedrag over te maken op NL91 ABNA 0417 1643 00 t.n.v. De Groene Tuin B.V.")
    return Sample(
        "nl",
        sheet.pdf(),
        {
            "invoice_number": "2025-311",
            "invoice_date": "2025-03-01",
            "due_date": "2025-03-31",
            "purchase_order": None,
            "currency": "EUR",
            "seller": {
                "name": "De Groene Tuin B.V.",
                "vat_id": "NL123456789B01",
                "iban": "NL91ABNA0417164300",
                "email": None,
                "address": "Dorpsstraat 8, 3811 AB Amersfoort",
            },
            "customer": {
                "name": "Gemeente Soest",
                "number": "K-1002",
                "address": "Raadhuisplein 1, 3762 AV Soest",
                "vat_id": None,
            },
            "subtotal": 880,
            "tax_amount": 184.8,
            "tax_rate": 21,
            "total": 1064.8,
            "payment_terms": None,
            "line_items": [
                {"description": "Onderhoud plantsoen maart", "quantity": 16, "unit_price": 48, "amount": 768},
                {"description": "Compost (m³)", "quantity": 3.5, "unit_price": 32, "amount": 112},
            ],
        },
    )


def spanish() -> Sample:
    sheet = Sheet()
    sheet.text(300, 790, "FACTURA", 18, bold=True)
    sheet.text(50, 760, "Nº de factura: 2025-A-77    Fecha: 12 de mayo de 2025    Vencimiento: 11/06/2025")
    sheet.text(50, 730, "Emisor:", bold=True)
    sheet.text(110, 730, "Viñedos del Sur, S.L.")
    sheet.text(110, 718, "Calle Mayor 3, 14001 Córdoba")
    sheet.text(110, 706, "CIF: ESB12345674")
    sheet.text(50, 680, "Cliente:", bold=True)
    sheet.text(110, 680, "Restaurante La Plaza, S.A.")
    sheet.text(110, 668, "Avda. del Puerto 22, 11006 Cádiz")
    sheet.text(110, 656, "NIF: ESA58818501")
    y = sheet.rows(
        (50, 330, 410, 480, 545),
        600,
        [
            ("Concepto", "Cantidad", "Precio", "Dto.", "Importe"),
            ("Vino tinto crianza 2019", "60", "7,25", "", "435,00"),
            ("Aceite de oliva virgen extra 5 l", "12", "38,90", "", "466,80"),
        ],
        rights=(1, 2, 3, 4),
    )
    sheet.rows(
        (410, 545),
        y - 15,
        [("Base imponible", "901,80 €"), ("IVA (21 %)", "189,38 €"), ("TOTAL", "1.091,18 €")],
        rights=(1,),
    )
    sheet.text(50, 150, "Forma de pago: transferencia a la cuenta ES91 2100 0418 4502 0005 1332")
    return Sample(
        "es",
        sheet.pdf(),
        {
            "invoice_number": "2025-A-77",
            "invoice_date": "2025-05-12",
            "due_date": "2025-06-11",
            "purchase_order": None,
            "currency": "EUR",
            "seller": {
                "name": "Viñedos del Sur, S.L.",
                "vat_id": "ESB12345674",
                "iban": "ES9121000418450200051332",
                "email": None,
                "address": "Calle Mayor 3, 14001 Córdoba",
            },
            "customer": {
                "name": "Restaurante La Plaza, S.A.",
                "number": None,
                "address": "Avda. del Puerto 22, 11006 Cádiz",
                "vat_id": "ESA58818501",
            },
            "subtotal": 901.8,
            "tax_amount": 189.38,
            "tax_rate": 21,
            "total": 1091.18,
            "payment_terms": None,
            "line_items": [
                {"description": "Vino tinto crianza 2019", "quantity": 60, "unit_price": 7.25, "amount": 435},
                {
                    "description": "Aceite de oliva virgen extra 5 l",
                    "quantity": 12,
                    "unit_price": 38.9,
                    "amount": 466.8,
                },
            ],
        },
    )
