"""A configuration as it was written: models together with the places they came from."""

from __future__ import annotations

from dataclasses import dataclass

from docferry.config.models import ConfigFile, InboxConfig
from docferry.config.rules import RuleConfig, RuleTest
from docferry.config.yamlsource import Source


@dataclass(frozen=True)
class Written:
    """All rules and tests in the order in which they are tried, each with its file and its place in that file.

    The names are those that are written, also of inboxes and providers that are wrong otherwise: a rule that
    names one of these is not wrong for it.
    """

    source: Source
    file: ConfigFile
    inboxes: tuple[tuple[int, InboxConfig], ...]
    rules: tuple[tuple[RuleConfig, Source, int], ...]
    tests: tuple[tuple[RuleTest, Source, int], ...]
    inbox_names: tuple[str, ...]
    provider_names: tuple[str, ...]
    maimed: tuple[tuple[RuleConfig, Source, int, frozenset[str]], ...]  # what is left of wrong rules without wrong keys
    whole: bool  # False: something else is wrong, and parts are missing here
