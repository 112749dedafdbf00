"""Ten invoices in five layouts and three languages, written after the second held-out set had been learned from.

``FIRST_MEASURED`` is what came out before anyone looked at what went wrong: the figure that counts. The code has since
been mended by what these invoices showed, so that later figures of this set only show that nothing is lost again.
"""

from __future__ import annotations

from typing import Any

from corpus.understanding.drawing import Sample, Sheet

FIRST_MEASURED = "184 of 227 right (81.1 %), 33 missed, 10 wrong, 0 invented"

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Invoice",
    "properties": {
        "number": _TEXT,
        "issued": {"type": "string", "format": "date", "description": "Invoice date"},
        "due": {"type": "string", "format": "date", "description": "Due date"},
        "seller_name": _TEXT,
        "seller_address": _TEXT,
        "seller_vat": _TEXT,
        "buyer_name": _TEXT,
        "buyer_address": _TEXT,
        "buyer_vat": _TEXT,
        "customer_id": _TEXT,
        "order_no": {"type": "string", "description": "Order number"},
        "iban": _TEXT,
        "total_excl_tax": {"type": "number", "description": "Total excluding tax"},
        "total_tax": {"type": "number", "description": "Total tax"},
        "total_incl_tax": {"type": "number", "description": "Total including tax"},
        "currency": {"enum": ["EUR", "GBP", "USD", None]},
        "payment_method": _TEXT,
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sku": _TEXT, "name": _TEXT, "quantity": _NUMBER, "price": _NUMBER, "amount": _NUMBER},
            },
        },
    },
}


def _truth(**stated: Any) -> dict[str, Any]:
    """The truth with null for all that the invoice does not state."""
    properties = SCHEMA["properties"]
    assert set(stated) <= set(properties)
    return {name: stated.get(name, [] if name == "items" else None) for name in properties}


def _item(sku: str | None, name: str, quantity: float | None, price: float | None, amount: float) -> dict[str, Any]:
    return {"sku": sku, "name": name, "quantity": quantity, "price": price, "amount": amount}


def samples() -> list[Sample]:
    return [
        shop_english(),
        shop_french(),
        freelance_english(),
        freelance_italian(),
        telecom_french(),
        telecom_english(),
        official_italian(),
        official_french(),
        narrow_english(),
        narrow_italian(),
    ]


# ------------------------------------------------ a shop: three address columns, facts flush right


def _facts(sheet: Sheet, y: float, facts: list[tuple[str, str]]) -> None:
    for place, (label, value) in enumerate(facts):
        sheet.text(545, y - 14 * place, f"{label}: {value}", right=True)


def shop_english() -> Sample:
    sheet = Sheet()
    sheet.text(50, 790, "fernway.example", 20, bold=True)
    _facts(
        sheet,
        795,
        [
            ("Invoice", "GB-5509812"),
            ("Invoice date", "27/05/2025"),
            ("Order", "205-8837716"),
            ("Payment method", "Visa"),
        ],
    )
    for x, head, lines in (
        (50, "Sold by", ("Fernway Retail Ltd", "60 Wharf Road", "London N1 7SF", "VAT GB 318 7654 21")),
        (220, "Billing address", ("Priya Nair", "3 Elm Court", "Reading RG1 4PS")),
        (390, "Delivery address", ("Priya Nair", "c/o Nair & Co", "9 Station Way", "Reading RG2 0AA")),
    ):
        sheet.text(x, 700, head, bold=True)
        sheet.lines(x, 687, *lines)
    sheet.rule(610)
    y = sheet.rows(
        (50, 120, 330, 380, 460, 545),
        596,
        [
            ("SKU", "Product", "Qty", "VAT rate", "Unit price", "Item total"),
            ("FW-1182", "Walking boots, size 42", "1", "20%", "£95.83", "£95.83"),
            ("FW-0440", "Wool socks, 3 pairs", "2", "20%", "£12.50", "£25.00"),
        ],
        rights=(2, 3, 4, 5),
    )
    for label, amount in [("Total excl. VAT", "£120.83"), ("VAT", "£24.17"), ("Invoice total", "£145.00")]:
        y -= 15
        sheet.text(460, y, label, right=True)
        sheet.text(545, y, amount, right=True)
    return Sample(
        "shop-en",
        sheet.pdf(),
        _truth(
            number="GB-5509812",
            issued="2025-05-27",
            seller_name="Fernway Retail Ltd",
            seller_address="60 Wharf Road, London N1 7SF",
            seller_vat="GB318765421",
            buyer_name="Priya Nair",
            buyer_address="3 Elm Court, Reading RG1 4PS",
            order_no="205-8837716",
            total_excl_tax=120.83,
            total_tax=24.17,
            total_incl_tax=145,
            currency="GBP",
            payment_method="Visa",
            items=[
                _item("FW-1182", "Walking boots, size 42", 1, 95.83, 95.83),
                _item("FW-0440", "Wool socks, 3 pairs", 2, 12.5, 25),
            ],
        ),
    )


