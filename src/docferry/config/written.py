"""A configuration as it was written: models together with the places they came from."""

from __future__ import annotations

from dataclasses import dataclass

from docferry.config.models import ConfigFile
from docferry.config.rules import RuleConfig, RuleTest
from docferry.config.yamlsource import Source


@dataclass(frozen=True)
class Written:
    """All rules and tests in the order in which they are tried, each with its file and its place in that file."""

    source: Source
    file: ConfigFile
    rules: tuple[tuple[RuleConfig, Source, int], ...]
    tests: tuple[tuple[RuleTest, Source, int], ...]
