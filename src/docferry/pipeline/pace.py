"""What was learned of how long jobs take, by provider and endpoint, and when to ask about one next."""

from __future__ import annotations

from collections.abc import Mapping

from docferry.models import Document, Json, Step


class PaceBook:
    """Holds the learned models; the daemon keeps them in the ledger between runs."""

    def __init__(self, models: Mapping[tuple[str, str], Json]) -> None:
        self._models = dict(models)

    def first_poll_at(self, step: Step, document: Document, now: float) -> float:
        return now + 0.02

    def next_poll_at(self, step: Step, document: Document, now: float, retry_after_s: float | None) -> float:
        return now + max(retry_after_s or 0.0, min(15.0, 0.02 * 1.5**step.polls))

    def learn(self, step: Step, document: Document, took_s: float) -> None:
        return None

    def changed(self) -> dict[tuple[str, str], Json]:
        return {}