def shop_french() -> Sample:
    sheet = Sheet()
    sheet.text(50, 790, "la-malle.example", 20, bold=True)
    _facts(
        sheet,
        795,
        [
            ("Facture", "FR25-118820"),
            ("Date", "03/06/2025"),
            ("N° de commande", "C-7740192"),
            ("Mode de paiement", "Carte bancaire"),
        ],
    )
    for x, head, lines in (
        (50, "Vendu par", ("La Malle Distribution SAS", "8 rue de la Gare", "59000 Lille", "TVA FR 32 512 345 678")),
        (220, "Adresse de facturation", ("Julien Marchand", "17 avenue Foch", "57000 Metz")),
        (390, "Adresse de livraison", ("Julien Marchand", "Relais Tabac du Centre", "57050 Metz")),
    ):
        sheet.text(x, 700, head, bold=True)
        sheet.lines(x, 687, *lines)
    sheet.rule(610)
    y = sheet.rows(
        (50, 120, 330, 380, 460, 545),
        596,
        [
            ("Réf.", "Article", "Qté", "TVA", "Prix HT", "Total HT"),
            ("LM-220", "Valise cabine grise", "1", "20 %", "74,17 €", "74,17 €"),
            ("LM-871", "Étiquette bagage cuir", "3", "20 %", "8,25 €", "24,75 €"),
        ],
        rights=(2, 3, 4, 5),
    )
    for label, amount in [("Total HT", "98,92 €"), ("Total TVA", "19,78 €"), ("Total TTC", "118,70 €")]:
        y -= 15
        sheet.text(460, y, label, right=True)
        sheet.text(545, y, amount, right=True)
    return Sample(
        "shop-fr",
        sheet.pdf(),
        _truth(
            number="FR25-118820",
            issued="2025-06-03",
            seller_name="La Malle Distribution SAS",
            seller_address="8 rue de la Gare, 59000 Lille",
            seller_vat="FR32512345678",
            buyer_name="Julien Marchand",
            buyer_address="17 avenue Foch, 57000 Metz",
            order_no="C-7740192",
            total_excl_tax=98.92,
            total_tax=19.78,
            total_incl_tax=118.7,
            currency="EUR",
            payment_method="Carte bancaire",
            items=[
                _item("LM-220", "Valise cabine grise", 1, 74.17, 74.17),
                _item("LM-871", "Étiquette bagage cuir", 3, 8.25, 24.75),
            ],
        ),
    )


# ------------------------------------------------ a freelancer: hours by day, the rate said once


