"""The learned pace of every provider and endpoint: asked when to poll, told how long jobs took."""

from __future__ import annotations

import random
from collections.abc import Mapping
from urllib.parse import urlsplit

from docferry.config.models import ProviderConfig
from docferry.models import Document, Json, Step
from docferry.pipeline.pacing import PaceModel, PaceSettings, next_poll_at

LOCAL_QUICKEST_S = 0.01
REMOTE_QUICKEST_S = 1.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Key = tuple[str, str]  # provider, endpoint


class PaceBook:
    """Holds the models in memory; the daemon takes ``changed`` ones into the ledger from time to time."""

    def __init__(self, saved: Mapping[Key, Json], providers: Mapping[str, ProviderConfig], rng: random.Random) -> None:
        self._saved = saved
        self._quickest_s = {name: quickest_s(provider) for name, provider in providers.items()}
        self._rng = rng
        self._models: dict[Key, PaceModel] = {}
        self._changed: set[Key] = set()

    def follow(self, providers: Mapping[str, ProviderConfig]) -> None:
        """Learns of providers that a reload brought."""
        self._quickest_s = {name: quickest_s(provider) for name, provider in providers.items()}

    def first_poll_at(self, step: Step, document: Document, now: float) -> float:
        """When to ask first about a job that was accepted just now."""
        return self._next(step, document, accepted_at=now, now=now, retry_after_s=None)

    def next_poll_at(self, step: Step, document: Document, now: float, retry_after_s: float | None) -> float:
        return self._next(step, document, accepted_at=step.accepted_at or now, now=now, retry_after_s=retry_after_s)

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
        self, step: Step, document: Document, *, accepted_at: float, now: float, retry_after_s: float | None
    ) -> float:
        return next_poll_at(
            self._model(step),
            submitted_at=accepted_at,
            polls=step.polls,
            now=now,
            size_bytes=document.size_bytes,
            pages=document.pages,
            rng=self._rng,
            retry_after_s=retry_after_s,
        )

    def _model(self, step: Step) -> PaceModel:
        key = (step.provider, step.endpoint)
        if key not in self._models:
            settings = PaceSettings(quickest_s=self._quickest_s.get(step.provider, REMOTE_QUICKEST_S))
            self._models[key] = PaceModel.from_json(self._saved.get(key), settings)
        return self._models[key]


def quickest_s(provider: ProviderConfig) -> float:
    """The earliest moment at which an answer of a provider nobody knows yet is worth asking for."""
    host = urlsplit(provider.url).hostname if provider.url else None
    return LOCAL_QUICKEST_S if provider.engine or host in _LOOPBACK else REMOTE_QUICKEST_S
