"""The ledger: one SQLite file that knows every document, step, delivery and event. The only SQL."""

from docferry.ledger.changes import Change, Delivery, Event, LedgerConflict, StaleDocument
from docferry.ledger.ledger import Ledger
from docferry.ledger.reading import LedgerReader, Oldest

__all__ = ["Change", "Delivery", "Event", "Ledger", "LedgerConflict", "LedgerReader", "Oldest", "StaleDocument"]