def freelance_english() -> Sample:
    sheet = Sheet()
    sheet.text(50, 800, "INVOICE", 24, bold=True)
    sheet.text(50, 770, "Invoice from", bold=True)
    sheet.lines(50, 757, "Hana Sato Consulting", "15 Bridge Street", "Edinburgh EH1 1LS")
    sheet.text(300, 770, "Invoice to", bold=True)
    sheet.lines(300, 757, "Lomond Energy plc", "Finance Department", "200 Bath Street", "Glasgow G2 4HG")
    sheet.rows(
        (50, 175, 300, 425),
        690,
        [("Invoice no.", "Issued", "Due", "PO reference"), ("HS-0092", "1 July 2025", "31 July 2025", "LE/PO/55201")],
        step=13,
    )
    y = sheet.rows(
        (50, 150, 400, 545),
        640,
        [
            ("Date", "Task", "Hours", "Amount"),
            ("9 June 2025", "Workshop on metering data", "7.5", "£562.50"),
            ("17 June 2025", "Report on forecast errors", "12", "£900.00"),
            ("24 June 2025", "Presentation to the board", "3", "£225.00"),
        ],
        rights=(2, 3),
    )
    for label, amount in [("Net amount", "£1,687.50"), ("VAT 20%", "£337.50"), ("Amount payable", "£2,025.00")]:
        y -= 15
        sheet.text(400, y, label, right=True)
        sheet.text(545, y, amount, right=True)
    sheet.lines(
        50,
        300,
        "Hourly rate: £75.00",
        "Payment by bank transfer",
        "Account name: Hana Sato Consulting",
        "IBAN: GB94 BARC 1020 1530 0934 59",
        "VAT reg. no.: GB 405 1180 93",
    )
    return Sample(
        "freelance-en",
        sheet.pdf(),
        _truth(
            number="HS-0092",
            issued="2025-07-01",
            due="2025-07-31",
            seller_name="Hana Sato Consulting",
            seller_address="15 Bridge Street, Edinburgh EH1 1LS",
            seller_vat="GB405118093",
            buyer_name="Lomond Energy plc",
            buyer_address="Finance Department, 200 Bath Street, Glasgow G2 4HG",
            order_no="LE/PO/55201",
            iban="GB94BARC10201530093459",
            total_excl_tax=1687.5,
            total_tax=337.5,
            total_incl_tax=2025,
            currency="GBP",
            payment_method="bank transfer",
            items=[
                _item(None, "Workshop on metering data", 7.5, None, 562.5),
                _item(None, "Report on forecast errors", 12, None, 900),
                _item(None, "Presentation to the board", 3, None, 225),
            ],
        ),
    )


def freelance_italian() -> Sample:
    sheet = Sheet()
    sheet.text(50, 800, "FATTURA", 24, bold=True)
    sheet.text(50, 770, "Da", bold=True)
    sheet.lines(50, 757, "Studio Grafico Belli", "Via Mazzini 31", "40137 Bologna", "P.IVA 03344550378")
    sheet.text(300, 770, "Spett.le", bold=True)
    sheet.lines(
        300, 757, "Caseificio Reggiani S.p.A.", "Strada Statale 9 n. 120", "42124 Reggio Emilia", "P.IVA 01122330356"
    )
    sheet.rows(
        (50, 175, 300, 425),
        680,
        [("Fattura n.", "Del", "Scadenza", "Vs. ordine"), ("47/2025", "30/05/2025", "29/06/2025", "OA-2210")],
        step=13,
    )
    y = sheet.rows(
        (50, 300, 380, 460, 545),
        630,
        [
            ("Attività", "Ore", "Tariffa", "IVA", "Importo"),
            ("Restyling etichette linea bio", "22", "45,00 €", "22%", "990,00 €"),
            ("Impaginazione catalogo fiera", "16", "40,00 €", "22%", "640,00 €"),
        ],
        rights=(1, 2, 3, 4),
    )
    for label, amount in [
        ("Totale imponibile", "1.630,00 €"),
        ("IVA 22%", "358,60 €"),
        ("Totale a pagare", "1.988,60 €"),
    ]:
        y -= 15
        sheet.text(460, y, label, right=True)
        sheet.text(545, y, amount, right=True)
    sheet.lines(
        50, 300, "Pagamento: bonifico bancario a 30 giorni", "Banca Emilia, IBAN IT40 S054 2811 1010 0000 0123 456"
    )
    return Sample(
        "freelance-it",
        sheet.pdf(),
        _truth(
            number="47/2025",
            issued="2025-05-30",
            due="2025-06-29",
            seller_name="Studio Grafico Belli",
            seller_address="Via Mazzini 31, 40137 Bologna",
            seller_vat="03344550378",
            buyer_name="Caseificio Reggiani S.p.A.",
            buyer_address="Strada Statale 9 n. 120, 42124 Reggio Emilia",
            buyer_vat="01122330356",
            order_no="OA-2210",
            iban="IT40S0542811101000000123456",
            total_excl_tax=1630,
            total_tax=358.6,
            total_incl_tax=1988.6,
            currency="EUR",
            payment_method="bonifico bancario a 30 giorni",
            items=[
                _item(None, "Restyling etichette linea bio", 22, 45, 990),
                _item(None, "Impaginazione catalogo fiera", 16, 40, 640),
            ],
        ),
    )


