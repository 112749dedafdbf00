"""Documents whose pages belong to known topics, in four languages, written after the split and measured once."""

from __future__ import annotations

from dataclasses import dataclass

from docferry.engine.understanding import Topic

FIRST_MEASURED = "36 of 40 pages (90.0 %)"


@dataclass(frozen=True)
class Bundle:
    name: str
    topics: tuple[Topic, ...]
    pages: tuple[tuple[str, int], ...]  # text of the page, place of its topic


FRANCHISE = Bundle(
    "franchise agreement (English)",
    (
        Topic("Territory", "where the franchisee may operate"),
        Topic("Fees", "entry fee, royalties and advertising contribution"),
        Topic("Training", "courses and support for the staff"),
        Topic("Confidentiality", "secret know-how and its protection"),
        Topic("Termination", "how and when the contract ends"),
    ),
    (
        (
            "The franchisee may open shops in the counties of Kent and Sussex only. Outside them he shall not "
            "advertise nor deliver. The franchisor will not license a second operator in this region.",
            0,
        ),
        (
            "Maps showing the borders are attached. Sales over the internet to customers who live elsewhere "
            "are passed on to the operator responsible for that district.",
            0,
        ),
        (
            "On signing, twenty-five thousand pounds become due. Every month five per cent of the turnover "
            "are payable as a royalty, at the latest on the tenth.",
            1,
        ),
        (
            "Two per cent of sales go into the common marketing fund. Late payments bear interest of one per "
            "cent a month.",
            1,
        ),
        (
            "Before opening, the manager and two employees attend a course of three weeks at our academy in "
            "Leeds. Travel is paid by the participants.",
            2,
        ),
        (
            "Every spring a trainer visits the shop for two days. New recipes are taught by video lessons, "
            "which all cooks have to complete within a month.",
            2,
        ),
        (
            "Recipes, manuals and supplier lists are trade secrets. They may be shown only to employees who "
            "need them and who have promised silence in writing.",
            3,
        ),
        (
            "The duty to keep this knowledge to oneself continues for five years after the parties have gone "
            "separate ways.",
            3,
        ),
        (
            "The agreement runs for ten years. Either side may give notice of twelve months to the end of a "
            "year. Serious breach entitles the other side to end it at once.",
            4,
        ),
        (
            "When the contract is over, signs and logos must be taken down within a week and remaining stock "
            "is bought back at cost.",
            4,
        ),
    ),
)

CONDOMINIUM = Bundle(
    "Eigentümerversammlung (German pages, English topics)",
    (
        Topic("accounts", "annual statement of income and costs, reserves"),
        Topic("renovation", "works on the building, craftsmen and offers"),
        Topic("house rules", "noise, waste, use of common rooms"),
        Topic("elections", "choice of the board and the administrator"),
        Topic("legal disputes", "court cases and lawyers"),
    ),
    (
        (
            "Die Jahresabrechnung 2024 schließt mit Einnahmen von 148.200 Euro und Ausgaben von 139.750 Euro. "
            "Der Verwalter erläutert die einzelnen Kostenarten.",
            0,
        ),
        (
            "Die Instandhaltungsrücklage beträgt zum Jahresende 96.000 Euro. Der Wirtschaftsplan für 2025 "
            "wird mit 31 Stimmen beschlossen.",
            0,
        ),
        (
            "Das Dach des Hinterhauses ist undicht. Drei Angebote von Dachdeckern liegen vor, das günstigste "
            "über 54.000 Euro. Die Arbeiten sollen im Juni beginnen.",
            1,
        ),
        (
            "Die Fassade zur Straße wird gestrichen, die Fenster im Treppenhaus werden ausgetauscht. Ein "
            "Gerüst steht etwa acht Wochen.",
            1,
        ),
        (
            "Fahrräder dürfen nicht im Flur stehen. Ab 22 Uhr gilt Ruhe, Musik ist auf Zimmerlautstärke zu stellen.",
            2,
        ),
        (
            "Der Müll ist zu trennen; Sperrmüll darf nicht im Keller gelagert werden. Die Waschküche ist "
            "sonntags geschlossen.",
            2,
        ),
        (
            "Frau Albers und Herr Nowak stellen sich erneut für den Beirat zur Wahl und werden einstimmig bestätigt.",
            3,
        ),
        (
            "Der Vertrag mit der Hausverwaltung läuft aus. Auf Vorschlag des Beirats wird die Firma Kühn für "
            "drei Jahre bestellt.",
            3,
        ),
        (
            "Im Verfahren gegen den Bauträger hat das Landgericht ein Gutachten angeordnet. Rechtsanwalt "
            "Stein rechnet mit einem Urteil im Herbst.",
            4,
        ),
        (
            "Die Klage eines Eigentümers gegen den Beschluss über die Garagen wurde abgewiesen; er trägt die Kosten.",
            4,
        ),
    ),
)

