"""What holds for every test: Hypothesis judges results, never how fast a loaded machine is; figures are shown."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

FIGURES = "figures"
"""The property under which a test hands in a line for the end of the run (``record_property(FIGURES, line)``)."""

settings.register_profile("docferry", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("docferry")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Captured output may hold undecodable names, which cannot be sent from one process of the run to another."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests found out by counting, also of those that passed."""
    lines = [
        str(value)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, value in report.user_properties
        if name == FIGURES and report.when == "call"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