# ------------------------------------------------ a telephone company: summary on the first page, detail on the second


def telecom_french() -> Sample:
    sheet = Sheet()
    sheet.text(50, 795, "Télémont", 22, bold=True)
    sheet.lines(320, 740, "Mme Sophie Legrand", "5 impasse des Acacias", "31500 Toulouse", step=13, size=10)
    sheet.lines(
        50,
        740,
        "Votre facture du 12 avril 2025",
        "N° de facture : 88 120 447",
        "N° client : 4 400 871",
        "Ligne : 05 61 55 51 44",
        step=14,
    )
    sheet.text(50, 650, "Montant prélevé le 22 avril 2025", 12, bold=True)
    sheet.text(545, 650, "41,98 € TTC", 12, bold=True, right=True)
    sheet.text(50, 630, "Prélèvement automatique sur le compte FR63 1027 8021 0000 0204 5680 175")
    sheet.text(50, 80, "Télémont SA au capital de 5 000 000 €, 90 boulevard de Strasbourg, 31000 Toulouse", 7)
    sheet.text(50, 70, "TVA intracommunautaire FR09444555666", 7)
    sheet.next_page()
    sheet.text(50, 795, "Détail de votre facture", 14, bold=True)
    y = sheet.rows(
        (50, 330, 420, 545),
        770,
        [
            ("Libellé", "Quantité", "Prix HT", "Montant HT"),
            ("Forfait fibre mensuel", "1", "29,99 €", "29,99 €"),
            ("Communications vers mobiles", "5", "1,00 €", "5,00 €"),
        ],
        rights=(1, 2, 3),
    )
    for label, amount in [
        ("Total hors taxes", "34,99 €"),
        ("TVA à 20 %", "6,99 €"),
        ("Total de la facture TTC", "41,98 €"),
    ]:
        y -= 15
        sheet.text(420, y, label, right=True)
        sheet.text(545, y, amount, right=True)
    return Sample(
        "telecom-fr",
        sheet.pdf(),
        _truth(
            number="88 120 447",
            issued="2025-04-12",
            due="2025-04-22",
            seller_name="Télémont SA",
            seller_address="90 boulevard de Strasbourg, 31000 Toulouse",
            seller_vat="FR09444555666",
            buyer_name="Mme Sophie Legrand",
            buyer_address="5 impasse des Acacias, 31500 Toulouse",
            customer_id="4 400 871",
            iban="FR6310278021000002045680175",
            total_excl_tax=34.99,
            total_tax=6.99,
            total_incl_tax=41.98,
            currency="EUR",
            payment_method="Prélèvement automatique",
            items=[
                _item(None, "Forfait fibre mensuel", 1, 29.99, 29.99),
                _item(None, "Communications vers mobiles", 5, 1, 5),
            ],
        ),
    )


