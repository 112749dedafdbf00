"""Synchronous or asynchronous: the decision behind ``mode: auto``."""

from __future__ import annotations

from typing import Protocol

from docferry.providers.base import Capabilities


class Thresholds(Protocol):
    """From where on a call is made which way; part of a provider's configuration."""

    @property
    def sync_max_pages(self) -> int: ...
    @property
    def sync_max_bytes(self) -> int: ...
    @property
    def async_min_pages(self) -> int: ...


def choose_mode(
    capabilities: Capabilities,
    thresholds: Thresholds,
    mode: str,
    *,
    endpoint: str,
    pages: int | None,
    size_bytes: int,
    is_chain: bool,
) -> str:
    """``sync`` or ``async``. What the endpoint cannot do is never chosen; an unknown page count counts as many.

    A wish for ``sync`` gives way where the provider refuses so many pages: the call could only fail.
    """
    if endpoint not in capabilities.sync_endpoints:
        return "async"
    if endpoint not in capabilities.async_endpoints:
        return "sync"
    if mode == "async" or _over(pages, capabilities.max_sync_pages):
        return "async"
    if mode == "sync":
        return "sync"
    if is_chain or pages is None or pages >= thresholds.async_min_pages:
        return "async"
    small = pages <= thresholds.sync_max_pages and size_bytes <= thresholds.sync_max_bytes
    return "sync" if small else "async"


MANY_PAGES = 10**9


def hangs_on_pages(
    capabilities: Capabilities, thresholds: Thresholds, mode: str, *, endpoint: str, size_bytes: int, is_chain: bool
) -> bool:
    """Whether ``choose_mode`` decides otherwise for one page than for many."""
    few, many = (
        choose_mode(
            capabilities, thresholds, mode, endpoint=endpoint, pages=pages, size_bytes=size_bytes, is_chain=is_chain
        )
        for pages in (1, MANY_PAGES)
    )
    return few != many


def _over(pages: int | None, limit: int | None) -> bool:
    return pages is not None and limit is not None and pages > limit
