"""``plan_info`` and ``credits_used``: a local engine bills nothing, but can account as the service would."""

from __future__ import annotations

from docferry.engine.tasks import Json, Task

# The service's published price list.
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


def bill(task: Task, price: float, pages: int) -> Json:
    """``plan_info`` and, where credits are accounted for, ``credits_used``. Totals include this request."""
    plan: Json = {"tier": "local", "pages_used": int(task.pages_used) + pages}
    if not task.bills_credits:
        return {"plan_info": plan | {"note": "a local engine bills nothing"}}
    return {"plan_info": plan | {"total_credits_used": task.credits_used + price}, "credits_used": price}