def telecom_english() -> Sample:
    sheet = Sheet()
    sheet.text(50, 795, "Brightline", 22, bold=True)
    sheet.lines(320, 740, "Mr D. Evans", "44 Castle Street", "Cardiff CF10 1BU", step=13, size=10)
    sheet.lines(50, 740, "Bill date: 5 February 2025", "Bill number: BL 7711-20", "Account number: 900 118 22", step=14)
    sheet.text(50, 650, "Your total this month", 12, bold=True)
    sheet.text(545, 650, "£54.00", 12, bold=True, right=True)
    sheet.text(50, 630, "We will collect this by Direct Debit on 19 February 2025.")
    sheet.text(50, 80, "Brightline Telecom Limited, 1 Harbour Way, Swansea SA1 8QY", 7)
    sheet.text(50, 70, "VAT registration number GB 662 9810 04", 7)
    sheet.next_page()
    sheet.text(50, 795, "How we worked out your bill", 14, bold=True)
    y = sheet.rows(
        (50, 330, 420, 545),
        770,
        [
            ("Description", "Quantity", "Unit price", "Total"),
            ("Broadband 100, monthly charge", "1", "£35.00", "£35.00"),
            ("Calls package", "2", "£5.00", "£10.00"),
        ],
        rights=(1, 2, 3),
    )
    for label, amount in [("Total before VAT", "£45.00"), ("VAT at 20%", "£9.00"), ("Total including VAT", "£54.00")]:
        y -= 15
        sheet.text(420, y, label, right=True)
        sheet.text(545, y, amount, right=True)
    return Sample(
        "telecom-en",
        sheet.pdf(),
        _truth(
            number="BL 7711-20",
            issued="2025-02-05",
            due="2025-02-19",
            seller_name="Brightline Telecom Limited",
            seller_address="1 Harbour Way, Swansea SA1 8QY",
            seller_vat="GB662981004",
            buyer_name="Mr D. Evans",
            buyer_address="44 Castle Street, Cardiff CF10 1BU",
            customer_id="900 118 22",
            total_excl_tax=45,
            total_tax=9,
            total_incl_tax=54,
            currency="GBP",
            payment_method="Direct Debit",
            items=[
                _item(None, "Broadband 100, monthly charge", 1, 35, 35),
                _item(None, "Calls package", 2, 5, 10),
            ],
        ),
    )


# ------------------------------------------------ an official form: both parties by label and value


def _ruled(sheet: Sheet, xs: list[float], y: float, rows: list[list[str]], right: float = 545) -> float:
    for row in rows:
        for column, (x, text) in enumerate(zip(xs, row, strict=True)):
            end = xs[column + 1] if column + 1 < len(xs) else right
            sheet.canvas.rect(x, y - 5, end - x, 17)
            sheet.text(x + 3, y, text, 8)
        y -= 17
    return y


def official_italian() -> Sample:
    sheet = Sheet()
    sheet.text(50, 800, "Cedente/prestatore (fornitore)", bold=True)
    sheet.lines(
        50,
        786,
        "Identificativo fiscale ai fini IVA: IT02233440126",
        "Denominazione: Ferramenta Lario S.n.c.",
        "Indirizzo: Corso Matteotti 7",
        "Comune: Como",
        "CAP: 22100",
    )
    sheet.text(310, 800, "Cessionario/committente (cliente)", bold=True)
    sheet.lines(
        310,
        786,
        "Identificativo fiscale ai fini IVA: IT09988770157",
        "Denominazione: Cantiere Nautico Bellagio S.r.l.",
        "Indirizzo: Lungolago 21",
        "Comune: Bellagio",
        "CAP: 22021",
    )
    y = _ruled(
        sheet,
        [50, 180, 300, 420],
        700,
        [
            ["Tipologia documento", "Numero documento", "Data documento", "Codice destinatario"],
            ["TD01 fattura", "512", "14-03-2025", "M5UXCR1"],
        ],
    )
    y = _ruled(
        sheet,
        [50, 120, 320, 370, 440, 490],
        y - 20,
        [
            ["Cod. articolo", "Descrizione", "Quantità", "Prezzo unitario", "IVA %", "Prezzo totale"],
            ["VT-88", "Viti inox A4 6x40", "500,00", "0,18", "22,00", "90,00"],
            ["SG-10", "Sigillante marino 310 ml", "12,00", "9,40", "22,00", "112,80"],
        ],
    )
    y = _ruled(
        sheet,
        [50, 200, 340, 450],
        y - 20,
        [
            ["Aliquota IVA", "Totale imponibile", "Totale imposta", "Totale documento"],
            ["22,00", "202,80", "44,62", "247,42"],
        ],
    )
    _ruled(
        sheet,
        [50, 200, 430],
        y - 20,
        [
            ["Modalità pagamento", "IBAN", "Data scadenza"],
            ["MP05 Bonifico", "IT42 W080 0000 2921 0064 5211 151", "13-04-2025"],
        ],
    )
    return Sample(
        "official-it",
        sheet.pdf(),
        _truth(
            number="512",
            issued="2025-03-14",
            due="2025-04-13",
            seller_name="Ferramenta Lario S.n.c.",
            seller_address="Corso Matteotti 7",
            seller_vat="IT02233440126",
            buyer_name="Cantiere Nautico Bellagio S.r.l.",
            buyer_address="Lungolago 21",
            buyer_vat="IT09988770157",
            iban="IT42W0800000292100645211151",
            total_excl_tax=202.8,
            total_tax=44.62,
            total_incl_tax=247.42,
            payment_method="MP05 Bonifico",
            items=[
                _item("VT-88", "Viti inox A4 6x40", 500, 0.18, 90),
                _item("SG-10", "Sigillante marino 310 ml", 12, 9.4, 112.8),
            ],
        ),
    )


