"""How many pages a document has, as far as sending it hangs on that: synchronous or not, and the page rate.

Rules read facts for themselves. What is read here beyond them is read only where it decides something, and for
most documents from their bytes, without asking the reader of facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docferry.config.models import ProviderConfig
from docferry.models import Json, Plan
from docferry.pipeline import steps as planning
from docferry.providers.base import Capabilities
from docferry.providers.mode import choose_mode, hangs_on_pages
from docferry.rules.pagebound import pages_at_most
from docferry.rules.route import ReadsFacts

AT_MOST = "pages_at_most"
"""The fact that a document has no more pages than this, where nobody counted them."""

LOOKED_INTO_BYTES = 5_000_000
COUNTED = frozenset({"type", "pages"})


@dataclass(frozen=True, slots=True)
class Target:
    """A provider that a document may be sent to."""

    capabilities: Capabilities
    config: ProviderConfig


def mode_of(target: Target, plan: Plan, index: int, pages: int | None, size_bytes: int) -> str:
    """``sync`` or ``async`` for one step. ``pages``: as many at most; None where nobody knows."""
    return choose_mode(
        target.capabilities,
        target.config,
        plan.mode,
        endpoint=plan.steps[index].endpoint,
        pages=pages,
        size_bytes=size_bytes,
        is_chain=len(plan.steps) > 1,
    )


def known_pages(facts: Mapping[str, Json]) -> int | None:
    """The number of pages, or what it is at most."""
    return next((facts[name] for name in ("pages", AT_MOST) if isinstance(facts.get(name), int)), None)


async def page_facts(
    target: Target, plan: Plan, facts: Mapping[str, Json], file: Path, size_bytes: int, reader: ReadsFacts
) -> dict[str, Json]:
    """What must be known besides ``facts`` before the first step is sent. Nothing for most documents."""
    if known_pages(facts) is not None or plan.steps[0].endpoint not in planning.UPLOADING:
        return {}
    counts = target.config.pages_rate is not None
    decides = hangs_on_pages(
        target.capabilities,
        target.config,
        plan.mode,
        endpoint=plan.steps[0].endpoint,
        size_bytes=size_bytes,
        is_chain=len(plan.steps) > 1,
    )
    if not counts and not decides:
        return {}
    try:
        found = {} if counts else await _bound(file, size_bytes)
        return found or await _counted(facts, file, size_bytes, reader)
    except OSError:
        return {}  # nothing depends on it: an unknown number counts as many


async def _counted(facts: Mapping[str, Json], file: Path, size_bytes: int, reader: ReadsFacts) -> dict[str, Json]:
    if "pages" in facts:  # asked for by a rule, in vain
        return await _bound(file, size_bytes)
    found = await reader.read(file, COUNTED - facts.keys())
    return found if known_pages(found) is not None else {**found, **await _bound(file, size_bytes)}


async def _bound(file: Path, size_bytes: int) -> dict[str, Json]:
    bound = await asyncio.to_thread(pages_at_most, file, size_bytes, LOOKED_INTO_BYTES)
    return {} if bound is None else {AT_MOST: bound}
