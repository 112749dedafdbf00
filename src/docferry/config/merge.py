"""What is finally decided: a rule over the rules that continued into it, over the defaults. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docferry.config.base import FrozenModel
from docferry.config.rules import Decision, DeliverConfig


def over(base: Decision, upper: Decision) -> Decision:
    """What ``upper`` decides, and what ``base`` decides where it says nothing; ``deliver`` key by key."""
    values = _chosen(base, upper, Decision)
    values["deliver"] = DeliverConfig.model_validate(_chosen(base.deliver, upper.deliver, DeliverConfig))
    return Decision.model_construct(None, **values)


def combined(layers: Iterable[Decision]) -> Decision:
    """All ``layers``, later ones over earlier ones."""
    result = Decision()
    for layer in layers:
        result = over(result, layer)
    return result


def _chosen(base: FrozenModel, upper: FrozenModel, model: type[FrozenModel]) -> dict[str, Any]:
    pairs = {name: (getattr(upper, name), getattr(base, name)) for name in model.model_fields}
    return {name: below if above is None else above for name, (above, below) in pairs.items()}