def official_french() -> Sample:
    sheet = Sheet()
    sheet.text(50, 800, "FOURNISSEUR", bold=True)
    sheet.lines(
        50,
        786,
        "Raison sociale : Menuiserie Kerbrat SARL",
        "Adresse : 2 rue du Port, 29900 Concarneau",
        "N° TVA : FR55390112233",
    )
    sheet.text(310, 800, "CLIENT", bold=True)
    sheet.lines(
        310,
        786,
        "Raison sociale : Conserverie Ar Mor SAS",
        "Adresse : ZI de Troyalac'h, 29170 Saint-Évarzec",
        "N° TVA : FR17402998877",
    )
    y = _ruled(
        sheet,
        [50, 180, 300, 420],
        720,
        [
            ["N° facture", "Date facture", "Date échéance", "N° commande"],
            ["2025/302", "18/02/2025", "20/03/2025", "BC 4471"],
        ],
    )
    y = _ruled(
        sheet,
        [50, 120, 320, 370, 440, 490],
        y - 20,
        [
            ["Code", "Désignation", "Qté", "PU HT", "TVA", "Montant HT"],
            ["PORT-C", "Porte coupe-feu chêne", "3", "680,00", "20 %", "2 040,00"],
            ["POSE", "Pose et réglages", "8", "52,00", "20 %", "416,00"],
        ],
    )
    y = _ruled(
        sheet,
        [50, 200, 340, 450],
        y - 20,
        [["Taux", "Base HT", "Montant TVA", "Total TTC"], ["20 %", "2 456,00", "491,20", "2 947,20"]],
    )
    _ruled(
        sheet,
        [50, 200],
        y - 20,
        [["Mode de règlement", "Virement"], ["IBAN", "FR83 1558 9297 0600 0890 0004 012"], ["Devise", "EUR"]],
        right=430,
    )
    return Sample(
        "official-fr",
        sheet.pdf(),
        _truth(
            number="2025/302",
            issued="2025-02-18",
            due="2025-03-20",
            seller_name="Menuiserie Kerbrat SARL",
            seller_address="2 rue du Port, 29900 Concarneau",
            seller_vat="FR55390112233",
            buyer_name="Conserverie Ar Mor SAS",
            buyer_address="ZI de Troyalac'h, 29170 Saint-Évarzec",
            buyer_vat="FR17402998877",
            order_no="BC 4471",
            iban="FR8315589297060008900004012",
            total_excl_tax=2456,
            total_tax=491.2,
            total_incl_tax=2947.2,
            currency="EUR",
            payment_method="Virement",
            items=[
                _item("PORT-C", "Porte coupe-feu chêne", 3, 680, 2040),
                _item("POSE", "Pose et réglages", 8, 52, 416),
            ],
        ),
    )


