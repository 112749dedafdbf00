"""The learned pace of every provider and endpoint: asked when to poll, told how long jobs took."""

from __future__ import annotations

import random
from collections.abc import Mapping
from urllib.parse import urlsplit

from docferry.config.models import ProviderConfig
from docferry.models import Document, Json, Step
from docferry.pipeline.pacing import PaceModel, PaceSettings, next_poll_at
from docferry.providers.base import Pending

LOCAL_QUICKEST_S = 0.01
REMOTE_QUICKEST_S = 1.0
WORKING_GAP_S = 0.2  # at most one job for each of the engine's workers is asked about so often
WAITING_GAP_S = 2.0
WAITING_GAP_SHARE = 0.2  # of the time a job has waited: a long queue is not asked about all the time
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Key = tuple[str, str]  # provider, endpoint


class PaceBook:
    """Holds the models in memory; the daemon takes ``changed`` ones into the ledger from time to time."""

    def __init__(self, saved: Mapping[Key, Json], providers: Mapping[str, ProviderConfig], rng: random.Random) -> None:
        self._saved = saved
        self._providers = providers
        self._rng = rng
        self._models: dict[Key, PaceModel] = {}
        self._changed: set[Key] = set()

    def follow(self, providers: Mapping[str, ProviderConfig]) -> None:
        """Learns of providers that a reload brought."""
        self._providers = providers

    def first_poll_at(self, step: Step, document: Document, now: float) -> float:
        """When to ask first about a job that was accepted just now."""
        return self._next(step, document, accepted_at=now, now=now)

    def next_poll_at(self, step: Step, document: Document, now: float, pending: Pending) -> float:
        """When to ask again about a job of which the provider just said ``pending``."""
        return self._next(step, document, accepted_at=step.accepted_at or now, now=now, pending=pending)

    def learn(self, step: Step, document: Document, took_s: float) -> None:
        """A job of this step's kind took so long."""
        model = self._model(step)
        model.learn(took_s, polls=step.polls, size_bytes=document.size_bytes, pages=document.pages)
        self._changed.add((step.provider, step.endpoint))

    def changed(self) -> dict[Key, Json]:
        """The models that learned something since the last call."""
        changed, self._changed = self._changed, set()
        return {key: self._models[key].to_json() for key in changed}

    def _next(
        self, step: Step, document: Document, *, accepted_at: float, now: float, pending: Pending | None = None
    ) -> float:
        wish_s = pending.retry_after_s if pending else None
        due_at = next_poll_at(
            self._model(step),
            submitted_at=accepted_at,
            polls=step.polls,
            now=now,
            size_bytes=document.size_bytes,
            pages=document.pages,
            rng=self._rng,
            retry_after_s=wish_s,
        )
        provider = self._providers.get(step.provider)
        if provider is None or provider.engine is None:
            return due_at
        longest_s = longest_gap_s(now - accepted_at, is_worked_on(provider, pending))
        return min(due_at, now + max(longest_s, wish_s or 0.0))

    def _model(self, step: Step) -> PaceModel:
        key = (step.provider, step.endpoint)
        if key not in self._models:
            provider = self._providers.get(step.provider)
            settings = PaceSettings(quickest_s=quickest_s(provider) if provider else REMOTE_QUICKEST_S)
            self._models[key] = PaceModel.from_json(self._saved.get(key), settings)
        return self._models[key]


def quickest_s(provider: ProviderConfig) -> float:
    """The earliest moment at which an answer of a provider nobody knows yet is worth asking for."""
    host = urlsplit(provider.url).hostname if provider.url else None
    return LOCAL_QUICKEST_S if provider.engine or host in _LOOPBACK else REMOTE_QUICKEST_S


def longest_gap_s(elapsed_s: float, worked_on: bool) -> float:
    """The longest pause between two questions about a job of the embedded engine.

    A job's time there is mostly the queue before it, which no model can learn, and asking costs only us.
    """
    return WORKING_GAP_S if worked_on else max(WAITING_GAP_S, WAITING_GAP_SHARE * elapsed_s)


def is_worked_on(provider: ProviderConfig, pending: Pending | None) -> bool:
    """Whether a worker has the job. Nanonets has one word for that and for waiting, so there it is not known."""
    return provider.dialect == "pulse" and pending is not None and pending.status == "processing"
