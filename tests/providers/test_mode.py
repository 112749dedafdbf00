"""Synchronous or asynchronous."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from docferry.providers.base import Capabilities
from docferry.providers.mode import choose_mode, hangs_on_pages

BOTH = frozenset({"extract"})


@dataclass(frozen=True)
class Limits:
    sync_max_pages: int = 5
    sync_max_bytes: int = 1000
    async_min_pages: int = 50


def chosen(
    mode: str,
    pages: int | None,
    size: int = 10,
    chain: bool = False,
    limits: Limits | None = None,
    max_sync: int | None = None,
) -> str:
    capabilities = Capabilities(BOTH, BOTH, BOTH, False, False, False, frozenset(), max_sync)
    return choose_mode(
        capabilities, limits or Limits(), mode, endpoint="extract", pages=pages, size_bytes=size, is_chain=chain
    )


@pytest.mark.parametrize(
    ("mode", "pages", "size", "chain", "expected"),
    [
        ("auto", 1, 10, False, "sync"),
        ("auto", 5, 1000, False, "sync"),
        ("auto", 6, 10, False, "async"),
        ("auto", 1, 1001, False, "async"),
        ("auto", 1, 10, True, "async"),
        ("auto", 50, 10, False, "async"),
        ("auto", None, 10, False, "async"),
        ("sync", 49, 10_000, True, "sync"),
        ("async", 1, 10, False, "async"),
    ],
)
def test_the_choice(mode: str, pages: int | None, size: int, chain: bool, expected: str) -> None:
    assert chosen(mode, pages, size, chain) == expected


def test_fifty_pages_are_always_asynchronous_whatever_the_synchronous_limit() -> None:
    generous = Limits(sync_max_pages=1000)
    assert chosen("auto", 49, limits=generous) == "sync"
    assert chosen("auto", 50, limits=generous) == "async"


def test_a_wish_gives_way_to_what_the_provider_takes() -> None:
    assert chosen("sync", 6, max_sync=5) == "async"
    assert chosen("sync", 5, max_sync=5) == "sync"


def test_an_endpoint_that_exists_one_way_only() -> None:
    one_way = Capabilities(BOTH, frozenset(), BOTH, False, False, False, frozenset())
    other = Capabilities(BOTH, BOTH, frozenset(), False, False, False, frozenset())
    for capabilities, expected in ((one_way, "async"), (other, "sync")):
        for mode in ("auto", "sync", "async"):
            made = choose_mode(capabilities, Limits(), mode, endpoint="extract", pages=1, size_bytes=1, is_chain=False)
            assert made == expected


@pytest.mark.parametrize(
    ("mode", "size", "chain", "max_sync", "expected"),
    [
        ("auto", 1000, False, None, True),
        ("auto", 1001, False, None, False),  # too large, however few they are
        ("auto", 10, True, None, False),
        ("async", 10, False, None, False),
        ("sync", 10, False, None, False),
        ("sync", 10**9, False, 5, True),  # it gives way where the provider refuses so many
    ],
)
def test_when_the_number_of_pages_decides(
    mode: str, size: int, chain: bool, max_sync: int | None, expected: bool
) -> None:
    capabilities = Capabilities(BOTH, BOTH, BOTH, False, False, False, frozenset(), max_sync)
    told = hangs_on_pages(capabilities, Limits(), mode, endpoint="extract", size_bytes=size, is_chain=chain)
    assert told is expected