# ------------------------------------------------ narrow paper: centred head, label and value at both edges


def _narrow(
    head: list[str], facts: list[tuple[str, str]], rows: list[tuple[str, ...]], sums: list[tuple[str, str]]
) -> bytes:
    sheet = Sheet((280, 520))
    y = 495.0
    for line in head:
        sheet.canvas.setFont("Helvetica", 9)
        sheet.canvas.drawCentredString(140, y, line)
        y -= 12
    y -= 8
    for label, value in facts:
        sheet.text(15, y, label, 8)
        sheet.text(265, y, value, 8, right=True)
        y -= 12
    sheet.rule(y + 2, 15, 265)
    y -= 12
    for row in rows:
        for x, text, right in zip((15, 150, 205, 265), row, (False, True, True, True), strict=True):
            sheet.text(x, y, text, 8, right=right)
        y -= 12
    sheet.rule(y + 4, 15, 265)
    y -= 10
    for label, value in sums:
        sheet.text(15, y, label, 8)
        sheet.text(265, y, value, 8, right=True)
        y -= 12
    return sheet.pdf()


def narrow_english() -> Sample:
    pdf = _narrow(
        ["Quayside Cycles Inc.", "77 Pier Avenue", "Portland, ME 04101"],
        [("Invoice No.", "QC-3021"), ("Date", "10/18/2025"), ("Customer", "Owen Bradley"), ("Paid with", "Mastercard")],
        [
            ("Item", "Qty", "Price", "Amount"),
            ("Brake pads", "2", "$18.50", "$37.00"),
            ("Tune-up service", "1", "$85.00", "$85.00"),
        ],
        [("Subtotal", "$122.00"), ("Sales tax 5.5%", "$6.71"), ("Total", "$128.71")],
    )
    return Sample(
        "narrow-en",
        pdf,
        _truth(
            number="QC-3021",
            issued="2025-10-18",
            seller_name="Quayside Cycles Inc.",
            seller_address="77 Pier Avenue, Portland, ME 04101",
            buyer_name="Owen Bradley",
            total_excl_tax=122,
            total_tax=6.71,
            total_incl_tax=128.71,
            currency="USD",
            payment_method="Mastercard",
            items=[
                _item(None, "Brake pads", 2, 18.5, 37),
                _item(None, "Tune-up service", 1, 85, 85),
            ],
        ),
    )


def narrow_italian() -> Sample:
    pdf = _narrow(
        ["Trattoria Al Molo S.a.s.", "Riva degli Schiavoni 12", "30122 Venezia", "P. IVA IT02998870274"],
        [
            ("Fattura n.", "F/118"),
            ("Data", "21/09/2025"),
            ("Cliente", "Arredi Veneti S.r.l."),
            ("P. IVA cliente", "IT03311220261"),
            ("Pagamento", "Bancomat"),
        ],
        [
            ("Descrizione", "Q.tà", "Prezzo", "Importo"),
            ("Pranzo di lavoro", "6", "38,00", "228,00"),
            ("Acqua minerale", "4", "3,50", "14,00"),
        ],
        [("Imponibile", "€ 220,00"), ("IVA 10%", "€ 22,00"), ("Totale", "€ 242,00")],
    )
    return Sample(
        "narrow-it",
        pdf,
        _truth(
            number="F/118",
            issued="2025-09-21",
            seller_name="Trattoria Al Molo S.a.s.",
            seller_address="Riva degli Schiavoni 12, 30122 Venezia",
            seller_vat="IT02998870274",
            buyer_name="Arredi Veneti S.r.l.",
            buyer_vat="IT03311220261",
            total_excl_tax=220,
            total_tax=22,
            total_incl_tax=242,
            currency="EUR",
            payment_method="Bancomat",
            items=[
                _item(None, "Pranzo di lavoro", 6, 38, 228),
                _item(None, "Acqua minerale", 4, 3.5, 14),
            ],
        ),
    )
