"""Prometheus metrics of the daemon.

``Metrics`` counts nothing, ``PrometheusMetrics`` counts through the official client library; the pipeline calls one or
the other without asking which. Label values are names from the configuration and short
fixed words, never paths or ids: the number of time series stays small for years.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import docferry
from docferry.errors import UsageError
from docferry.models import DocumentState
from docferry.observe.notify import Mark

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_JOB_BUCKETS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_COMMIT_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)


class Metrics:
    """Takes what happens and keeps nothing: what the pipeline is given when metrics are off."""

    def submitted(self, provider: str, endpoint: str, outcome: str) -> None:
        """One request that submits. ``outcome``: accepted, or the name of the error's class."""

    def polled(self, provider: str, answer: str) -> None:
        """One poll, by the name of the answer's or the error's class."""

    def error(self, provider: str, kind: str) -> None:
        """One error of a provider, by the name of its class."""

    def uploaded(self, provider: str, size_bytes: int) -> None:
        """Bytes of documents that left for a provider."""

    def job_ended(self, provider: str, endpoint: str, took_s: float) -> None:
        """A job ended well, so many seconds after it was accepted."""

    def credits_spent(self, provider: str, amount: float) -> None:
        """Credits or pages that a provider says it charged."""

    def parked(self, provider: str, since: float | None) -> None:
        """A provider is parked since that moment (Unix seconds), or not parked (None). Repeating is harmless."""

    def committed(self, took_s: float, changes: int) -> None:
        """One durable commit of the ledger and how many changes it held. May come from any thread."""

    def documents(self, counts: Mapping[str, int]) -> None:
        """How many documents the ledger has in each state."""

    def oldest_waiting(self, age_s: Mapping[str, float]) -> None:
        """For each inbox the age of its oldest file or document that has not ended; 0 where none waits."""

    def inbox(self, name: str, *, online: bool, events: bool) -> None:
        """Whether an inbox is there, and whether its canary was seen, so that events arrive."""

    def progress(self, marks: Mapping[str, Mark], elapsed: float) -> None:
        """How long each part of the daemon has been silent."""

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return b""


class PrometheusMetrics(Metrics):
    """Counts in a registry of its own. ``now`` gives Unix seconds. Raises UsageError without prometheus-client."""

    def __init__(self, now: Callable[[], float]) -> None:
        try:
            import prometheus_client as client  # lazy: an optional extra
        except ImportError as error:
            hint = "pip install 'docferry[metrics]', or remove metrics.listen"
            raise UsageError("metrics need prometheus-client", hint=hint) from error
        registry = client.CollectorRegistry()
        self._registry: CollectorRegistry = registry
        self._render = client.generate_latest
        self._now = now
        self._parked_since: dict[str, float] = {}

        def counter(name: str, help: str, *labels: str) -> client.Counter:
            return client.Counter(f"docferry_{name}", help, labels, registry=registry)

        def gauge(name: str, help: str, *labels: str) -> client.Gauge:
            return client.Gauge(f"docferry_{name}", help, labels, registry=registry)

        self._submissions = counter("submissions", "Requests that submit a step", "provider", "endpoint", "outcome")
        self._polls = counter("polls", "Polls by their answer", "provider", "answer")
        self._errors = counter("errors", "Errors by class", "provider", "kind")
        self._upload_bytes = counter("upload_bytes", "Bytes of documents sent", "provider")
        self._credits = counter("credits", "Credits charged, as providers say", "provider")
        self._parked_s = counter("provider_parked_seconds", "Time spent parked", "provider")
        self._parked = gauge("provider_parked", "1 while the provider is parked", "provider")
        self._documents = gauge("documents", "Documents by state", "state")
        self._oldest = gauge("oldest_waiting_seconds", "Age of the oldest file or document not ended", "inbox")
        self._online = gauge("inbox_online", "1 while the inbox's filesystem is the one we know", "inbox")
        self._events = gauge("observer_alive", "1 while filesystem events arrive (canary)", "inbox")
        self._silence = gauge("part_silence_seconds", "Time since a part of the daemon made progress", "part")
        self._changes = counter("ledger_changes", "Changes committed to the ledger")
        self._jobs = client.Histogram(
            "docferry_job_duration_seconds",
            "From acceptance to the stored answer",
            ("provider", "endpoint"),
            buckets=_JOB_BUCKETS_S,
            registry=registry,
        )
        self._commits = client.Histogram(
            "docferry_ledger_commit_seconds", "Durable commits", buckets=_COMMIT_BUCKETS_S, registry=registry
        )
        gauge("build_info", "Always 1", "version").labels(docferry.__version__).set(1)
        client.ProcessCollector(registry=registry)

    def submitted(self, provider: str, endpoint: str, outcome: str) -> None:
        self._submissions.labels(provider, endpoint, outcome).inc()

    def polled(self, provider: str, answer: str) -> None:
        self._polls.labels(provider, answer).inc()

    def error(self, provider: str, kind: str) -> None:
        self._errors.labels(provider, kind).inc()

    def uploaded(self, provider: str, size_bytes: int) -> None:
        self._upload_bytes.labels(provider).inc(size_bytes)

    def job_ended(self, provider: str, endpoint: str, took_s: float) -> None:
        self._jobs.labels(provider, endpoint).observe(took_s)

    def credits_spent(self, provider: str, amount: float) -> None:
        self._credits.labels(provider).inc(amount)

    def parked(self, provider: str, since: float | None) -> None:
        self._count_parked_time()
        self._parked.labels(provider).set(0 if since is None else 1)
        if since is None:
            self._parked_since.pop(provider, None)
        else:
            self._parked_since.setdefault(provider, since)

    def _count_parked_time(self) -> None:
        """Moves the parked time up to now into the counter, so that a scrape sees it grow."""
        now = self._now()
        for provider, since in self._parked_since.items():
            self._parked_s.labels(provider).inc(max(0.0, now - since))  # a clock set back must not raise
            self._parked_since[provider] = now

    def committed(self, took_s: float, changes: int) -> None:
        self._commits.observe(took_s)
        self._changes.inc(changes)

    def documents(self, counts: Mapping[str, int]) -> None:
        for state in DocumentState:
            self._documents.labels(state.value).set(counts.get(state.value, 0))

    def oldest_waiting(self, age_s: Mapping[str, float]) -> None:
        self._oldest.clear()  # an inbox that a reload removed must not age for ever
        for inbox, age in age_s.items():
            self._oldest.labels(inbox).set(age)

    def inbox(self, name: str, *, online: bool, events: bool) -> None:
        self._online.labels(name).set(online)
        self._events.labels(name).set(events)

    def progress(self, marks: Mapping[str, Mark], elapsed: float) -> None:
        self._silence.clear()
        for part, mark in marks.items():
            self._silence.labels(part).set(elapsed - mark.progress_at)

    def render(self) -> bytes:
        self._count_parked_time()
        return self._render(self._registry)
