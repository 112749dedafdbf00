"""Joins what a language model read with what was read by rule."""

from __future__ import annotations

from collections.abc import Sequence

from docferry.engine.understanding.llm.fields import Chosen, Rows
from docferry.engine.understanding.schema.choice import NOTHING, Choice

_AGREEMENT_SCORE = 0.97
_CONTRADICTION_SCORE = 0.6


def merged_parts(answers: Sequence[tuple[Chosen, Rows]]) -> tuple[Chosen, Rows]:
    """One answer from those for the parts of a long document: the first value found, the rows of all."""
    chosen: Chosen = {}
    rows: Rows = {}
    for part_chosen, part_rows in answers:
        for path, choice in part_chosen.items():
            if chosen.get(path, NOTHING).value is None:
                chosen[path] = choice
        for array_path, part in part_rows.items():
            rows.setdefault(array_path, []).extend(part)
    return chosen, rows


def merged(by_rule: Chosen, by_model: Chosen) -> tuple[Chosen, list[str]]:
    """Scalars: the model's value, or the rule's where the model has none. Agreement is surer than either."""
    result: Chosen = {}
    warnings = []
    for path in by_rule | by_model:
        ruled, modelled = by_rule.get(path, NOTHING), by_model.get(path, NOTHING)
        if modelled.value is None or ruled.value is None:
            result[path] = ruled if modelled.value is None else modelled
        elif _same(ruled, modelled):
            result[path] = Choice(modelled.value, max(ruled.score, _AGREEMENT_SCORE), ruled.citations)
        else:
            result[path] = Choice(modelled.value, min(modelled.score, _CONTRADICTION_SCORE), modelled.citations)
            shown = f"'{str(modelled.value)[:40]}', by its label it is '{str(ruled.value)[:40]}'"
            warnings.append(f"{'.'.join(path)}: the language model read {shown}")
    return result, warnings


def _same(one: Choice, other: Choice) -> bool:
    if isinstance(one.value, str) and isinstance(other.value, str):
        return "".join(one.value.split()).casefold() == "".join(other.value.split()).casefold()
    return bool(one.value == other.value)
