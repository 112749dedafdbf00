"""The service's published price list, for clients that account for credits. A local engine bills nothing."""

from __future__ import annotations

EXTRACT_PER_PAGE = 1.0
EXTRACT_PER_PAGE_ULTRA = 10.0
SPLIT = 2.0
SCHEMA = 1.0
SCHEMA_WITH_EFFORT = 4.0
PER_TABLE = 0.25
PER_MERGED_TABLE = 0.5


def of_extraction(model: str, pages: int) -> float:
    return pages * (EXTRACT_PER_PAGE_ULTRA if model == "pulse-ultra-2" else EXTRACT_PER_PAGE)


def of_schema(effort: bool) -> float:
    return SCHEMA_WITH_EFFORT if effort else SCHEMA


def of_tables(tables: int, merged: bool) -> float:
    return tables * (PER_MERGED_TABLE if merged else PER_TABLE)
