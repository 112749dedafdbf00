"""The outbox: names, delivery, receipts, and where originals go."""
