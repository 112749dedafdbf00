"""What holds for every test: Hypothesis judges results, never how fast a loaded machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("docferry", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("docferry")
