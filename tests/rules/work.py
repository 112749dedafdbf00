"""What the rule tests share: configurations, facts, candidates, and files of many kinds."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from config.work import VALID, read, with_rules
from docferry.config import Config
from docferry.models import Json
from docferry.rules.evaluate import RuleSet
from docferry.rules.facts import FactReader
from docferry.rules.known import cheap_facts, unreadable
from docferry.rules.route import Candidate, Router, Routing

__all__ = ["VALID", "read", "with_rules"]

SAMPLES = Path(__file__).parents[2] / "config" / "samples"
NOW = 1_772_366_400.0  # 2026-03-01T12:00:00Z
T = TypeVar("T")


def facts(path: str = "a.pdf", **more: Json) -> dict[str, Json]:
    """Facts of a document in the inbox ``scans``."""
    return {**cheap_facts("scans", path, 1000, NOW - 3600, NOW), **more}


def rule_set(config: Config) -> RuleSet:
    return RuleSet.of(config)


class Told:
    """Facts that a test tells instead of a file, with a record of what was asked, in order."""

    def __init__(self, told: Mapping[str, Json] | None = None) -> None:
        self.told = dict(told or {})
        self.asked: list[set[str]] = []

    async def read(self, path: Path, names: frozenset[str]) -> dict[str, Json]:
        self.asked.append(set(names))
        return {name: self.told.get(name, unreadable("nobody told")) for name in names}


def candidate(path: str = "a.pdf", file: Path = Path("/nowhere"), **more: Any) -> Candidate:
    modified_at = datetime.fromtimestamp(NOW - 3600, UTC)
    return Candidate(inbox="scans", path=path, file=file, size_bytes=1000, modified_at=modified_at, id="id0", **more)


def route(config: Config, told: Told, one: Candidate | None = None) -> Routing:
    return asyncio.run(Router(config, told, now=lambda: NOW).route(one or candidate()))


def with_reader(work: Callable[[FactReader], Awaitable[T]], **settings: Any) -> T:
    """Runs ``work`` with a real reader of facts, and ends its worker whatever happens."""

    async def run() -> T:
        reader = FactReader(**settings)
        try:
            return await work(reader)
        finally:
            await reader.aclose()

    return asyncio.run(run())


def read_facts(path: Path, *names: str) -> dict[str, Json]:
    """Facts of a real file from a real worker."""
    return with_reader(lambda reader: reader.read(path, frozenset(names)))


def write_zip(path: Path, members: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