HOSPITAL = Bundle(
    "dossier patient (French and Spanish pages, English topics)",
    (
        Topic("nursing notes", "daily observations by nurses"),
        Topic("surgery report", "the operation and how it was carried out"),
        Topic("discharge letter", "summary for the family doctor"),
        Topic("insurance", "cover, approval of costs, invoices to the insurer"),
    ),
    (
        (
            "Nuit calme. Température 37,2, tension 12/8. La patiente a bu un litre d'eau, le pansement est propre.",
            0,
        ),
        (
            "Le matin, aide à la toilette. Douleur évaluée à 3 sur 10, antalgique donné à dix heures. Premier "
            "lever avec appui.",
            0,
        ),
        (
            "Sous anesthésie générale, incision latérale de la hanche. Résection de la tête fémorale, mise en "
            "place d'une prothèse non cimentée de taille 12.",
            1,
        ),
        (
            "Hémostase soigneuse, fermeture par plans, drain aspiratif. Durée 74 minutes, pertes sanguines 300 ml.",
            1,
        ),
        (
            "Cher confrère, nous vous adressons Madame Roux après son séjour du 3 au 10 mars. Les suites ont "
            "été simples, la rééducation se poursuit en centre.",
            2,
        ),
        (
            "Le agradecemos que retire los puntos el día catorce y que controle la analítica en un mes. La "
            "paciente puede apoyar la pierna con muletas.",
            2,
        ),
        (
            "La mutua autoriza la intervención y seis días de hospitalización. La habitación individual corre "
            "a cargo de la asegurada.",
            3,
        ),
        (
            "Factura dirigida a la compañía: quirófano, prótesis y estancia. El copago asciende a 240 euros.",
            3,
        ),
    ),
)

TENDER = Bundle(
    "school building tender (names only)",
    (
        Topic("Site and access"),
        Topic("Heating and ventilation"),
        Topic("Fire safety"),
        Topic("Cost estimate"),
        Topic("Time schedule"),
        Topic("Furniture"),
    ),
    (
        (
            "The plot lies between Mill Road and the river. Lorries reach it from the north; the lane to the "
            "church stays free for pedestrians.",
            0,
        ),
        (
            "During the works a temporary road of gravel is laid. Parking for workers is found behind the sports hall.",
            0,
        ),
        (
            "Two heat pumps and a gas boiler for cold days supply the radiators. Classrooms get fresh air "
            "through units with heat recovery.",
            1,
        ),
        (
            "Ducts run above the corridor ceilings. The carbon dioxide in each room is measured and controls the fans.",
            1,
        ),
        (
            "Two staircases of concrete serve as escape routes. Doors close by themselves when smoke is detected.",
            2,
        ),
        (
            "Sprinklers cover the assembly hall, hydrants stand every eighty metres. Alarms are passed on to "
            "the brigade.",
            2,
        ),
        (
            "Structural works 4.1 million, technical installations 2.3 million, outdoor areas 0.6 million "
            "euros, each without VAT.",
            3,
        ),
        (
            "A reserve of eight per cent is included. Prices are those of the second quarter and follow the "
            "index of the statistics office.",
            3,
        ),
        (
            "Excavation begins in April, the shell is finished by November, classes move in after the summer "
            "holidays of the following year.",
            4,
        ),
        (
            "Milestones are checked every second Friday. A delay of more than ten days must be reported.",
            4,
        ),
        (
            "Each classroom has fifteen double desks, thirty chairs in two sizes, a cupboard with doors and a board.",
            5,
        ),
        (
            "The library receives shelves of beech and six reading tables; the canteen benches that can be folded.",
            5,
        ),
    ),
)

BUNDLES = (FRANCHISE, CONDOMINIUM, HOSPITAL, TENDER)
