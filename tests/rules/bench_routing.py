"""Measures routing: documents with facts at hand through many rules. Run as a script; prints one line for each case.

The rules are of the kinds people write: folders, names, types, sizes and page counts, the last one taking the rest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from docferry.config.rules import Defaults, RuleConfig, WhenConfig
from docferry.models import Json
from docferry.rules.evaluate import Matched, RuleSet, evaluate
from docferry.rules.known import cheap_facts

DOCUMENTS = 10_000
RULES = 200


def make_rules(count: int) -> RuleSet:
    """``count`` rules, of which the last takes everything."""
    rules = [RuleConfig(name=f"rule {number}", when=_when(number), provider="local") for number in range(count - 1)]
    return RuleSet([*rules, RuleConfig(name="rest", provider="local")], Defaults(), {})


def _when(number: int) -> WhenConfig:
    kinds: list[Mapping[str, Json]] = [
        {"path": f"customer-{number}/**"},
        {"name": f"*invoice-{number}*", "extension": "pdf"},
        {"type": "application/pdf", "path": f"team-{number}/**", "pages": f">= {number}"},
        {"any": [{"path": f"a-{number}/**"}, {"path": f"b-{number}/**"}], "size": "< 20 MB"},
        {"inbox": "scans", "regex": rf"^region-{number}/(?P<place>[^/]+)/"},
    ]
    return WhenConfig.model_validate(kinds[number % len(kinds)])


def make_documents(count: int) -> list[dict[str, Json]]:
    """Facts of ``count`` documents, spread over the rules; half of them are taken by the last one only."""
    documents = []
    for number in range(count):
        folder = f"customer-{number % 400 * 5}" if number % 2 else "elsewhere/deeper"
        facts = cheap_facts("scans", f"{folder}/document {number}.pdf", 100_000 + number, 1.0e9, 1.1e9)
        documents.append({**facts, "type": "application/pdf", "pages": number % 90, "encrypted": False})
    return documents


def measure(rules: RuleSet, documents: list[dict[str, Json]]) -> float:
    """Microseconds for each document."""
    started = time.perf_counter()
    taken = sum(isinstance(evaluate(rules, facts), Matched) for facts in documents)
    took_s = time.perf_counter() - started
    assert taken == len(documents)
    return took_s / len(documents) * 1e6


def main() -> None:
    rules, documents = make_rules(RULES), make_documents(DOCUMENTS)
    best_us = min(measure(rules, documents) for _ in range(3))
    print(f"routing: {DOCUMENTS} documents through {RULES} rules: {best_us:.1f} µs for each document (aim: under 100)")


if __name__ == "__main__":
    main()
